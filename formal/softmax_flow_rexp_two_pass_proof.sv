/// The flow of rows through `rexp` in two passes, proven for ever: softmax_flow.sv says what.
///
///   front: the door -> store -> tail: products, divide, select
module softmax_flow_rexp_two_pass_proof #(
    parameter int unsigned IN_W = 4,
    parameter int unsigned F = 0,
    parameter int unsigned W = 2,
    parameter int unsigned LANES = 2,
    parameter int unsigned MAX_LEN = 5,
    parameter int unsigned XS = 4,
    parameter int unsigned KE = 8
) (
    input logic                       clk_i,
    input logic                       rst_ni,
    input logic                       pick_i,
    input logic                       s_axis_tvalid,
    input logic [LANES-1:0][IN_W-1:0] s_axis_tdata,
    input logic [LANES-1:0]           s_axis_tkeep,
    input logic [LANES-1:0]           s_axis_tuser,
    input logic                       s_axis_tlast,
    input logic                       m_axis_tready
);

  localparam int unsigned Front = 1;
  localparam int unsigned InfoA = 9;
  localparam int unsigned Middle = 1;
  localparam int unsigned InfoB = 1;
  localparam int unsigned Tail = 3;

  softmax_flow_pkg::stage_t [ Front-1:0] front;
  softmax_flow_pkg::stage_t [Middle-1:0] middle;
  softmax_flow_pkg::stage_t [  Tail-1:0] tail;
  softmax_flow_pkg::stage_t entry, leaving;
  row_store_ghost_pkg::view_t a_view, b_view;
  logic [LANES-1:0] a_keep, b_keep;
  logic [InfoA-1:0] a_info;
  logic [InfoB-1:0] b_info;
  logic a_pick, unused_pick;

  softmax_flow #(
      .METHOD("rexp"),
      .IN_W(IN_W),
      .F(F),
      .W(W),
      .LANES(LANES),
      .MAX_LEN(MAX_LEN),
      .XS(XS),
      .KE(KE),
      .STORES(1),
      .FRONT(Front),
      .INFO_A(InfoA),
      .MIDDLE(Middle),
      .INFO_B(InfoB),
      .TAIL(Tail)
  ) u_flow (
      .clk_i,
      .rst_ni,
      .pick_i,
      .s_axis_tvalid,
      .s_axis_tdata,
      .s_axis_tkeep,
      .s_axis_tuser,
      .s_axis_tlast,
      .m_axis_tready,
      .front_i (front),
      .a_i     (a_view),
      .a_keep_i(a_keep),
      .a_info_i(a_info),
      .middle_i(middle),
      .b_i     (b_view),
      .b_keep_i(b_keep),
      .b_info_i(b_info),
      .tail_i  (tail),
      .entry_o (entry),
      .exit_o  (leaving),
      .a_pick_o(a_pick),
      .b_pick_o(unused_pick)
  );

  assign front = {entry};
  assign middle = '0;
  assign {b_view, b_keep, b_info} = '0;
  assign a_view = u_flow.u_top.gen_rexp_two_pass.u_core.u_store.u_ghost.view_o;
  assign a_keep = a_view.word[LANES+:LANES];
  assign a_info = {
    u_flow.u_top.gen_rexp_two_pass.u_core.u_sum_index.u_valid.gen_line.line_q[1],
    u_flow.u_top.gen_rexp_two_pass.u_core.u_sum_index.u_valid.gen_line.line_q[0],
    u_flow.u_top.gen_rexp_two_pass.u_core.u_count.u_valid.gen_line.line_q[1],
    u_flow.u_top.gen_rexp_two_pass.u_core.u_count.u_valid.gen_line.line_q[0],
    u_flow.u_top.gen_rexp_two_pass.u_core.u_count.u_count_valid.gen_line.line_q[2],
    u_flow.u_top.gen_rexp_two_pass.u_core.u_count.u_count_valid.gen_line.line_q[1],
    u_flow.u_top.gen_rexp_two_pass.u_core.u_count.u_count_valid.gen_line.line_q[0],
    u_flow.u_top.gen_rexp_two_pass.u_core.u_count.u_max.valid_o
        && u_flow.u_top.gen_rexp_two_pass.u_core.u_count.u_max.last_o,
    u_flow.u_top.gen_rexp_two_pass.u_core.u_count.u_max.u_control.gen_line.line_q[0] == 2'b11
  };
  always_ff @(posedge clk_i) begin
    assume (a_pick == u_flow.u_top.gen_rexp_two_pass.u_core.u_store.u_ghost.pick);
  end
  softmax_flow_pkg::stage_t out_stage, sel_stage;
  assign out_stage = '{
          valid: u_flow.u_top.gen_rexp_two_pass.u_core.out_valid,
          last: u_flow.u_top.gen_rexp_two_pass.u_core.out_last,
          bad: u_flow.u_top.gen_rexp_two_pass.u_core.out_bad,
          skip: 1'b0,
          moves: u_flow.u_top.gen_rexp_two_pass.u_core.out_ready,
          keep: softmax_flow_pkg::MAX_LANES'(u_flow.u_top.gen_rexp_two_pass.u_core.out_keep)
      };
  assign sel_stage = '{
          valid: u_flow.u_top.gen_rexp_two_pass.u_core.sel_valid,
          last: u_flow.u_top.gen_rexp_two_pass.u_core.sel_last,
          bad: u_flow.u_top.gen_rexp_two_pass.u_core.sel_bad,
          skip: 1'b0,
          moves: u_flow.u_top.gen_rexp_two_pass.u_core.sel_ready,
          keep: softmax_flow_pkg::MAX_LANES'(u_flow.u_top.gen_rexp_two_pass.u_core.sel_keep)
      };

  // What stands for a malformed row loses its lanes in the last stage.
  always_comb begin
    tail = {leaving, sel_stage, out_stage};
    for (int unsigned i = 0; i + 1 < Tail; i++) if (tail[i].bad) tail[i].keep = '0;
  end

endmodule
