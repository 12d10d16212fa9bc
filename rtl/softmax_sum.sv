/// The row sum of exponent values, for the three-pass methods: golden `sum`.
///
/// Watches beats as they are stored and never stalls. Dead lanes add nothing.
///
/// Latency: ceil(log4 LANES) + 1 cycles from a row's last beat to `valid_o`.
module softmax_sum #(
    parameter int unsigned W = 8,
    parameter int unsigned LANES = 8,
    parameter int unsigned MAX_LEN = 1024,
    localparam int unsigned SumW = W + $clog2(MAX_LEN + 1)
) (
    input  logic                    clk_i,
    input  logic                    rst_ni,
    input  logic                    valid_i,
    input  logic [LANES-1:0][W-1:0] value_i,
    input  logic [LANES-1:0]        live_i,
    input  logic                    last_i,
    output logic                    valid_o,
    output logic [ SumW-1:0]        sum_o
);

  localparam int unsigned TreeStages = ($clog2(LANES) + 1) / 2;
  localparam int unsigned BeatW = W + $clog2(LANES);

  logic [LANES-1:0][W-1:0] addends;
  logic [BeatW-1:0] beat_sum;
  logic beat_valid, beat_last, first_q;

  always_comb begin
    for (int unsigned i = 0; i < LANES; i++) addends[i] = live_i[i] ? value_i[i] : '0;
  end

  reduce_tree #(
      .OP("sum"),
      .N (LANES),
      .W (W)
  ) u_tree (
      .clk_i,
      .data_i(addends),
      .data_o(beat_sum)
  );

  delay_line #(
      .W(2),
      .STAGES(TreeStages),
      .RESET(1'b1)
  ) u_control (
      .clk_i,
      .rst_ni,
      .data_i({valid_i, last_i}),
      .data_o({beat_valid, beat_last})
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      first_q <= 1'b1;
      valid_o <= 1'b0;
    end else begin
      valid_o <= beat_valid && beat_last;
      if (beat_valid) first_q <= beat_last;
    end
  end

  always_ff @(posedge clk_i) begin
    if (beat_valid) sum_o <= (first_q ? '0 : sum_o) + SumW'(beat_sum);
  end

endmodule
