/// The core of `rexp` in three passes, where the index depends on the maximum's fraction bits
/// (INDEX = "distance", F > 0): beats of scores in, beats of probabilities out.
///
///   exponents (maximum -> row store -> index, exponent) -> sum -> row store -> outputs
///
/// Within a row an output depends on the index alone: it is the index that waits for the sum.
///
/// Worked value, w = 8, F = 8: a row of 3.25 and 0.5: values 255 and 34, S = 289, j = 1: y = 255
/// and 34.
///
/// Latency: golden/timing.py. With LOADABLE, `load_i` writes table entries, at a time when no row
/// is in flight.
module softmax_rexp #(
    parameter string SUM_INDEX = "nearest",
    parameter int unsigned QW = 16,
    parameter int unsigned F = 8,
    parameter int unsigned W = 8,
    parameter int unsigned OUT_W = 8,
    parameter int unsigned LANES = 8,
    parameter int unsigned MAX_LEN = 1024,
    parameter int unsigned XS = 256,
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

  localparam int unsigned Entries = softmax_pkg::entries_1e(W);
  localparam int unsigned KW = $clog2(Entries);
  localparam int unsigned SumW = W + $clog2(MAX_LEN + 1);
  localparam int unsigned JW = $clog2(XS + 1);
  localparam int unsigned SideW = LANES * (KW + 2) + 2;
  // Room for the longest row and for what arrives until its first beat leaves (row_store.sv).
  localparam int unsigned Depth = (MAX_LEN + LANES - 1) / LANES + softmax_pkg::IN_FLIGHT;

  logic exp_valid, exp_ready, exp_last, exp_bad;
  logic [LANES-1:0][KW-1:0] exp_k;
  logic [LANES-1:0][ W-1:0] exp_value;
  logic [LANES-1:0] exp_keep, exp_live;

  softmax_exponents #(
      .METHOD("rexp"),
      .QW(QW),
      .F(F),
      .W(W),
      .LANES(LANES),
      .MAX_LEN(MAX_LEN),
      .ENTRIES(Entries),
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
      .k_o    (exp_k),
      .value_o(exp_value),
      .keep_o (exp_keep),
      .live_o (exp_live),
      .last_o (exp_last),
      .bad_o  (exp_bad)
  );

  // The sum, and LUT_alpha's entry for it.
  logic sum_valid, j_valid;
  logic [SumW-1:0] sum;
  logic [JW-1:0] j;
  logic [W-1:0] alpha;

  softmax_sum #(
      .W(W),
      .LANES(LANES),
      .MAX_LEN(MAX_LEN)
  ) u_sum (
      .clk_i,
      .rst_ni,
      .valid_i(exp_valid && exp_ready),
      .value_i(exp_value),
      .live_i (exp_live),
      .last_i (exp_last),
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

  softmax_alpha #(
      .W(W),
      .XS(XS),
      .LOADABLE(LOADABLE)
  ) u_alpha (
      .clk_i,
      .rst_ni,
      .load_i,
      .j_i    (j),
      .alpha_o(alpha)
  );

  logic fin_valid, fin_ready, fin_last, fin_bad;
  logic [LANES-1:0][KW-1:0] fin_k;
  logic [LANES-1:0] fin_keep, fin_live;
  logic [W-1:0] fin_alpha;

  row_store #(
      .DATA_W(LANES * (KW + 2)),
      .INFO_W(W),
      .DEPTH(Depth),
      .FALL_THROUGH(1'b0)
  ) u_code_store (
      .clk_i,
      .rst_ni,
      .push_valid_i(exp_valid),
      .push_ready_o(exp_ready),
      .push_data_i ({exp_k, exp_keep, exp_live}),
      .push_last_i (exp_last),
      .push_bad_i  (exp_bad),
      .push_skip_i (1'b0),
      .info_valid_i(j_valid),
      .info_i      (alpha),
      .pop_valid_o (fin_valid),
      .pop_ready_i (fin_ready),
      .pop_data_o  ({fin_k, fin_keep, fin_live}),
      .pop_info_o  (fin_alpha),
      .pop_last_o  (fin_last),
      .pop_bad_o   (fin_bad)
  );

  // Last pass: the outputs this row can have, and each lane's pick.
  logic sel_valid, sel_ready, sel_last, sel_bad;
  logic [LANES-1:0][KW-1:0] sel_code;
  logic [LANES-1:0] sel_keep, sel_live;
  logic [Entries-1:0][W-1:0] sel_y;

  logic out_valid, out_ready, out_last, out_bad;
  logic [LANES-1:0][KW-1:0] out_k;
  logic [LANES-1:0] out_keep, out_live;
  logic [Entries-1:0][2*W-1:0] out_product;

  softmax_products #(
      .W(W),
      .SIDE_W(SideW),
      .LOADABLE(LOADABLE)
  ) u_products (
      .clk_i,
      .rst_ni,
      .load_i,
      .valid_i  (fin_valid),
      .ready_o  (fin_ready),
      .alpha_i  (fin_alpha),
      .side_i   ({fin_k, fin_keep, fin_live, fin_last, fin_bad}),
      .valid_o  (out_valid),
      .ready_i  (out_ready),
      .product_o(out_product),
      .side_o   ({out_k, out_keep, out_live, out_last, out_bad})
  );

  softmax_divide #(
      .W(W),
      .SIDE_W(SideW)
  ) u_divide (
      .clk_i,
      .rst_ni,
      .valid_i  (out_valid),
      .ready_o  (out_ready),
      .product_i(out_product),
      .side_i   ({out_k, out_keep, out_live, out_last, out_bad}),
      .valid_o  (sel_valid),
      .ready_i  (sel_ready),
      .y_o      (sel_y),
      .side_o   ({sel_code, sel_keep, sel_live, sel_last, sel_bad})
  );

  softmax_select #(
      .W(W),
      .OUT_W(OUT_W),
      .LANES(LANES),
      .ENTRIES(Entries)
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
