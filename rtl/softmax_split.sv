/// The core of method `split`: beats of scores in, beats of probabilities out, in two passes.
///
///   octave -> power -> row store -> scale
///                   -> total -> reciprocal, beside it the row's maximum where ROW_EXP needs it
///
/// What is stored of a lane is its octave and its mantissa, all that the last pass needs of it:
/// 14 bits for an 8-bit score. Nothing is computed twice.
///
/// Latency: golden/timing.py.
module softmax_split #(
    parameter int unsigned IN_W = 8,
    parameter int unsigned F = 4,
    parameter int unsigned W = 8,
    parameter int unsigned OUT_W = 8,
    parameter int unsigned LANES = 8,
    parameter int unsigned MAX_LEN = 1024,
    parameter bit ROW_EXP = 1'b0,
    parameter bit BASE2 = 1'b0
) (
    input  logic                                      clk_i,
    input  logic                                      rst_ni,
    input  logic                                      valid_i,
    output logic                                      ready_o,
    input  logic [              LANES-1:0][ IN_W-1:0] q_i,
    input  logic [              LANES-1:0]            keep_i,
    input  logic [              LANES-1:0]            live_i,
    input  logic                                      last_i,
    input  logic                                      bad_i,
    input  logic                                      skip_i,
    output logic                                      valid_o,
    input  logic                                      ready_i,
    output logic [              LANES-1:0][OUT_W-1:0] y_o,
    output logic [              LANES-1:0]            keep_o,
    output logic                                      last_o,
    output logic                                      bad_o,
    output logic [softmax_pkg::USER_W-2:0]            exponent_o
);

  localparam softmax_tables_pkg::split_format_t Form = softmax_pkg::split_format(W, ROW_EXP, BASE2);
  localparam int unsigned Mant = Form.mant;
  localparam softmax_pkg::octaves_t Scale = softmax_pkg::octaves(W, ROW_EXP, BASE2, F, IN_W);
  localparam int unsigned LastOctave = Scale.last;
  localparam int unsigned OctW = $clog2(LastOctave + 1);
  localparam int unsigned ScoreW = OctW + Form.g;
  localparam bit Many = LastOctave >= (1 << softmax_pkg::ONE_WINDOW_LOG2);
  localparam int unsigned WindowLog2 = Many ? Form.window : softmax_pkg::ONE_WINDOW_LOG2;
  localparam int unsigned WinW = Many ? OctW - WindowLog2 : 1;
  localparam int unsigned Columns = Many ? Form.columns : 1;
  localparam int unsigned More = (Many && Form.s > Mant) ? Form.s - Mant : 0;
  localparam int unsigned SumW = Mant + More + (Many ? 1 << WindowLog2 : LastOctave + 1) + $clog2(
      MAX_LEN + 1
  );
  // A sum of MAX_LEN largest terms.
  localparam int unsigned TopW = $clog2(LastOctave + $clog2(MAX_LEN + 1) + 2);
  // Cycles from the last push of a row to its info; one more of room (row_store.sv).
  localparam int unsigned TotalLatency = ($clog2((LANES + 1) / 2) + 1) / 2 + (Many ? 3 : 2);
  localparam int unsigned InfoLatency = TotalLatency + ((Form.newton != 0) ? 5 : 4);
  localparam int unsigned Depth = (MAX_LEN + LANES - 1) / LANES + InfoLatency + 1;

  // Scores to octaves and powers.
  logic octave_valid, octave_ready, octave_last, octave_bad, octave_skip;
  logic [LANES-1:0][ScoreW-1:0] octave_c;
  logic [LANES-1:0] octave_keep;

  softmax_octave #(
      .W(W),
      .ROW_EXP(ROW_EXP),
      .BASE2(BASE2),
      .IN_W(IN_W),
      .F(F),
      .OCT_W(OctW),
      .LANES(LANES),
      .SIDE_W(LANES + 3)
  ) u_octave (
      .clk_i,
      .rst_ni,
      .valid_i,
      .ready_o,
      .q_i,
      .live_i,
      .side_i ({keep_i, last_i, bad_i, skip_i}),
      .valid_o(octave_valid),
      .ready_i(octave_ready),
      .c_o    (octave_c),
      .side_o ({octave_keep, octave_last, octave_bad, octave_skip})
  );

  logic term_valid, term_ready, term_fire, term_last, term_bad, term_skip;
  logic [LANES-1:0][OctW-1:0] term_octave;
  logic [LANES-1:0] term_live;
  logic [LANES-1:0][Mant-1:0] term_mantissa;
  logic [WinW-1:0] term_window, term_top;
  logic [Columns-1:0] term_falls, term_rises;

  softmax_power #(
      .W(W),
      .ROW_EXP(ROW_EXP),
      .BASE2(BASE2),
      .OCT_W(OctW),
      .LANES(LANES),
      .SIDE_W(2),
      .WINDOW_LOG2(WindowLog2),
      .WIN_W(WinW),
      .COLUMNS(Columns)
  ) u_power (
      .clk_i,
      .rst_ni,
      .valid_i(octave_valid),
      .ready_o(octave_ready),
      .c_i(octave_c),
      .keep_i(octave_keep),
      .last_i(octave_last),
      .side_i({octave_bad, octave_skip}),
      .valid_o(term_valid),
      .ready_i(term_ready),
      .octave_o(term_octave),
      .mantissa_o(term_mantissa),
      .window_o(term_window),
      .top_o(term_top),
      .falls_o(term_falls),
      .rises_o(term_rises),
      .last_o(term_last),
      .side_o({term_bad, term_skip})
  );

  assign term_fire = term_valid && term_ready;

  always_comb begin
    for (int unsigned i = 0; i < LANES; i++) term_live[i] = term_octave[i] != '0;
  end

  // What the last pass needs to know of the row.
  logic total_valid, info_valid;
  logic [WinW-1:0] total_window;
  logic [SumW-1:0] total;
  logic [TopW-1:0] top, out_top;
  logic [Form.r-1:0] r, out_r;
  logic [OctW-1:0] max_octave, out_max_octave;
  logic [Mant-1:0] max_mantissa, out_max_mantissa;

  softmax_total #(
      .MANT(Mant),
      .LAST(LastOctave),
      .LANES(LANES),
      .MAX_LEN(MAX_LEN),
      .WINDOW_LOG2(WindowLog2),
      .COLUMNS(Columns),
      .MORE(More)
  ) u_total (
      .clk_i,
      .rst_ni,
      .valid_i(term_fire),
      .octave_i(term_octave),
      .mantissa_i(term_mantissa),
      .live_i(term_live),
      .window_i(term_window),
      .top_i(term_top),
      .falls_i(term_falls),
      .rises_i(term_rises),
      .last_i(term_last),
      .valid_o(total_valid),
      .window_o(total_window),
      .sum_o(total)
  );

  softmax_reciprocal #(
      .W(W),
      .ROW_EXP(ROW_EXP),
      .BASE2(BASE2),
      .SUM_W(SumW),
      .WIN_W(WinW),
      .WINDOW_LOG2(WindowLog2),
      .SUM_FRAC(Mant + More),
      .TOP_W(TopW)
  ) u_reciprocal (
      .clk_i,
      .rst_ni,
      .valid_i(total_valid),
      .window_i(total_window),
      .sum_i(total),
      .valid_o(info_valid),
      .top_o(top),
      .r_o(r)
  );

  if (ROW_EXP) begin : gen_max
    localparam int unsigned TermW = OctW + Mant;
    // Terms are long, and their maximum has time until the reciprocal is there.
    localparam int unsigned MaxLatency = $clog2(LANES) + 1;

    logic unused_valid, unused_first, unused_last;
    logic [TermW-1:0] max, unused_rise;
    logic [LANES-1:0][TermW-1:0] terms;

    always_comb begin
      for (int unsigned i = 0; i < LANES; i++) terms[i] = {term_octave[i], term_mantissa[i]};
    end

    softmax_max #(
        .QW(TermW),
        .LANES(LANES),
        .RADIX(2)
    ) u_max (
        .clk_i,
        .rst_ni,
        .valid_i(term_fire),
        .q_i    (terms),
        .last_i (term_last),
        .valid_o(unused_valid),
        .first_o(unused_first),
        .last_o (unused_last),
        .max_o  (max),
        .rise_o (unused_rise)
    );

    delay_line #(
        .W(TermW),
        .STAGES(InfoLatency - MaxLatency)
    ) u_max_delay (
        .clk_i,
        .rst_ni,
        .data_i(max),
        .data_o({max_octave, max_mantissa})
    );
  end else begin : gen_no_max
    assign {max_octave, max_mantissa} = '0;
  end

  // One store, and the last pass.
  logic out_valid, out_ready, out_last, out_bad;
  logic [LANES-1:0][OctW-1:0] out_octave;
  logic [LANES-1:0][Mant-1:0] out_mantissa;

  row_store #(
      .DATA_W(LANES * (OctW + Mant)),
      .INFO_W(TopW + Form.r + OctW + Mant),
      .DEPTH (Depth)
  ) u_store (
      .clk_i,
      .rst_ni,
      .push_valid_i(term_valid),
      .push_ready_o(term_ready),
      .push_data_i ({term_octave, term_mantissa}),
      .push_last_i (term_last),
      .push_bad_i  (term_bad),
      .push_skip_i (term_skip),
      .info_valid_i(info_valid),
      .info_i      ({top, r, max_octave, max_mantissa}),
      .pop_valid_o (out_valid),
      .pop_ready_i (out_ready),
      .pop_data_o  ({out_octave, out_mantissa}),
      .pop_info_o  ({out_top, out_r, out_max_octave, out_max_mantissa}),
      .pop_last_o  (out_last),
      .pop_bad_o   (out_bad)
  );

  softmax_scale #(
      .W(W),
      .OUT_W(OUT_W),
      .ROW_EXP(ROW_EXP),
      .BASE2(BASE2),
      .OCT_W(OctW),
      .TOP_W(TopW),
      .LANES(LANES)
  ) u_scale (
      .clk_i,
      .rst_ni,
      .valid_i(out_valid),
      .ready_o(out_ready),
      .octave_i(out_octave),
      .mantissa_i(out_mantissa),
      .max_octave_i(out_max_octave),
      .max_mantissa_i(out_max_mantissa),
      .top_i(out_top),
      .r_i(out_r),
      .last_i(out_last),
      .bad_i(out_bad),
      .valid_o,
      .ready_i,
      .y_o,
      .keep_o,
      .last_o,
      .bad_o,
      .exponent_o
  );

endmodule
