/// The row sum in one pass, exactly, for `rexp` on integer scores: golden `sum`.
///
/// LUT_1/e depends only on the integer distance to the maximum, so the sum needs nothing but the
/// number of elements at each distance. Counter k counts those at distance k from the maximum so
/// far; when the maximum rises by r, every count moves r places up. The result cannot depend on
/// arrival order or on when the maximum rose. Distances whose table entry is the last one, zero,
/// need no counter. The alternative, rescaling one running sum, loses bits at every rise.
///
/// Worked value, w = 8: scores 3 1 | 5: counts 1 0 1 at maximum 3, then 1 0 1 0 1 at maximum 5:
/// sum = T[0] + T[2] + T[4] = 255 + 34 + 4.
///
/// With LOADABLE, `load_i` writes table entries.
///
/// Latency: softmax_max's + 5 cycles + the tree's, from a row's last beat to `valid_o`.
module softmax_count #(
    parameter int unsigned QW = 8,
    parameter int unsigned W = 8,
    parameter int unsigned LANES = 8,
    parameter int unsigned MAX_LEN = 1024,
    parameter bit LOADABLE = 1'b0,
    localparam int unsigned CountW = $clog2(MAX_LEN + 1),
    localparam int unsigned SumW = W + CountW
) (
    input  logic                                   clk_i,
    input  logic                                   rst_ni,
    input  softmax_pkg::load_t                     load_i,
    input  logic                                   valid_i,
    input  logic               [LANES-1:0][QW-1:0] q_i,
    input  logic               [LANES-1:0]         live_i,
    input  logic                                   last_i,
    output logic                                   valid_o,
    output logic               [   QW-1:0]         max_o,
    output logic               [ SumW-1:0]         sum_o
);

  localparam int unsigned Bins = softmax_pkg::entries_1e(W) - 1;
  localparam int unsigned MaxStages = ($clog2(LANES) + 1) / 2 + 1;
  localparam int unsigned TreeStages = ($clog2(Bins) + 1) / 2;
  localparam int unsigned BeatW = $clog2(LANES + 1);
  localparam int unsigned TreeW = SumW + $clog2(Bins);

  // The maximum so far, and the beat's lanes beside it.
  logic run_valid, run_first, run_last;
  logic [QW-1:0] run_max, run_rise;
  logic [LANES-1:0][QW-1:0] run_q;
  logic [LANES-1:0] run_live;

  softmax_max #(
      .QW(QW),
      .LANES(LANES)
  ) u_max (
      .clk_i,
      .rst_ni,
      .valid_i,
      .q_i,
      .last_i,
      .valid_o(run_valid),
      .first_o(run_first),
      .last_o (run_last),
      .max_o  (run_max),
      .rise_o (run_rise)
  );

  delay_line #(
      .W(LANES * (QW + 1)),
      .STAGES(MaxStages)
  ) u_lanes (
      .clk_i,
      .rst_ni,
      .data_i({q_i, live_i}),
      .data_o({run_q, run_live})
  );

  // At which distance each of the beat's elements stands.
  logic [Bins-1:0][LANES-1:0] at_d, at_q;

  always_comb begin
    for (int unsigned k = 0; k < Bins; k++) begin
      for (int unsigned i = 0; i < LANES; i++) begin
        at_d[k][i] = run_live[i] && 32'(run_max - run_q[i]) == k;
      end
    end
  end

  // How many stand at each.
  logic [Bins-1:0][BeatW-1:0] hits_d, hits_q;
  logic [QW-1:0] rise_q;
  logic first_q;
  // By how much the maximum rises: bit r for r, none in a row's first beat or where no count is left.
  logic [Bins-1:0] moves_d, moves_q;

  always_comb begin
    hits_d = '0;
    for (int unsigned k = 0; k < Bins; k++) begin
      for (int unsigned i = 0; i < LANES; i++) hits_d[k] = hits_d[k] + BeatW'(at_q[k][i]);
      moves_d[k] = !first_q && 32'(rise_q) == k;
    end
  end

  always_ff @(posedge clk_i) begin
    at_q    <= at_d;
    hits_q  <= hits_d;
    rise_q  <= run_rise;
    first_q <= run_first;
    moves_q <= moves_d;
  end

  // The counts, moved up when the maximum rises.
  logic hits_valid, count_valid;
  logic [Bins-1:0][CountW-1:0] moved, count_q;

  always_comb begin
    moved = '0;
    for (int unsigned k = 0; k < Bins; k++) begin
      for (int unsigned r = 0; r <= k; r++) begin
        moved[k] |= count_q[k-r] & {CountW{moves_q[r]}};
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (hits_valid) begin
      for (int unsigned k = 0; k < Bins; k++) count_q[k] <= moved[k] + CountW'(hits_q[k]);
    end
  end

  // A small dot product with the table closes the row.
  logic [Bins:0][W-1:0] inverse_e;
  logic unused_last;

  softmax_inverse_e #(
      .W(W),
      .LOADABLE(LOADABLE)
  ) u_inverse_e (
      .clk_i,
      .rst_ni,
      .load_i,
      .table_o(inverse_e)
  );

  assign unused_last = ^inverse_e[Bins];

  logic [Bins-1:0][SumW-1:0] weighted_q;
  logic [TreeW-1:0] total;
  logic unused_total;

  always_ff @(posedge clk_i) begin
    for (int unsigned k = 0; k < Bins; k++) begin
      weighted_q[k] <= SumW'(count_q[k]) * SumW'(inverse_e[k]);
    end
  end

  reduce_tree #(
      .OP("sum"),
      .N (Bins),
      .W (SumW)
  ) u_total (
      .clk_i,
      .data_i(weighted_q),
      .data_o(total)
  );

  // No element counts twice, so the sum fits its M * MAX_LEN.
  assign sum_o = SumW'(total);
  assign unused_total = ^total[TreeW-1:SumW];

  // Control and maximum beside the pipeline.
  delay_line #(
      .W(1),
      .STAGES(2),
      .RESET(1'b1)
  ) u_hits_valid (
      .clk_i,
      .rst_ni,
      .data_i(run_valid),
      .data_o(hits_valid)
  );

  delay_line #(
      .W(1),
      .STAGES(3),
      .RESET(1'b1)
  ) u_count_valid (
      .clk_i,
      .rst_ni,
      .data_i(run_valid && run_last),
      .data_o(count_valid)
  );

  delay_line #(
      .W(1),
      .STAGES(1 + TreeStages),
      .RESET(1'b1)
  ) u_valid (
      .clk_i,
      .rst_ni,
      .data_i(count_valid),
      .data_o(valid_o)
  );

  delay_line #(
      .W(QW),
      .STAGES(4 + TreeStages)
  ) u_max_delay (
      .clk_i,
      .rst_ni,
      .data_i(run_max),
      .data_o(max_o)
  );

endmodule
