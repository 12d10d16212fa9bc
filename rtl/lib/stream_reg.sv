/// A pipeline register on a valid/ready stream, one word deep.
///
/// Accepts a word whenever it is empty or being emptied, so a chain of them moves one word a
/// cycle and closes its own bubbles while the sink stalls. `valid_o` comes from a flip-flop;
/// `ready_o` follows `ready_i` through one gate. A two-word skid buffer would cut that path at
/// twice the flip-flops: with at most eight registers in a chain it is not worth them.
///
/// Latency: 1 cycle.
module stream_reg #(
    parameter int unsigned W = 8
) (
    input  logic         clk_i,
    input  logic         rst_ni,
    input  logic         valid_i,
    output logic         ready_o,
    input  logic [W-1:0] data_i,
    output logic         valid_o,
    input  logic         ready_i,
    output logic [W-1:0] data_o
);

  logic valid_q;
  logic [W-1:0] data_q;

  assign ready_o = ready_i || !valid_q;
  assign valid_o = valid_q;
  assign data_o  = data_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= 1'b0;
    else if (ready_o) valid_q <= valid_i;
  end

  always_ff @(posedge clk_i) begin
    if (ready_o && valid_i) data_q <= data_i;
  end

endmodule
