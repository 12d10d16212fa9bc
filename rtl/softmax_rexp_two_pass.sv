/// The core of `rexp` in two passes, where the index is an integer difference (INDEX = "msb", or
/// F = 0): beats of scores in, beats of probabilities out.
///
///   count (maximum and sum on the fly) -> row store -> index -> outputs
///
/// The sum needs only how many elements stand at each integer distance, which softmax_count.sv
/// keeps while the maximum may still rise. Fraction bits never count: the scores come in without.
///
/// Worked value, w = 8: a row of 3 and 1: values 255 and 34, S = 289, j = 1: y = 255 and 34.
///
/// Latency: golden/timing.py. With LOADABLE, `load_i` writes table entries, at a time when no row
/// is in flight.
module softmax_rexp_two_pass #(
    parameter string SUM_INDEX = "nearest",
    parameter int unsigned QW = 8,
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

  // Pass 1: beats in, stored; maximum and sum learnt on the way, and LUT_alpha's entry for it.
  logic sum_valid, j_valid;
  logic [QW-1:0] sum_max, j_max;
  logic [SumW-1:0] sum;
  logic [JW-1:0] j;
  logic [W-1:0] alpha;

  softmax_count #(
      .QW(QW),
      .W(W),
      .LANES(LANES),
      .MAX_LEN(MAX_LEN),
      .LOADABLE(LOADABLE)
  ) u_count (
      .clk_i,
      .rst_ni,
      .load_i,
      .valid_i(valid_i && ready_o),
      .q_i,
      .live_i,
      .last_i,
      .valid_o(sum_valid),
      .max_o  (sum_max),
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

  // The maximum waits for its row's index: as long as softmax_sum_index takes.
  delay_line #(
      .W(QW),
      .STAGES(2)
  ) u_max (
      .clk_i,
      .rst_ni,
      .data_i(sum_max),
      .data_o(j_max)
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

  logic pop_valid, pop_ready, pop_last, pop_bad;
  logic [LANES-1:0][QW-1:0] pop_q;
  logic [LANES-1:0] pop_keep, pop_live;
  logic [QW-1:0] pop_max;
  logic [ W-1:0] pop_alpha;

  row_store #(
      .DATA_W(LANES * (QW + 2)),
      .INFO_W(QW + W),
      .DEPTH(Depth),
      .FALL_THROUGH(1'b0)
  ) u_store (
      .clk_i,
      .rst_ni,
      .push_valid_i(valid_i),
      .push_ready_o(ready_o),
      .push_data_i ({q_i, keep_i, live_i}),
      .push_last_i (last_i),
      .push_bad_i  (bad_i),
      .push_skip_i (skip_i),
      .info_valid_i(j_valid),
      .info_i      ({j_max, alpha}),
      .pop_valid_o (pop_valid),
      .pop_ready_i (pop_ready),
      .pop_data_o  ({pop_q, pop_keep, pop_live}),
      .pop_info_o  ({pop_max, pop_alpha}),
      .pop_last_o  (pop_last),
      .pop_bad_o   (pop_bad)
  );

  // Last pass: the outputs this row can have, and each lane's pick.
  logic sel_valid, sel_ready, sel_last, sel_bad;
  logic [LANES-1:0][KW-1:0] sel_code;
  logic [LANES-1:0] sel_keep, sel_live;
  logic [Entries-1:0][W-1:0] sel_y;

  logic out_valid, out_ready, out_last, out_bad;
  logic [LANES-1:0][QW-1:0] out_q;
  logic [LANES-1:0][KW-1:0] out_k;
  logic [LANES-1:0] out_keep, out_live;
  logic [QW-1:0] out_max;
  logic [Entries-1:0][2*W-1:0] out_product;

  softmax_products #(
      .W(W),
      .SIDE_W(LANES * (QW + 2) + QW + 2),
      .LOADABLE(LOADABLE)
  ) u_products (
      .clk_i,
      .rst_ni,
      .load_i,
      .valid_i  (pop_valid),
      .ready_o  (pop_ready),
      .alpha_i  (pop_alpha),
      .side_i   ({pop_q, pop_keep, pop_live, pop_max, pop_last, pop_bad}),
      .valid_o  (out_valid),
      .ready_i  (out_ready),
      .product_o(out_product),
      .side_o   ({out_q, out_keep, out_live, out_max, out_last, out_bad})
  );

  softmax_index #(
      .METHOD("rexp"),
      .QW(QW),
      .F(0),
      .LANES(LANES),
      .ENTRIES(Entries)
  ) u_index (
      .max_i(out_max),
      .q_i  (out_q),
      .k_o  (out_k)
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
