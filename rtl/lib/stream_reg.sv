/// A pipeline register on a valid/ready stream, one word deep.
///
/// A chain of them moves as one: all take a word when what is behind the last takes one, so no
/// `ready` passes a gate between the store that a chain ends in and the registers before it. Gaps
/// between words stay as they are. ELASTIC: a word is taken into an empty register as well,
/// whatever is behind it; what ends in a sink ends in such a one, for a sink may wait for an offer
/// before it is ready.
///
/// Latency: 1 cycle.
module stream_reg #(
    parameter int unsigned W = 8,
    parameter bit ELASTIC = 1'b0
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

  assign ready_o = ready_i || (ELASTIC && !valid_q);
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
