/// A small core and all that is proven for ever of the rows that go through it, under any stalls,
/// any resets, any input, malformed rows included. Values are not looked at.
///
/// What is promised stands in softmax_beats.sv, what makes it inductive in softmax_inside.sv; where
/// the beats stand differs from core to core, and each proof says it: softmax_flow_*_proof.sv.
/// Nothing is assumed but that the first cycle is one in reset.
module softmax_flow #(
    parameter string METHOD = "rexp",
    parameter int unsigned IN_W = 4,
    parameter int unsigned F = 0,
    parameter int unsigned W = 2,
    parameter int unsigned LANES = 2,
    parameter int unsigned MAX_LEN = 5,
    parameter int unsigned XS = 4,
    parameter int unsigned KE = 8,
    // The line: registers before the first store, between the stores, behind the last one.
    parameter int unsigned STORES = 1,
    parameter int unsigned FRONT = 1,
    parameter int unsigned INFO_A = 1,
    parameter int unsigned MIDDLE = 1,
    parameter int unsigned INFO_B = 1,
    parameter int unsigned TAIL = 1
) (
    input  logic                                              clk_i,
    input  logic                                              rst_ni,
    input  logic                                              pick_i,
    input  logic                                              s_axis_tvalid,
    input  logic                       [ LANES-1:0][IN_W-1:0] s_axis_tdata,
    input  logic                       [ LANES-1:0]           s_axis_tkeep,
    input  logic                       [ LANES-1:0]           s_axis_tuser,
    input  logic                                              s_axis_tlast,
    input  logic                                              m_axis_tready,
    input  softmax_flow_pkg::stage_t   [ FRONT-1:0]           front_i,
    input  row_store_ghost_pkg::view_t                        a_i,
    input  logic                       [ LANES-1:0]           a_keep_i,
    input  logic                       [INFO_A-1:0]           a_info_i,
    input  softmax_flow_pkg::stage_t   [MIDDLE-1:0]           middle_i,
    input  row_store_ghost_pkg::view_t                        b_i,
    input  logic                       [ LANES-1:0]           b_keep_i,
    input  logic                       [INFO_B-1:0]           b_info_i,
    input  softmax_flow_pkg::stage_t   [  TAIL-1:0]           tail_i,
    output softmax_flow_pkg::stage_t                          entry_o,
    output softmax_flow_pkg::stage_t                          exit_o,
    output logic                                              a_pick_o,
    output logic                                              b_pick_o
);

  localparam int unsigned MaxBeats = (MAX_LEN + LANES - 1) / LANES;
  localparam int unsigned Patience = TAIL + INFO_A + FRONT + 1 +
      ((STORES > 1) ? INFO_B + MIDDLE + MaxBeats + 1 : 0);

  logic s_axis_tready, m_axis_tvalid, m_axis_tlast;
  logic [LANES-1:0][W-1:0] m_axis_tdata;
  logic [LANES-1:0] m_axis_tkeep;
  logic [softmax_pkg::USER_W-1:0] m_axis_tuser;

  softmax_top #(
      .METHOD(METHOD),
      .IN_W(IN_W),
      .F(F),
      .W(W),
      .LANES(LANES),
      .MAX_LEN(MAX_LEN),
      .XS(XS),
      .KE(KE)
  ) u_top (
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

  softmax_beats #(
      .LANES(LANES),
      .MAX_LEN(MAX_LEN),
      .OUT_W(W),
      .PATIENCE(Patience)
  ) u_beats (
      .clk_i,
      .rst_ni,
      .pick_i,
      .s_valid_i(s_axis_tvalid),
      .s_ready_i(s_axis_tready),
      .s_keep_i (s_axis_tkeep),
      .s_last_i (s_axis_tlast),
      .m_valid_i(m_axis_tvalid),
      .m_ready_i(m_axis_tready),
      .m_data_i (m_axis_tdata),
      .m_keep_i (m_axis_tkeep),
      .m_user_i (m_axis_tuser),
      .m_last_i (m_axis_tlast)
  );

  a_door :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      u_beats.open_q == 8'(u_top.u_ingress.beats_q) && u_beats.bad_q == u_top.u_ingress.bad_q);

  // The two ends of the line are the same in every core.
  assign entry_o = '{
          valid: u_top.in_valid,
          last: u_top.in_last,
          bad: u_top.in_bad,
          skip: u_top.in_skip,
          moves: u_top.in_ready,
          keep: softmax_flow_pkg::MAX_LANES'(u_top.in_keep)
      };
  assign exit_o = '{
          valid: m_axis_tvalid,
          last: m_axis_tlast,
          bad: m_axis_tuser[0],
          skip: 1'b0,
          moves: m_axis_tready,
          keep: softmax_flow_pkg::MAX_LANES'(m_axis_tkeep)
      };

  softmax_inside #(
      .STORES(STORES),
      .FRONT(FRONT),
      .INFO_A(INFO_A),
      .MIDDLE(MIDDLE),
      .INFO_B(INFO_B),
      .TAIL(TAIL),
      .LANES(LANES),
      .MAX_BEATS(MaxBeats),
      .PATIENCE(Patience)
  ) u_inside (
      .clk_i,
      .rst_ni,
      .open_i  (u_beats.open_q),
      .owed_i  (u_beats.owed_q),
      .rows_i  (u_beats.rows_q),
      .wait_i  (u_beats.wait_q),
      .bad_i   (u_beats.bad_q),
      .picked_i(u_beats.picked_q),
      .whole_i (u_beats.whole_q),
      .last_i  (u_beats.last_q),
      .error_i (u_beats.error_q),
      .keep_i  (u_beats.keep_q),
      .ahead_i (u_beats.ahead_q),
      .front_i,
      .a_i,
      .a_keep_i,
      .a_info_i,
      .middle_i,
      .b_i,
      .b_keep_i,
      .b_info_i,
      .tail_i,
      .a_pick_o,
      .b_pick_o
  );

endmodule
