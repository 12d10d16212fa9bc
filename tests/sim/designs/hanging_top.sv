/// Passes every beat on through one register, until the score in lane 0 makes it break off.
///
/// From the beat that carries it on: StopTaking takes no more, Swallow takes but gives nothing,
/// StopGiving never offers the beat it took, Repeat offers it for ever, Crash ends the simulator.

/* verilator lint_off DECLFILENAME */
/* verilator lint_off UNUSEDPARAM */
/* verilator lint_off UNUSEDSIGNAL */
module softmax_top #(
    parameter string METHOD = "rexp",
    parameter string INDEX = "distance",
    parameter string SUM_INDEX = "nearest",
    parameter int IN_W = 16,
    parameter int F = 8,
    parameter int W = 8,
    parameter int LANES = 8,
    parameter int MAX_LEN = 1024,
    parameter int XS = 256,
    parameter int KE = 101,
    parameter bit ROW_EXP = 1'b0,
    parameter bit BASE2 = 1'b0,
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
    output logic [LANES*OutW-1:0] m_axis_tdata,
    output logic [LANES-1:0] m_axis_tkeep,
    output logic m_axis_tlast,
    output logic [4:0] m_axis_tuser
);

  typedef enum logic signed [IN_W-1:0] {
    StopTaking = -1,
    Swallow = -2,
    StopGiving = -3,
    Repeat = -4,
    Crash = -5
  } code_e;

  logic signed [IN_W-1:0] score;
  logic full_q, swallow_q, stop_q, repeat_q;

  assign score = s_axis_tdata[IN_W-1:0];
  assign m_axis_tuser = '0;
  assign m_axis_tvalid = full_q && !stop_q;
  assign s_axis_tready = rst_ni && (!full_q || (m_axis_tready && m_axis_tvalid))
      && !repeat_q && !(s_axis_tvalid && score == StopTaking);

  always_ff @(posedge clk_i) begin
    if (s_axis_tvalid && s_axis_tready) begin
      if (score == Crash) $fatal(1, "stepped on a score of %0d", score);
      swallow_q <= swallow_q || (score == Swallow);
      stop_q <= score == StopGiving;
      repeat_q <= score == Repeat;
      full_q <= !swallow_q && (score != Swallow);
      m_axis_tkeep <= s_axis_tkeep;
      m_axis_tlast <= s_axis_tlast;
      for (int i = 0; i < LANES; i++) begin
        m_axis_tdata[i*OutW+:OutW] <= s_axis_tdata[i*IN_W+:OutW];
      end
    end else if (m_axis_tready && !stop_q && !repeat_q) begin
      full_q <= 1'b0;
    end
    if (!rst_ni) begin
      full_q <= 1'b0;
      swallow_q <= 1'b0;
      stop_q <= 1'b0;
      repeat_q <= 1'b0;
    end
  end

endmodule
