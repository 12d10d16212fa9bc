/// The core of the methods that look everything up, `rexp` and `lut2d`: beats of scores in, beats
/// of probabilities out.
///
/// What a method needs of the row before the first output decides the passes:
///
///   two passes    count (maximum and sum on the fly) -> row store -> index -> outputs
///   three passes  maximum -> row store -> index, exponent -> sum -> row store -> outputs
///
/// `rexp` takes two when its index is an integer difference (INDEX = "msb", or F = 0), since then
/// the sum needs only counts; otherwise the index depends on the maximum's fraction bits and the
/// row has to be read once more. In two passes the fraction bits never count, and the scores come
/// in without them.
///
/// With LOADABLE, `load_i` writes table entries, at a time when no row is in flight.
///
/// Latency: golden/timing.py.
module softmax_lookup #(
    parameter string METHOD = "rexp",
    parameter string SUM_INDEX = "nearest",
    parameter bit TWO_PASS = 1'b0,
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

  localparam bit IsRexp = METHOD == "rexp";
  localparam int unsigned SumW = W + $clog2(MAX_LEN + 1);
  localparam int unsigned JW = $clog2(XS + 1);
  localparam int unsigned IndexEntries = IsRexp ? softmax_pkg::entries_1e(W) : KE;
  localparam int unsigned KW = $clog2(IndexEntries);
  localparam int unsigned Outputs = IsRexp ? IndexEntries : softmax_pkg::TENTHS;
  localparam int unsigned CodeW = $clog2(Outputs);
  // What a row's outputs are made from: LUT_alpha's entry or LUT_sigma's row, then the products.
  localparam int unsigned FactorW = IsRexp ? W : JW;
  localparam int unsigned RowW = IsRexp ? IndexEntries * 2 * W : JW;
  localparam int unsigned SideW = LANES * (CodeW + 2) + 2;
  // Room for the longest row and for what arrives until its first beat leaves (row_store.sv).
  localparam int unsigned Depth = (MAX_LEN + LANES - 1) / LANES + softmax_pkg::IN_FLIGHT;
  localparam int unsigned SumIndexStages = 2;

  // Pass 1: beats in, stored; the row maximum, and in two passes the sum, learnt on the way.
  logic in_fire;
  assign in_fire = valid_i && ready_o;

  // What the last pass needs, whichever way it was learnt.
  logic out_valid, out_ready, out_last, out_bad;
  logic [LANES-1:0][CodeW-1:0] out_code;
  logic [LANES-1:0] out_keep, out_live;
  logic [RowW-1:0] out_row;

  logic sum_valid, j_valid;
  logic [SumW-1:0] sum;
  logic [JW-1:0] j;
  logic [FactorW-1:0] factor;

  logic idx_valid, idx_ready, idx_last, idx_bad;
  logic [LANES-1:0][QW-1:0] idx_q;
  logic [LANES-1:0][KW-1:0] idx_k;
  logic [LANES-1:0] idx_keep, idx_live;
  logic [QW-1:0] idx_max;

  softmax_index #(
      .METHOD(METHOD),
      .QW(QW),
      .F(F),
      .LANES(LANES),
      .ENTRIES(IndexEntries)
  ) u_index (
      .max_i(idx_max),
      .q_i  (idx_q),
      .k_o  (idx_k)
  );

  softmax_sum_index #(
      .SUM_INDEX(SUM_INDEX),
      .W(W),
      .SUM_W(SumW),
      .XS(XS)
  ) u_sum_index (
      .clk_i,
      .sum_i(sum),
      .j_o  (j)
  );

  delay_line #(
      .W(1),
      .STAGES(SumIndexStages),
      .RESET(1'b1)
  ) u_j_valid (
      .clk_i,
      .rst_ni,
      .data_i(sum_valid),
      .data_o(j_valid)
  );

  if (IsRexp) begin : gen_alpha
    softmax_alpha #(
        .W(W),
        .XS(XS),
        .LOADABLE(LOADABLE)
    ) u_alpha (
        .clk_i,
        .rst_ni,
        .load_i,
        .j_i    (j),
        .alpha_o(factor)
    );
  end else begin : gen_row
    assign factor = j;
  end

  if (TWO_PASS) begin : gen_two_pass
    logic [QW-1:0] sum_max, j_max;

    logic pop_valid, pop_ready, pop_last, pop_bad;
    logic [LANES-1:0][QW-1:0] pop_q;
    logic [LANES-1:0] pop_keep, pop_live;
    logic [QW-1:0] pop_max;
    logic [FactorW-1:0] pop_factor;

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
        .valid_i(in_fire),
        .q_i,
        .live_i,
        .last_i,
        .valid_o(sum_valid),
        .max_o  (sum_max),
        .sum_o  (sum)
    );

    delay_line #(
        .W(QW),
        .STAGES(SumIndexStages)
    ) u_max (
        .clk_i,
        .rst_ni,
        .data_i(sum_max),
        .data_o(j_max)
    );

    row_store #(
        .DATA_W(LANES * (QW + 2)),
        .INFO_W(QW + FactorW),
        .DEPTH (Depth)
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
        .info_i      ({j_max, factor}),
        .pop_valid_o (pop_valid),
        .pop_ready_i (pop_ready),
        .pop_data_o  ({pop_q, pop_keep, pop_live}),
        .pop_info_o  ({pop_max, pop_factor}),
        .pop_last_o  (pop_last),
        .pop_bad_o   (pop_bad)
    );

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
        .alpha_i  (pop_factor),
        .side_i   ({pop_q, pop_keep, pop_live, pop_max, pop_last, pop_bad}),
        .valid_o  (idx_valid),
        .ready_i  (idx_ready),
        .product_o(out_row),
        .side_o   ({idx_q, idx_keep, idx_live, idx_max, idx_last, idx_bad})
    );

    assign out_valid = idx_valid;
    assign idx_ready = out_ready;
    assign out_code = idx_k;
    assign {out_keep, out_live} = {idx_keep, idx_live};
    assign {out_last, out_bad} = {idx_last, idx_bad};
  end else begin : gen_three_pass
    logic max_valid, max_last;
    logic [QW-1:0] max;
    logic unused_first;
    logic [QW-1:0] unused_rise;

    logic pop_valid, pop_ready, pop_last, pop_bad;
    logic [LANES-1:0][QW-1:0] pop_q;
    logic [LANES-1:0] pop_keep, pop_live;
    logic [QW-1:0] pop_max;

    softmax_max #(
        .QW(QW),
        .LANES(LANES)
    ) u_max (
        .clk_i,
        .rst_ni,
        .valid_i(in_fire),
        .q_i,
        .live_i,
        .last_i,
        .valid_o(max_valid),
        .first_o(unused_first),
        .last_o (max_last),
        .max_o  (max),
        .rise_o (unused_rise)
    );

    row_store #(
        .DATA_W(LANES * (QW + 2)),
        .INFO_W(QW),
        .DEPTH (Depth)
    ) u_store (
        .clk_i,
        .rst_ni,
        .push_valid_i(valid_i),
        .push_ready_o(ready_o),
        .push_data_i ({q_i, keep_i, live_i}),
        .push_last_i (last_i),
        .push_bad_i  (bad_i),
        .push_skip_i (skip_i),
        .info_valid_i(max_valid && max_last),
        .info_i      (max),
        .pop_valid_o (pop_valid),
        .pop_ready_i (pop_ready),
        .pop_data_o  ({pop_q, pop_keep, pop_live}),
        .pop_info_o  (pop_max),
        .pop_last_o  (pop_last),
        .pop_bad_o   (pop_bad)
    );

    // A block RAM's output comes too late in the cycle for the index.
    stream_reg #(
        .W(LANES * (QW + 2) + QW + 2)
    ) u_pop_reg (
        .clk_i,
        .rst_ni,
        .valid_i(pop_valid),
        .ready_o(pop_ready),
        .data_i ({pop_q, pop_keep, pop_live, pop_max, pop_last, pop_bad}),
        .valid_o(idx_valid),
        .ready_i(idx_ready),
        .data_o ({idx_q, idx_keep, idx_live, idx_max, idx_last, idx_bad})
    );

    // Pass 2: exponent values, their sum, and the code that picks the output.
    logic exp_valid, exp_ready, exp_last, exp_bad;
    logic [LANES-1:0][KW-1:0] exp_k;
    logic [LANES-1:0] exp_keep, exp_live;
    logic [LANES-1:0][W-1:0] exp_value;

    stream_reg #(
        .W(LANES * (KW + 2) + 2)
    ) u_index_reg (
        .clk_i,
        .rst_ni,
        .valid_i(idx_valid),
        .ready_o(idx_ready),
        .data_i ({idx_k, idx_keep, idx_live, idx_last, idx_bad}),
        .valid_o(exp_valid),
        .ready_i(exp_ready),
        .data_o ({exp_k, exp_keep, exp_live, exp_last, exp_bad})
    );

    softmax_exp #(
        .METHOD(METHOD),
        .W(W),
        .LANES(LANES),
        .ENTRIES(IndexEntries),
        .LOADABLE(LOADABLE)
    ) u_exp (
        .clk_i,
        .rst_ni,
        .load_i,
        .k_i    (exp_k),
        .value_o(exp_value)
    );

    logic code_valid, code_ready, code_fire, code_last, code_bad;
    logic [LANES-1:0][CodeW-1:0] code;
    logic [LANES-1:0] code_keep, code_live;
    logic [LANES-1:0][W-1:0] code_value;

    if (IsRexp) begin : gen_rexp
      stream_reg #(
          .W(LANES * (CodeW + W + 2) + 2)
      ) u_exp_reg (
          .clk_i,
          .rst_ni,
          .valid_i(exp_valid),
          .ready_o(exp_ready),
          .data_i ({exp_k, exp_value, exp_keep, exp_live, exp_last, exp_bad}),
          .valid_o(code_valid),
          .ready_i(code_ready),
          .data_o ({code, code_value, code_keep, code_live, code_last, code_bad})
      );
    end else begin : gen_lut2d
      logic tenth_valid, tenth_ready, tenth_last, tenth_bad;
      logic [LANES-1:0] tenth_keep, tenth_live;
      logic [LANES-1:0][W-1:0] tenth_value;
      logic [LANES-1:0][CodeW-1:0] tenth;

      stream_reg #(
          .W(LANES * (W + 2) + 2)
      ) u_exp_reg (
          .clk_i,
          .rst_ni,
          .valid_i(exp_valid),
          .ready_o(exp_ready),
          .data_i ({exp_value, exp_keep, exp_live, exp_last, exp_bad}),
          .valid_o(tenth_valid),
          .ready_i(tenth_ready),
          .data_o ({tenth_value, tenth_keep, tenth_live, tenth_last, tenth_bad})
      );

      softmax_tenth #(
          .W(W),
          .LANES(LANES)
      ) u_tenth (
          .value_i(tenth_value),
          .c_o    (tenth)
      );

      stream_reg #(
          .W(LANES * (CodeW + W + 2) + 2)
      ) u_tenth_reg (
          .clk_i,
          .rst_ni,
          .valid_i(tenth_valid),
          .ready_o(tenth_ready),
          .data_i ({tenth, tenth_value, tenth_keep, tenth_live, tenth_last, tenth_bad}),
          .valid_o(code_valid),
          .ready_i(code_ready),
          .data_o ({code, code_value, code_keep, code_live, code_last, code_bad})
      );
    end

    assign code_fire = code_valid && code_ready;

    softmax_sum #(
        .W(W),
        .LANES(LANES),
        .MAX_LEN(MAX_LEN)
    ) u_sum (
        .clk_i,
        .rst_ni,
        .valid_i(code_fire),
        .value_i(code_value),
        .live_i (code_live),
        .last_i (code_last),
        .valid_o(sum_valid),
        .sum_o  (sum)
    );

    logic fin_valid, fin_ready, fin_last, fin_bad;
    logic [LANES-1:0][CodeW-1:0] fin_code;
    logic [LANES-1:0] fin_keep, fin_live;
    logic [FactorW-1:0] fin_factor;

    row_store #(
        .DATA_W(LANES * (CodeW + 2)),
        .INFO_W(FactorW),
        .DEPTH (Depth)
    ) u_code_store (
        .clk_i,
        .rst_ni,
        .push_valid_i(code_valid),
        .push_ready_o(code_ready),
        .push_data_i ({code, code_keep, code_live}),
        .push_last_i (code_last),
        .push_bad_i  (code_bad),
        .push_skip_i (1'b0),
        .info_valid_i(j_valid),
        .info_i      (factor),
        .pop_valid_o (fin_valid),
        .pop_ready_i (fin_ready),
        .pop_data_o  ({fin_code, fin_keep, fin_live}),
        .pop_info_o  (fin_factor),
        .pop_last_o  (fin_last),
        .pop_bad_o   (fin_bad)
    );

    if (IsRexp) begin : gen_products
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
          .alpha_i  (fin_factor),
          .side_i   ({fin_code, fin_keep, fin_live, fin_last, fin_bad}),
          .valid_o  (out_valid),
          .ready_i  (out_ready),
          .product_o(out_row),
          .side_o   ({out_code, out_keep, out_live, out_last, out_bad})
      );
    end else begin : gen_row
      assign out_valid = fin_valid;
      assign fin_ready = out_ready;
      assign out_code = fin_code;
      assign {out_keep, out_live} = {fin_keep, fin_live};
      assign {out_last, out_bad} = {fin_last, fin_bad};
      assign out_row = fin_factor;
    end
  end

  // Last pass: the outputs this row can have, and each lane's pick.
  logic sel_valid, sel_ready, sel_last, sel_bad;
  logic [LANES-1:0][CodeW-1:0] sel_code;
  logic [LANES-1:0] sel_keep, sel_live;
  logic [Outputs-1:0][W-1:0] sel_y;

  if (IsRexp) begin : gen_divide
    softmax_divide #(
        .W(W),
        .SIDE_W(SideW)
    ) u_outputs (
        .clk_i,
        .rst_ni,
        .valid_i  (out_valid),
        .ready_o  (out_ready),
        .product_i(out_row),
        .side_i   ({out_code, out_keep, out_live, out_last, out_bad}),
        .valid_o  (sel_valid),
        .ready_i  (sel_ready),
        .y_o      (sel_y),
        .side_o   ({sel_code, sel_keep, sel_live, sel_last, sel_bad})
    );
  end else begin : gen_sigma
    softmax_sigma #(
        .W(W),
        .XS(XS),
        .SIDE_W(SideW),
        .LOADABLE(LOADABLE)
    ) u_outputs (
        .clk_i,
        .rst_ni,
        .load_i,
        .valid_i(out_valid),
        .ready_o(out_ready),
        .j_i    (out_row),
        .side_i ({out_code, out_keep, out_live, out_last, out_bad}),
        .valid_o(sel_valid),
        .ready_i(sel_ready),
        .y_o    (sel_y),
        .side_o ({sel_code, sel_keep, sel_live, sel_last, sel_bad})
    );
  end

  softmax_select #(
      .W(W),
      .OUT_W(OUT_W),
      .LANES(LANES),
      .ENTRIES(Outputs)
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
