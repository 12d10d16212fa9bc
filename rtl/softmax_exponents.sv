/// The first two of three passes, which `rexp` and `lut2d` share: beats of scores in, the exponent
/// value of every element out, once its row's maximum is known.
///
///   maximum -> row store -> index -> exponent
///
/// Both methods look the exponent of the distance to the maximum up in one table a lane; METHOD
/// says in which, and how a distance becomes an index.
///
/// Worked value, rexp, w = 8, F = 8: a row of 3.25 and 0.5: k = 0 and 2, values 255 and 34.
///
/// Latency: golden/timing.py; valid/ready with the beats. With LOADABLE, `load_i` writes table
/// entries, at a time when no row is in flight.
module softmax_exponents #(
    parameter string METHOD = "rexp",
    parameter int unsigned QW = 16,
    parameter int unsigned F = 8,
    parameter int unsigned W = 8,
    parameter int unsigned LANES = 8,
    parameter int unsigned MAX_LEN = 1024,
    parameter int unsigned ENTRIES = 8,
    parameter bit LOADABLE = 1'b0,
    localparam int unsigned KW = $clog2(ENTRIES)
) (
    input  logic                                   clk_i,
    input  logic                                   rst_ni,
    input  softmax_pkg::load_t                     load_i,
    input  logic                                   valid_i,
    output logic                                   ready_o,
    input  logic               [LANES-1:0][QW-1:0] q_i,
    input  logic               [LANES-1:0]         keep_i,
    input  logic               [LANES-1:0]         live_i,
    input  logic                                   last_i,
    input  logic                                   bad_i,
    input  logic                                   skip_i,
    output logic                                   valid_o,
    input  logic                                   ready_i,
    output logic               [LANES-1:0][KW-1:0] k_o,
    output logic               [LANES-1:0][ W-1:0] value_o,
    output logic               [LANES-1:0]         keep_o,
    output logic               [LANES-1:0]         live_o,
    output logic                                   last_o,
    output logic                                   bad_o
);

  // Room for the longest row and for what arrives until its first beat leaves (row_store.sv).
  localparam int unsigned Depth = (MAX_LEN + LANES - 1) / LANES + softmax_pkg::IN_FLIGHT;

  // Pass 1: beats in, stored; the row maximum learnt on the way.
  logic in_fire;
  assign in_fire = valid_i && ready_o;

  logic max_valid, max_last, unused_first;
  logic [QW-1:0] max, unused_rise;

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

  // Pass 2. A block RAM's output comes too late in the cycle for the index.
  logic idx_valid, idx_ready, idx_last, idx_bad;
  logic [LANES-1:0][QW-1:0] idx_q;
  logic [LANES-1:0][KW-1:0] idx_k;
  logic [LANES-1:0] idx_keep, idx_live;
  logic [QW-1:0] idx_max;

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

  softmax_index #(
      .METHOD(METHOD),
      .QW(QW),
      .F(F),
      .LANES(LANES),
      .ENTRIES(ENTRIES)
  ) u_index (
      .max_i(idx_max),
      .q_i  (idx_q),
      .k_o  (idx_k)
  );

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
      .ENTRIES(ENTRIES),
      .LOADABLE(LOADABLE)
  ) u_exp (
      .clk_i,
      .rst_ni,
      .load_i,
      .k_i    (exp_k),
      .value_o(exp_value)
  );

  stream_reg #(
      .W(LANES * (KW + W + 2) + 2)
  ) u_exp_reg (
      .clk_i,
      .rst_ni,
      .valid_i(exp_valid),
      .ready_o(exp_ready),
      .data_i ({exp_k, exp_value, exp_keep, exp_live, exp_last, exp_bad}),
      .valid_o,
      .ready_i,
      .data_o ({k_o, value_o, keep_o, live_o, last_o, bad_o})
  );

endmodule
