/// Delays a word by a fixed number of cycles, beside a pipeline that never stalls.
///
/// With RESET the line is cleared, which valid bits need; payload beside them does not.
///
/// Latency: STAGES cycles, 0 included.
module delay_line #(
    parameter int unsigned W = 1,
    parameter int unsigned STAGES = 1,
    parameter bit RESET = 1'b0
) (
    input  logic         clk_i,
    input  logic         rst_ni,
    input  logic [W-1:0] data_i,
    output logic [W-1:0] data_o
);

  if (STAGES == 0) begin : gen_wire
    logic unused;
    assign unused = &{1'b0, clk_i, rst_ni};
    assign data_o = data_i;
  end else begin : gen_line
    logic [STAGES-1:0][W-1:0] line_q;

    always_ff @(posedge clk_i) begin
      line_q[0] <= data_i;
      for (int unsigned i = 1; i < STAGES; i++) line_q[i] <= line_q[i-1];
      if (RESET && !rst_ni) line_q <= '0;
    end

    assign data_o = line_q[STAGES-1];
  end

endmodule
