/// Proof for ever that rows go through the core as they should, in a small configuration: under any
/// stalls, any resets, any input, malformed rows included.
///
/// What is promised stands in softmax_beats.sv, what makes it inductive in softmax_inside.sv; here
/// the three shapes of the core are laid out for it. Nothing is assumed but that the first cycle
/// is one in reset. Values are not looked at: softmax_proof.sv does that.
module softmax_flow_proof #(
    parameter string METHOD = "rexp",
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

  localparam bit TwoPass = METHOD == "split" || F == 0;
  localparam bit Rexp = METHOD == "rexp";
  localparam int unsigned MaxBeats = (MAX_LEN + LANES - 1) / LANES;
  // Registers and info stages of each shape, for two or four lanes.
  localparam int unsigned Stores = TwoPass ? 1 : 2;
  localparam int unsigned Front = (METHOD == "split") ? 4 : 1;
  localparam int unsigned InfoA = (METHOD == "split") ? 6 : TwoPass ? 8 : 2;
  localparam int unsigned Middle = TwoPass ? 1 : Rexp ? 4 : 5;
  localparam int unsigned InfoB = TwoPass ? 1 : 4;
  localparam int unsigned Tail = (TwoPass || Rexp) ? 4 : 3;
  localparam int unsigned Patience = Tail + InfoA + Front + 1 +
      (TwoPass ? 0 : InfoB + Middle + MaxBeats + 1);

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

  logic [Front-1:0] front_valid, front_last, front_bad, front_skip, front_moves;
  logic [Front-1:0][LANES-1:0] front_keep;
  logic [InfoA-1:0] a_info;
  logic [LANES-1:0] a_keep, b_keep;
  row_store_ghost_pkg::view_t a_view, b_view;
  logic [Middle-1:0] middle_valid, middle_last, middle_bad, middle_moves;
  logic [Middle-1:0][LANES-1:0] middle_keep;
  logic [InfoB-1:0] b_info;
  logic [Tail-1:0] tail_valid, tail_last, tail_bad, tail_moves;
  logic [Tail-1:0][LANES-1:0] tail_keep, tail_kept;
  logic a_pick, b_pick;

  softmax_inside #(
      .STORES(Stores),
      .FRONT(Front),
      .INFO_A(InfoA),
      .MIDDLE(Middle),
      .INFO_B(InfoB),
      .TAIL(Tail),
      .LANES(LANES),
      .MAX_BEATS(MaxBeats),
      .PATIENCE(Patience)
  ) u_inside (
      .clk_i,
      .rst_ni,
      .open_i        (u_beats.open_q),
      .owed_i        (u_beats.owed_q),
      .rows_i        (u_beats.rows_q),
      .wait_i        (u_beats.wait_q),
      .bad_i         (u_beats.bad_q),
      .picked_i      (u_beats.picked_q),
      .whole_i       (u_beats.whole_q),
      .last_i        (u_beats.last_q),
      .error_i       (u_beats.error_q),
      .keep_i        (u_beats.keep_q),
      .ahead_i       (u_beats.ahead_q),
      .front_valid_i (front_valid),
      .front_last_i  (front_last),
      .front_bad_i   (front_bad),
      .front_skip_i  (front_skip),
      .front_moves_i (front_moves),
      .front_keep_i  (front_keep),
      .a_i           (a_view),
      .a_keep_i      (a_keep),
      .a_info_i      (a_info),
      .middle_valid_i(middle_valid),
      .middle_last_i (middle_last),
      .middle_bad_i  (middle_bad),
      .middle_moves_i(middle_moves),
      .middle_keep_i (middle_keep),
      .b_i           (b_view),
      .b_keep_i      (b_keep),
      .b_info_i      (b_info),
      .tail_valid_i  (tail_valid),
      .tail_last_i   (tail_last),
      .tail_bad_i    (tail_bad),
      .tail_moves_i  (tail_moves),
      .tail_keep_i   (tail_keep),
      .a_pick_o      (a_pick),
      .b_pick_o      (b_pick)
  );

  // What stands for a malformed row loses its lanes in the last stages.
  localparam int unsigned Cleared = (METHOD == "split") ? 2 : 1;

  always_comb begin
    tail_keep = tail_kept;
    for (int unsigned i = 0; i + Cleared < Tail; i++) if (tail_bad[i]) tail_keep[i] = '0;
  end

  if (TwoPass) begin : gen_one_store
    assign {middle_valid, middle_last, middle_bad, middle_moves, middle_keep} = '0;
    assign {b_view, b_keep, b_info} = '0;
  end

  if (METHOD == "split") begin : gen_split
    localparam softmax_tables_pkg::split_format_t Form = softmax_pkg::split_format(W, 1'b0);
    localparam int unsigned Mant = Form.mant;
    localparam int unsigned OctW = $clog2(
        softmax_pkg::last_octave(Form.log2e, Form.k + F - Form.g, Form.k + F, IN_W) + 1
    );

    // A lane that is kept has an octave, or else the mantissa's low bit.
    logic [LANES-1:0] octave_keep, line_keep, term_keep, store_keep, out_keep, fetch_keep;

    assign front_valid = {
      u_top.gen_split.u_core.term_valid,
      u_top.gen_split.u_core.u_power.line_valid,
      u_top.gen_split.u_core.octave_valid,
      u_top.in_valid
    };
    assign front_last = {
      u_top.gen_split.u_core.term_last,
      u_top.gen_split.u_core.u_power.side_q[2],
      u_top.gen_split.u_core.octave_last,
      u_top.in_last
    };
    assign front_bad = {
      u_top.gen_split.u_core.term_bad,
      u_top.gen_split.u_core.u_power.side_q[1],
      u_top.gen_split.u_core.octave_bad,
      u_top.in_bad
    };
    assign front_skip = {
      u_top.gen_split.u_core.term_skip,
      u_top.gen_split.u_core.u_power.side_q[0],
      u_top.gen_split.u_core.octave_skip,
      u_top.in_skip
    };
    assign front_moves = {
      u_top.gen_split.u_core.term_ready,
      u_top.gen_split.u_core.u_power.line_ready,
      u_top.gen_split.u_core.octave_ready,
      u_top.in_ready
    };
    assign front_keep = {term_keep, line_keep, octave_keep, u_top.in_keep | u_top.in_live};
    assign a_view = u_top.gen_split.u_core.u_store.u_ghost.view_o;
    assign a_keep = store_keep;
    assign a_info = {
      u_top.gen_split.u_core.u_reciprocal.u_valid.gen_line.line_q[3],
      u_top.gen_split.u_core.u_reciprocal.u_valid.gen_line.line_q[2],
      u_top.gen_split.u_core.u_reciprocal.u_valid.gen_line.line_q[1],
      u_top.gen_split.u_core.u_reciprocal.u_valid.gen_line.line_q[0],
      u_top.gen_split.u_core.u_total.total_valid,
      u_top.gen_split.u_core.u_total.term_valid && u_top.gen_split.u_core.u_total.term_last
    };
    always_ff @(posedge clk_i) begin
      assume (a_pick == u_top.gen_split.u_core.u_store.u_ghost.pick);
    end
    assign tail_valid = {
      m_axis_tvalid,
      u_top.gen_split.u_core.u_scale.place_valid,
      u_top.gen_split.u_core.u_scale.fetch_valid,
      u_top.gen_split.u_core.out_valid
    };
    assign tail_last = {
      m_axis_tlast,
      u_top.gen_split.u_core.u_scale.place_last,
      u_top.gen_split.u_core.u_scale.fetch_last,
      u_top.gen_split.u_core.out_last
    };
    assign tail_bad = {
      m_axis_tuser[0],
      u_top.gen_split.u_core.u_scale.place_bad,
      u_top.gen_split.u_core.u_scale.fetch_bad,
      u_top.gen_split.u_core.out_bad
    };
    assign tail_moves = {
      m_axis_tready,
      u_top.gen_split.u_core.u_scale.place_ready,
      u_top.gen_split.u_core.u_scale.fetch_ready,
      u_top.gen_split.u_core.out_ready
    };
    assign tail_kept = {m_axis_tkeep, u_top.gen_split.u_core.u_scale.keep, fetch_keep, out_keep};

    for (genvar i = 0; i < LANES; i++) begin : gen_keep

      assign octave_keep[i] = u_top.gen_split.u_core.octave_keep[i]
          || u_top.gen_split.u_core.octave_c[i][Form.g+:OctW] != '0;
      assign line_keep[i] = u_top.gen_split.u_core.u_power.keep_q[i]
          || u_top.gen_split.u_core.u_power.octave_q[i] != '0;
      assign term_keep[i] = u_top.gen_split.u_core.term_octave[i] != '0
          || u_top.gen_split.u_core.term_mantissa[i][0];
      assign store_keep[i] = a_view.word[LANES*Mant+i*OctW+:OctW] != '0 || a_view.word[i*Mant];
      assign out_keep[i] = u_top.gen_split.u_core.out_octave[i] != '0
          || u_top.gen_split.u_core.out_mantissa[i][0];
      assign fetch_keep[i] = u_top.gen_split.u_core.u_scale.fetch_octave[i] != '0
          || u_top.gen_split.u_core.u_scale.fetch_mantissa[i][0];
    end

    a_dead :
    assert property (@(posedge clk_i) disable iff (!rst_ni)
        !u_top.gen_split.u_core.u_scale.place_valid || !u_top.gen_split.u_core.u_scale.place_bad ||
        (u_top.gen_split.u_core.u_scale.dead == '1 && u_top.gen_split.u_core.u_scale.keep == '0));
  end else if (TwoPass) begin : gen_two_pass
    assign front_valid = {u_top.in_valid};
    assign front_last = {u_top.in_last};
    assign front_bad = {u_top.in_bad};
    assign front_skip = {u_top.in_skip};
    assign front_moves = {u_top.in_ready};
    assign front_keep = {u_top.in_keep};
    assign a_view = u_top.gen_lookup.u_core.gen_two_pass.u_store.u_ghost.view_o;
    assign a_keep = a_view.word[LANES+:LANES];
    assign a_info = {
      u_top.gen_lookup.u_core.u_j_valid.gen_line.line_q[1],
      u_top.gen_lookup.u_core.u_j_valid.gen_line.line_q[0],
      u_top.gen_lookup.u_core.gen_two_pass.u_count.u_valid.gen_line.line_q[1],
      u_top.gen_lookup.u_core.gen_two_pass.u_count.u_valid.gen_line.line_q[0],
      u_top.gen_lookup.u_core.gen_two_pass.u_count.u_count_valid.gen_line.line_q[1],
      u_top.gen_lookup.u_core.gen_two_pass.u_count.u_count_valid.gen_line.line_q[0],
      u_top.gen_lookup.u_core.gen_two_pass.u_count.u_max.valid_o
          && u_top.gen_lookup.u_core.gen_two_pass.u_count.u_max.last_o,
      u_top.gen_lookup.u_core.gen_two_pass.u_count.u_max.u_control.gen_line.line_q[0] == 2'b11
    };
    always_ff @(posedge clk_i) begin
      assume (a_pick == u_top.gen_lookup.u_core.gen_two_pass.u_store.u_ghost.pick);
    end
    assign tail_valid = {
      m_axis_tvalid,
      u_top.gen_lookup.u_core.sel_valid,
      u_top.gen_lookup.u_core.out_valid,
      u_top.gen_lookup.u_core.gen_two_pass.pop_valid
    };
    assign tail_last = {
      m_axis_tlast,
      u_top.gen_lookup.u_core.sel_last,
      u_top.gen_lookup.u_core.out_last,
      u_top.gen_lookup.u_core.gen_two_pass.pop_last
    };
    assign tail_bad = {
      m_axis_tuser[0],
      u_top.gen_lookup.u_core.sel_bad,
      u_top.gen_lookup.u_core.out_bad,
      u_top.gen_lookup.u_core.gen_two_pass.pop_bad
    };
    assign tail_moves = {
      m_axis_tready,
      u_top.gen_lookup.u_core.sel_ready,
      u_top.gen_lookup.u_core.out_ready,
      u_top.gen_lookup.u_core.gen_two_pass.pop_ready
    };
    assign tail_kept = {
      m_axis_tkeep,
      u_top.gen_lookup.u_core.sel_keep,
      u_top.gen_lookup.u_core.out_keep,
      u_top.gen_lookup.u_core.gen_two_pass.pop_keep
    };
  end else if (Rexp) begin : gen_three_pass
    assign front_valid = {u_top.in_valid};
    assign front_last = {u_top.in_last};
    assign front_bad = {u_top.in_bad};
    assign front_skip = {u_top.in_skip};
    assign front_moves = {u_top.in_ready};
    assign front_keep = {u_top.in_keep};
    assign a_view = u_top.gen_lookup.u_core.gen_three_pass.u_store.u_ghost.view_o;
    assign a_keep = a_view.word[LANES+:LANES];
    assign a_info = {
      u_top.gen_lookup.u_core.gen_three_pass.max_valid
          && u_top.gen_lookup.u_core.gen_three_pass.max_last,
      u_top.gen_lookup.u_core.gen_three_pass.u_max.u_control.gen_line.line_q[0] == 2'b11
    };
    always_ff @(posedge clk_i) begin
      assume (a_pick == u_top.gen_lookup.u_core.gen_three_pass.u_store.u_ghost.pick);
    end
    assign middle_valid = {
      u_top.gen_lookup.u_core.gen_three_pass.code_valid,
      u_top.gen_lookup.u_core.gen_three_pass.exp_valid,
      u_top.gen_lookup.u_core.idx_valid,
      u_top.gen_lookup.u_core.gen_three_pass.pop_valid
    };
    assign middle_last = {
      u_top.gen_lookup.u_core.gen_three_pass.code_last,
      u_top.gen_lookup.u_core.gen_three_pass.exp_last,
      u_top.gen_lookup.u_core.idx_last,
      u_top.gen_lookup.u_core.gen_three_pass.pop_last
    };
    assign middle_bad = {
      u_top.gen_lookup.u_core.gen_three_pass.code_bad,
      u_top.gen_lookup.u_core.gen_three_pass.exp_bad,
      u_top.gen_lookup.u_core.idx_bad,
      u_top.gen_lookup.u_core.gen_three_pass.pop_bad
    };
    assign middle_moves = {
      u_top.gen_lookup.u_core.gen_three_pass.code_ready,
      u_top.gen_lookup.u_core.gen_three_pass.exp_ready,
      u_top.gen_lookup.u_core.idx_ready,
      u_top.gen_lookup.u_core.gen_three_pass.pop_ready
    };
    assign middle_keep = {
      u_top.gen_lookup.u_core.gen_three_pass.code_keep,
      u_top.gen_lookup.u_core.gen_three_pass.exp_keep,
      u_top.gen_lookup.u_core.idx_keep,
      u_top.gen_lookup.u_core.gen_three_pass.pop_keep
    };
    assign b_view = u_top.gen_lookup.u_core.gen_three_pass.u_code_store.u_ghost.view_o;
    assign b_keep = b_view.word[LANES+:LANES];
    assign b_info = {
      u_top.gen_lookup.u_core.u_j_valid.gen_line.line_q[1],
      u_top.gen_lookup.u_core.u_j_valid.gen_line.line_q[0],
      u_top.gen_lookup.u_core.gen_three_pass.u_sum.valid_o,
      u_top.gen_lookup.u_core.gen_three_pass.u_sum.u_control.gen_line.line_q[0] == 2'b11
    };
    always_ff @(posedge clk_i) begin
      assume (b_pick == u_top.gen_lookup.u_core.gen_three_pass.u_code_store.u_ghost.pick);
    end
    assign tail_valid = {
      m_axis_tvalid,
      u_top.gen_lookup.u_core.sel_valid,
      u_top.gen_lookup.u_core.out_valid,
      u_top.gen_lookup.u_core.gen_three_pass.fin_valid
    };
    assign tail_last = {
      m_axis_tlast,
      u_top.gen_lookup.u_core.sel_last,
      u_top.gen_lookup.u_core.out_last,
      u_top.gen_lookup.u_core.gen_three_pass.fin_last
    };
    assign tail_bad = {
      m_axis_tuser[0],
      u_top.gen_lookup.u_core.sel_bad,
      u_top.gen_lookup.u_core.out_bad,
      u_top.gen_lookup.u_core.gen_three_pass.fin_bad
    };
    assign tail_moves = {
      m_axis_tready,
      u_top.gen_lookup.u_core.sel_ready,
      u_top.gen_lookup.u_core.out_ready,
      u_top.gen_lookup.u_core.gen_three_pass.fin_ready
    };
    assign tail_kept = {
      m_axis_tkeep,
      u_top.gen_lookup.u_core.sel_keep,
      u_top.gen_lookup.u_core.out_keep,
      u_top.gen_lookup.u_core.gen_three_pass.fin_keep
    };
  end else begin : gen_lut2d
    assign front_valid = {u_top.in_valid};
    assign front_last = {u_top.in_last};
    assign front_bad = {u_top.in_bad};
    assign front_skip = {u_top.in_skip};
    assign front_moves = {u_top.in_ready};
    assign front_keep = {u_top.in_keep};
    assign a_view = u_top.gen_lookup.u_core.gen_three_pass.u_store.u_ghost.view_o;
    assign a_keep = a_view.word[LANES+:LANES];
    assign a_info = {
      u_top.gen_lookup.u_core.gen_three_pass.max_valid
          && u_top.gen_lookup.u_core.gen_three_pass.max_last,
      u_top.gen_lookup.u_core.gen_three_pass.u_max.u_control.gen_line.line_q[0] == 2'b11
    };
    always_ff @(posedge clk_i) begin
      assume (a_pick == u_top.gen_lookup.u_core.gen_three_pass.u_store.u_ghost.pick);
    end
    assign middle_valid = {
      u_top.gen_lookup.u_core.gen_three_pass.code_valid,
      u_top.gen_lookup.u_core.gen_three_pass.gen_lut2d.tenth_valid,
      u_top.gen_lookup.u_core.gen_three_pass.exp_valid,
      u_top.gen_lookup.u_core.idx_valid,
      u_top.gen_lookup.u_core.gen_three_pass.pop_valid
    };
    assign middle_last = {
      u_top.gen_lookup.u_core.gen_three_pass.code_last,
      u_top.gen_lookup.u_core.gen_three_pass.gen_lut2d.tenth_last,
      u_top.gen_lookup.u_core.gen_three_pass.exp_last,
      u_top.gen_lookup.u_core.idx_last,
      u_top.gen_lookup.u_core.gen_three_pass.pop_last
    };
    assign middle_bad = {
      u_top.gen_lookup.u_core.gen_three_pass.code_bad,
      u_top.gen_lookup.u_core.gen_three_pass.gen_lut2d.tenth_bad,
      u_top.gen_lookup.u_core.gen_three_pass.exp_bad,
      u_top.gen_lookup.u_core.idx_bad,
      u_top.gen_lookup.u_core.gen_three_pass.pop_bad
    };
    assign middle_moves = {
      u_top.gen_lookup.u_core.gen_three_pass.code_ready,
      u_top.gen_lookup.u_core.gen_three_pass.gen_lut2d.tenth_ready,
      u_top.gen_lookup.u_core.gen_three_pass.exp_ready,
      u_top.gen_lookup.u_core.idx_ready,
      u_top.gen_lookup.u_core.gen_three_pass.pop_ready
    };
    assign middle_keep = {
      u_top.gen_lookup.u_core.gen_three_pass.code_keep,
      u_top.gen_lookup.u_core.gen_three_pass.gen_lut2d.tenth_keep,
      u_top.gen_lookup.u_core.gen_three_pass.exp_keep,
      u_top.gen_lookup.u_core.idx_keep,
      u_top.gen_lookup.u_core.gen_three_pass.pop_keep
    };
    assign b_view = u_top.gen_lookup.u_core.gen_three_pass.u_code_store.u_ghost.view_o;
    assign b_keep = b_view.word[LANES+:LANES];
    assign b_info = {
      u_top.gen_lookup.u_core.u_j_valid.gen_line.line_q[1],
      u_top.gen_lookup.u_core.u_j_valid.gen_line.line_q[0],
      u_top.gen_lookup.u_core.gen_three_pass.u_sum.valid_o,
      u_top.gen_lookup.u_core.gen_three_pass.u_sum.u_control.gen_line.line_q[0] == 2'b11
    };
    always_ff @(posedge clk_i) begin
      assume (b_pick == u_top.gen_lookup.u_core.gen_three_pass.u_code_store.u_ghost.pick);
    end
    assign tail_valid = {
      m_axis_tvalid,
      u_top.gen_lookup.u_core.sel_valid,
      u_top.gen_lookup.u_core.gen_three_pass.fin_valid
    };
    assign tail_last = {
      m_axis_tlast,
      u_top.gen_lookup.u_core.sel_last,
      u_top.gen_lookup.u_core.gen_three_pass.fin_last
    };
    assign tail_bad = {
      m_axis_tuser[0],
      u_top.gen_lookup.u_core.sel_bad,
      u_top.gen_lookup.u_core.gen_three_pass.fin_bad
    };
    assign tail_moves = {
      m_axis_tready,
      u_top.gen_lookup.u_core.sel_ready,
      u_top.gen_lookup.u_core.gen_three_pass.fin_ready
    };
    assign tail_kept = {
      m_axis_tkeep,
      u_top.gen_lookup.u_core.sel_keep,
      u_top.gen_lookup.u_core.gen_three_pass.fin_keep
    };
  end

endmodule
