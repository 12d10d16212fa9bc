/// From the row sum to the row of the reciprocal table: golden `j`.
///
///   j = min(max(floor((2*S + h) / (2*M)), 1), XS),  h = M (nearest) or 0 (floor)
///
/// M is odd, so with h = M this is floor(t / M) with t = S + (M-1)/2. The division by M = 2^w - 1
/// needs no divider: floor(t / M) = (t + (t >> w) + 1) >> w for t < M * 2^w. A table of more than
/// 2^w rows takes t folded instead: t = a * 2^w + b = a * M + (a + b), until the rest is below
/// 2 * M. Sums outside the table are found beside the addition, by comparing with constants.
///
/// Worked value, w = 8, nearest: S = 637: (637 + 127) / 255 = 2.99: j = 2.
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
  localparam int unsigned CutW = W + JW;
  localparam bit Small = XS <= (1 << W);
  localparam int unsigned Stages = 2;

  // t < 2^CutW: every fold takes a quotient of W bits less; what is left is below 2 * M.
  localparam int unsigned Folds = (CutW + W - 1) / W;

  function automatic logic [JW-1:0] div_m(logic [CutW-1:0] t);
    logic [CutW-1:0] quotient = '0;
    logic [CutW-1:0] rest = t;
    if (Small) begin
      quotient = (t + (t >> W) + CutW'(1)) >> W;
    end else begin
      for (int unsigned i = 0; i < Folds; i++) begin
        quotient = quotient + (rest >> W);
        rest = (rest >> W) + (rest & CutW'(M));
      end
      if (rest >= CutW'(M)) quotient = quotient + CutW'(1);
    end
    return JW'(quotient);
  endfunction

  logic [CutW-1:0] t_q;
  logic low_q, high_q;

  always_ff @(posedge clk_i) begin
    low_q  <= 33'(sum_i) < 33'(Low);
    high_q <= 33'(sum_i) >= 33'(High);
    t_q    <= CutW'(33'(sum_i) + 33'(Half));
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
