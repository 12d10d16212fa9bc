/// From the row sum to the row of the reciprocal table: golden `j`.
///
///   j = min(max(floor((2*S + h) / (2*M)), 1), XS),  h = M (nearest) or 0 (floor)
///
/// M is odd, so with h = M this is floor(t / M) with t = S + (M-1)/2. The division by M = 2^w - 1
/// needs no divider: with K = 1 + 2^w + ... of n terms, M * K = 2^(n*w) - 1, and
/// floor(t / M) = ((t + 1) * K) >> (n*w) for t < 2^(n*w). Sums outside the table are found beside
/// the addition, by comparing with constants.
///
/// Worked value, w = 8, nearest: S = 637: t = 764, n = 2: 765 * 257 >> 16 = 2.99: j = 2.
///
/// Latency: 2 cycles; never stalls. With reset there is no index on its way.
module softmax_sum_index #(
    parameter string SUM_INDEX = "nearest",
    parameter int unsigned W = 8,
    parameter int unsigned SUM_W = 19,
    parameter int unsigned XS = 256,
    localparam int unsigned JW = $clog2(XS + 1)
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    input  logic             valid_i,
    input  logic [SUM_W-1:0] sum_i,
    output logic             valid_o,
    output logic [   JW-1:0] j_o
);

  localparam int unsigned M = (1 << W) - 1;
  localparam int unsigned Half = (SUM_INDEX == "nearest") ? (M - 1) / 2 : 0;
  localparam int unsigned Low = M - Half;
  localparam int unsigned High = XS * M - Half;
  localparam int unsigned Stages = 2;
  // Of sums within the table t is below XS * M, and t + 1 is not above it.
  localparam int unsigned RangeW = $clog2(XS * M);
  localparam int unsigned Terms = (RangeW + W - 1) / W;
  localparam int unsigned ProductW = RangeW + 1 + Terms * W;

  /// `t` is one more than what is divided.
  function automatic logic [JW-1:0] div_m(logic [RangeW:0] t);
    logic [ProductW-1:0] product = '0;
    for (int unsigned i = 0; i < Terms; i++) product = product + (ProductW'(t) << (i * W));
    return JW'(product >> (Terms * W));
  endfunction

  logic [RangeW:0] t_q;
  logic low_q, high_q;

  always_ff @(posedge clk_i) begin
    low_q  <= 33'(sum_i) < 33'(Low);
    high_q <= 33'(sum_i) >= 33'(High);
    t_q    <= (RangeW + 1)'(33'(sum_i) + 33'(Half + 1));
    if (high_q) j_o <= JW'(XS);
    else if (low_q) j_o <= JW'(1);
    else j_o <= div_m(t_q);
  end

  delay_line #(
      .W(1),
      .STAGES(Stages),
      .RESET(1'b1)
  ) u_valid (
      .clk_i,
      .rst_ni,
      .data_i(valid_i),
      .data_o(valid_o)
  );

endmodule
