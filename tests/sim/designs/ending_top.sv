/// Adds what a memory file says to every score, until the score in lane 0 makes it end everything.

/* verilator lint_off DECLFILENAME */
module ending_top #(
    parameter int IN_W = 8,
    parameter int F = 4,
    parameter int W = 8,
    parameter int LANES = 8,
    parameter int MAX_LEN = 64,
    localparam int OutW = (W == 15) ? 16 : W
) (
    input  logic clk_i,
    input  logic rst_ni,
    input  logic s_axis_tvalid,
    output logic s_axis_tready,
    input  logic [LANES*IN_W-1:0] s_axis_tdata,
    input  logic [LANES-1:0] s_axis_tkeep,
    input  logic [LANES-1:0] s_axis_tuser,
    input  logic s_axis_tlast,
    output logic m_axis_tvalid,
    input  logic m_axis_tready,
    output logic [LANES-1:0][OutW-1:0] m_axis_tdata,
    output logic [LANES-1:0] m_axis_tkeep,
    output logic m_axis_tlast,
    output logic [4:0] m_axis_tuser
);

  logic [OutW-1:0] step[1];
  initial $readmemh("step.hex", step);

  logic signed [IN_W-1:0] score;
  assign score = s_axis_tdata[IN_W-1:0];
  assign s_axis_tready = rst_ni && (!m_axis_tvalid || m_axis_tready);
  assign m_axis_tuser = '0;

  always_ff @(posedge clk_i) begin
    if (s_axis_tvalid && s_axis_tready) begin
      if (score == 100) $warning("a score of %0d", score);
      if (score == 101) $fatal(1, "a fatal score of %0d", score);
      if (score == 102) $error("an erroneous score of %0d", score);
      a_score : assert (score != 103) else $error("an asserted score of %0d", score);
      if (score == 104) $stop;
      if (score == 105) $finish;
      m_axis_tvalid <= 1'b1;
      m_axis_tkeep <= s_axis_tkeep;
      m_axis_tlast <= s_axis_tlast;
      for (int i = 0; i < LANES; i++) begin
        m_axis_tdata[i] <= s_axis_tuser[i] ? '0 : OutW'(s_axis_tdata[i*IN_W+:IN_W]) + step[0];
      end
    end else if (m_axis_tready) begin
      m_axis_tvalid <= 1'b0;
    end
    if (!rst_ni) m_axis_tvalid <= 1'b0;
  end

endmodule
