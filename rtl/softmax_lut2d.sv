/// The core of `lut2d`, in three passes: beats of scores in, beats of probabilities out.
///
///   exponents (maximum -> row store -> index, exponent) -> tenths, sum -> row store -> outputs
///
/// Within a row an output depends on an element's tenth alone: it is the tenth that waits for the
/// sum, which picks the row of LUT_sigma. No multiplier, no divider.
///
/// Worked value, w = 8, F = 8: a row of 3.25 and 2.25: values 255 and 93, tenths 10 and 4,
/// S = 348, j = 1: y = 255 and 102.
///
/// Latency: golden/timing.py. With LOADABLE, `load_i` writes table entries, at a time when no row
/// is in flight.
module softmax_lut2d #(
    parameter string SUM_INDEX = "nearest",
    parameter int unsigned QW = 16,
    parameter int unsigned F = 8,
    parameter int unsigned W = 8,
    parameter int unsigned OUT_W = 8,
    parameter int unsigned LANES = 8,
    parameter int unsigned MAX_LEN = 1024,
    parameter int unsigned XS = 256,
    parameter int unsigned KE = 101,
    parameter bit LOADABLE = 1'b0
) (
    input  logic                                      clk_i,
    input  logic                                      rst_ni,
    input  softmax_pkg::load_t                        load_i,
    input  logic                                      valid_i,
    output logic                                      ready_o,
    input  logic               [LANES-1:0][   QW-1:0] q_i,
    input  logic               [LANES-1:0]            keep_i,
    input  logic               [LANES-1:0]            live_i,
    input  logic                                      last_i,
    input  logic                                      bad_i,
    input  logic                                      skip_i,
    output logic                                      valid_o,
    input  logic                                      ready_i,
    output logic               [LANES-1:0][OUT_W-1:0] y_o,
    output logic               [LANES-1:0]            keep_o,
    output logic                                      last_o,
    output logic                                      bad_o
);

  localparam int unsigned KW = $clog2(KE);
  localparam int unsigned CW = $clog2(softmax_pkg::TENTHS);
  localparam int unsigned SumW = W + $clog2(MAX_LEN + 1);
  localparam int unsigned JW = $clog2(XS + 1);
  // Room for the longest row and for what arrives until its first beat leaves (row_store.sv).
  localparam int unsigned Depth = (MAX_LEN + LANES - 1) / LANES + softmax_pkg::IN_FLIGHT;

  logic exp_valid, exp_ready, exp_last, exp_bad;
  logic [LANES-1:0][KW-1:0] unused_k;
  logic [LANES-1:0][ W-1:0] exp_value;
  logic [LANES-1:0] exp_keep, exp_live;

  softmax_exponents #(
      .METHOD("lut2d"),
      .QW(QW),
      .F(F),
      .W(W),
      .LANES(LANES),
      .MAX_LEN(MAX_LEN),
      .ENTRIES(KE),
      .LOADABLE(LOADABLE)
  ) u_exponents (
      .clk_i,
      .rst_ni,
      .load_i,
      .valid_i,
      .ready_o,
      .q_i,
      .keep_i,
      .live_i,
      .last_i,
      .bad_i,
      .skip_i,
      .valid_o(exp_valid),
      .ready_i(exp_ready),
      .k_o    (unused_k),
      .value_o(exp_value),
      .keep_o (exp_keep),
      .live_o (exp_live),
      .last_o (exp_last),
      .bad_o  (exp_bad)
  );

  logic tenth_valid, tenth_ready, tenth_last, tenth_bad;
  logic [LANES-1:0][CW-1:0] exp_tenth, tenth;
  logic [LANES-1:0][W-1:0] tenth_value;
  logic [LANES-1:0] tenth_keep, tenth_live;

  softmax_tenth #(
      .W(W),
      .LANES(LANES)
  ) u_tenth (
      .value_i(exp_value),
      .c_o    (exp_tenth)
  );

  stream_reg #(
      .W(LANES * (CW + W + 2) + 2)
  ) u_tenth_reg (
      .clk_i,
      .rst_ni,
      .valid_i(exp_valid),
      .ready_o(exp_ready),
      .data_i ({exp_tenth, exp_value, exp_keep, exp_live, exp_last, exp_bad}),
      .valid_o(tenth_valid),
      .ready_i(tenth_ready),
      .data_o ({tenth, tenth_value, tenth_keep, tenth_live, tenth_last, tenth_bad})
  );

  // The sum, and the row of LUT_sigma for it.
  logic sum_valid, j_valid;
  logic [SumW-1:0] sum;
  logic [  JW-1:0] j;

  softmax_sum #(
      .W(W),
      .LANES(LANES),
      .MAX_LEN(MAX_LEN)
  ) u_sum (
      .clk_i,
      .rst_ni,
      .valid_i(tenth_valid && tenth_ready),
      .value_i(tenth_value),
      .live_i (tenth_live),
      .last_i (tenth_last),
      .valid_o(sum_valid),
      .sum_o  (sum)
  );

  softmax_sum_index #(
      .SUM_INDEX(SUM_INDEX),
      .W(W),
      .SUM_W(SumW),
      .XS(XS)
  ) u_sum_index (
      .clk_i,
      .rst_ni,
      .valid_i(sum_valid),
      .sum_i  (sum),
      .valid_o(j_valid),
      .j_o    (j)
  );

  logic fin_valid, fin_ready, fin_last, fin_bad;
  logic [LANES-1:0][CW-1:0] fin_tenth;
  logic [LANES-1:0] fin_keep, fin_live;
  logic [JW-1:0] fin_j;

  row_store #(
      .DATA_W(LANES * (CW + 2)),
      .INFO_W(JW),
      .DEPTH (Depth)
  ) u_code_store (
      .clk_i,
      .rst_ni,
      .push_valid_i(tenth_valid),
      .push_ready_o(tenth_ready),
      .push_data_i ({tenth, tenth_keep, tenth_live}),
      .push_last_i (tenth_last),
      .push_bad_i  (tenth_bad),
      .push_skip_i (1'b0),
      .info_valid_i(j_valid),
      .info_i      (j),
      .pop_valid_o (fin_valid),
      .pop_ready_i (fin_ready),
      .pop_data_o  ({fin_tenth, fin_keep, fin_live}),
      .pop_info_o  (fin_j),
      .pop_last_o  (fin_last),
      .pop_bad_o   (fin_bad)
  );

  // Last pass: the outputs this row can have, and each lane's pick.
  logic sel_valid, sel_ready, sel_last, sel_bad;
  logic [LANES-1:0][CW-1:0] sel_code;
  logic [LANES-1:0] sel_keep, sel_live;
  logic [softmax_pkg::TENTHS-1:0][W-1:0] sel_y;

  softmax_sigma #(
      .W(W),
      .XS(XS),
      .SIDE_W(LANES * (CW + 2) + 2),
      .LOADABLE(LOADABLE)
  ) u_sigma (
      .clk_i,
      .rst_ni,
      .load_i,
      .valid_i(fin_valid),
      .ready_o(fin_ready),
      .j_i    (fin_j),
      .side_i ({fin_tenth, fin_keep, fin_live, fin_last, fin_bad}),
      .valid_o(sel_valid),
      .ready_i(sel_ready),
      .y_o    (sel_y),
      .side_o ({sel_code, sel_keep, sel_live, sel_last, sel_bad})
  );

  softmax_select #(
      .W(W),
      .OUT_W(OUT_W),
      .LANES(LANES),
      .ENTRIES(softmax_pkg::TENTHS)
  ) u_select (
      .clk_i,
      .rst_ni,
      .valid_i(sel_valid),
      .ready_o(sel_ready),
      .y_i    (sel_y),
      .code_i (sel_code),
      .keep_i (sel_keep),
      .live_i (sel_live),
      .last_i (sel_last),
      .bad_i  (sel_bad),
      .valid_o,
      .ready_i,
      .y_o,
      .keep_o,
      .last_o,
      .bad_o
  );

endmodule
