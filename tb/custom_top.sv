/// A design of the user's own in the place of the core: the macro DESIGN_TOP names its module.
///
/// The name is the one thing that a parameter cannot carry. The design takes the parameters of
/// the streams; what belongs to our methods stays here.
module softmax_top #(
    parameter string METHOD = "custom",
    parameter string INDEX = "distance",
    parameter string SUM_INDEX = "nearest",
    parameter int unsigned IN_W = 16,
    parameter int unsigned F = 8,
    parameter int unsigned W = 8,
    parameter int unsigned LANES = 8,
    parameter int unsigned MAX_LEN = 1024,
    parameter int unsigned XS = 1,
    parameter int unsigned KE = 2,
    parameter bit ROW_EXP = 1'b0,
    localparam int unsigned OutW = (W == 15) ? 16 : W,
    localparam int unsigned UserW = 5
) (
    input  logic                  clk_i,
    input  logic                  rst_ni,
    input  logic                  s_axis_tvalid,
    output logic                  s_axis_tready,
    input  logic [LANES*IN_W-1:0] s_axis_tdata,
    input  logic [     LANES-1:0] s_axis_tkeep,
    input  logic [     LANES-1:0] s_axis_tuser,
    input  logic                  s_axis_tlast,
    output logic                  m_axis_tvalid,
    input  logic                  m_axis_tready,
    output logic [LANES*OutW-1:0] m_axis_tdata,
    output logic [     LANES-1:0] m_axis_tkeep,
    output logic [     UserW-1:0] m_axis_tuser,
    output logic                  m_axis_tlast
);

  `DESIGN_TOP #(
      .IN_W(IN_W),
      .F(F),
      .W(W),
      .LANES(LANES),
      .MAX_LEN(MAX_LEN)
  ) u_design (
      .clk_i,
      .rst_ni,
      .s_axis_tvalid,
      .s_axis_tready,
      .s_axis_tdata,
      .s_axis_tkeep,
      .s_axis_tuser,
      .s_axis_tlast,
      .m_axis_tvalid,
      .m_axis_tready,
      .m_axis_tdata,
      .m_axis_tkeep,
      .m_axis_tuser,
      .m_axis_tlast
  );

endmodule
