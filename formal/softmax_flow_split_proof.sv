/// The flow of rows through `split`, proven for ever: softmax_flow.sv says what.
///
///   front: the door, octave, power, term -> store -> tail: fetch, place, out
module softmax_flow_split_proof #(
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

  localparam int unsigned Front = 5;
  localparam int unsigned InfoA = 6;
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
      .METHOD("split"),
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

  localparam softmax_tables_pkg::split_format_t Form = softmax_pkg::split_format(W, 1'b0, 1'b0);
  localparam int unsigned Mant = Form.mant;
  localparam softmax_pkg::octaves_t Scale = softmax_pkg::octaves(W, 1'b0, 1'b0, F, IN_W);
  localparam int unsigned OctW = $clog2(Scale.last + 1);

  // A lane that is kept has an octave, or else the mantissa's low bit.
  logic [LANES-1:0] half_keep, octave_keep, line_keep, term_keep, fetch_keep;

  for (genvar i = 0; i < LANES; i++) begin : gen_keep
    assign half_keep[i] = u_flow.u_top.gen_split.u_core.u_octave.side[3+i]
        || u_flow.u_top.gen_split.u_core.u_octave.c[i][Form.g+:OctW] != '0;
    assign octave_keep[i] = u_flow.u_top.gen_split.u_core.octave_keep[i]
        || u_flow.u_top.gen_split.u_core.octave_c[i][Form.g+:OctW] != '0;
    assign line_keep[i] = u_flow.u_top.gen_split.u_core.u_power.keep_q[i]
        || u_flow.u_top.gen_split.u_core.u_power.octave_q[i] != '0;
    assign term_keep[i] = u_flow.u_top.gen_split.u_core.term_octave[i] != '0
        || u_flow.u_top.gen_split.u_core.term_mantissa[i][0];
    assign a_keep[i] = a_view.word[LANES*Mant+i*OctW+:OctW] != '0 || a_view.word[i*Mant];
    assign fetch_keep[i] = u_flow.u_top.gen_split.u_core.u_scale.fetch_octave[i] != '0
        || u_flow.u_top.gen_split.u_core.u_scale.fetch_mantissa[i][0];
  end

  softmax_flow_pkg::stage_t half, octave, power, term;
  assign half = '{
          valid: u_flow.u_top.gen_split.u_core.u_octave.half_valid,
          last: u_flow.u_top.gen_split.u_core.u_octave.side[2],
          bad: u_flow.u_top.gen_split.u_core.u_octave.side[1],
          skip: u_flow.u_top.gen_split.u_core.u_octave.side[0],
          moves: u_flow.u_top.gen_split.u_core.u_octave.half_ready,
          keep: softmax_flow_pkg::MAX_LANES'(half_keep)
      };
  assign octave = '{
          valid: u_flow.u_top.gen_split.u_core.octave_valid,
          last: u_flow.u_top.gen_split.u_core.octave_last,
          bad: u_flow.u_top.gen_split.u_core.octave_bad,
          skip: u_flow.u_top.gen_split.u_core.octave_skip,
          moves: u_flow.u_top.gen_split.u_core.octave_ready,
          keep: softmax_flow_pkg::MAX_LANES'(octave_keep)
      };
  assign power = '{
          valid: u_flow.u_top.gen_split.u_core.u_power.line_valid,
          last: u_flow.u_top.gen_split.u_core.u_power.line_last,
          bad: u_flow.u_top.gen_split.u_core.u_power.side_q[1],
          skip: u_flow.u_top.gen_split.u_core.u_power.side_q[0],
          moves: u_flow.u_top.gen_split.u_core.u_power.line_ready,
          keep: softmax_flow_pkg::MAX_LANES'(line_keep)
      };
  assign term = '{
          valid: u_flow.u_top.gen_split.u_core.term_valid,
          last: u_flow.u_top.gen_split.u_core.term_last,
          bad: u_flow.u_top.gen_split.u_core.term_bad,
          skip: u_flow.u_top.gen_split.u_core.term_skip,
          moves: u_flow.u_top.gen_split.u_core.term_ready,
          keep: softmax_flow_pkg::MAX_LANES'(term_keep)
      };

  // At the door a lane that is masked may stand behind the row's end.
  always_comb begin
    front = {term, power, octave, half, entry};
    front[0].keep = softmax_flow_pkg::MAX_LANES'(u_flow.u_top.in_keep | u_flow.u_top.in_live);
  end

  assign middle = '0;
  assign {b_view, b_keep, b_info} = '0;
  assign a_view = u_flow.u_top.gen_split.u_core.u_store.u_ghost.view_o;
  assign a_info = {
    u_flow.u_top.gen_split.u_core.u_reciprocal.u_valid.gen_line.line_q[3],
    u_flow.u_top.gen_split.u_core.u_reciprocal.u_valid.gen_line.line_q[2],
    u_flow.u_top.gen_split.u_core.u_reciprocal.u_valid.gen_line.line_q[1],
    u_flow.u_top.gen_split.u_core.u_reciprocal.u_valid.gen_line.line_q[0],
    u_flow.u_top.gen_split.u_core.u_total.total_valid,
    u_flow.u_top.gen_split.u_core.u_total.term_valid
        && u_flow.u_top.gen_split.u_core.u_total.term_last
  };
  always_ff @(posedge clk_i) begin
    assume (a_pick == u_flow.u_top.gen_split.u_core.u_store.u_ghost.pick);
  end

  softmax_flow_pkg::stage_t fetch, place;
  assign fetch = '{
          valid: u_flow.u_top.gen_split.u_core.u_scale.fetch_valid,
          last: u_flow.u_top.gen_split.u_core.u_scale.fetch_last,
          bad: u_flow.u_top.gen_split.u_core.u_scale.fetch_bad,
          skip: 1'b0,
          moves: u_flow.u_top.gen_split.u_core.u_scale.fetch_ready,
          keep: softmax_flow_pkg::MAX_LANES'(fetch_keep)
      };
  assign place = '{
          valid: u_flow.u_top.gen_split.u_core.u_scale.place_valid,
          last: u_flow.u_top.gen_split.u_core.u_scale.place_last,
          bad: u_flow.u_top.gen_split.u_core.u_scale.place_bad,
          skip: 1'b0,
          moves: u_flow.u_top.gen_split.u_core.u_scale.place_ready,
          keep: softmax_flow_pkg::MAX_LANES'(u_flow.u_top.gen_split.u_core.u_scale.keep)
      };

  // What stands for a malformed row loses its lanes in the last two stages.
  always_comb begin
    tail = {leaving, place, fetch};
    for (int unsigned i = 0; i + 2 < Tail; i++) if (tail[i].bad) tail[i].keep = '0;
  end

  a_dead :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      !place.valid || !place.bad ||
      (u_flow.u_top.gen_split.u_core.u_scale.dead == '1 && place.keep == '0));

endmodule
