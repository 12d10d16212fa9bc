/// From the row sum to the row of the reciprocal table: golden `j`.
///
///   j = min(max(floor((2*S + h) / (2*M)), 1), XS),  h = M (nearest) or 0 (floor)
///
/// M is odd, so with h = M this is floor((S + (M-1)/2) / M). The division by M = 2^w - 1 needs no
/// divider: t = a * 2^w + b = a * M + (a + b), folded until the rest is below 2 * M. Sums past
/// the table are cut off first, which keeps the folds few and narrow.
///
/// Worked value, w = 8, nearest: S = 637: (637 + 127) / 255 = 2.99: j = 2.
///
/// Latency: 2 cycles; never stalls.
module softmax_sum_index #(
    parameter string SUM_INDEX = "nearest",
    parameter int unsigned W = 8,
    parameter int unsigned SUM_W = 19,
    parameter int unsigned XS = 256,
    localparam int unsigned JW = $clog2(XS + 1)
) (
    input  logic             clk_i,
    input  logic [SUM_W-1:0] sum_i,
    output logic [   JW-1:0] j_o
);

  localparam int unsigned M = (1 << W) - 1;
  localparam int unsigned Half = (SUM_INDEX == "nearest") ? (M - 1) / 2 : 0;
  localparam int unsigned CutW = W + JW;
  localparam int unsigned Cut = XS * M;

  // t < 2^CutW: every fold takes a quotient of W bits less; what is left is below 2 * M.
  localparam int unsigned Folds = (CutW + W - 1) / W;

  function automatic logic [CutW-1:0] div_m(logic [CutW-1:0] t);
    logic [CutW-1:0] quotient = '0;
    logic [CutW-1:0] rest = t;
    for (int unsigned i = 0; i < Folds; i++) begin
      quotient = quotient + (rest >> W);
      rest = (rest >> W) + (rest & CutW'(M));
    end
    return quotient + ((rest >= CutW'(M)) ? CutW'(1) : '0);
  endfunction

  // Cut off what lies past the table.
  logic [32:0] shifted;
  logic [CutW-1:0] t_d, t_q;

  assign shifted = 33'(sum_i) + 33'(Half);
  assign t_d = (shifted >= 33'(Cut)) ? CutW'(Cut) : CutW'(shifted);

  logic [CutW-1:0] quotient;
  assign quotient = div_m(t_q);

  always_ff @(posedge clk_i) begin
    t_q <= t_d;
    j_o <= (quotient == '0) ? JW'(1) : JW'(quotient);
  end

endmodule
