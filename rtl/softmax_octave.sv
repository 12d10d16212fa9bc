/// A score in octaves, golden `c`: the base of the exponential becomes 2.
///
///   c = round(q * log2(e) * 2^(G-F)), counted so that the lowest score there is lies in octave 1
///   c = round(q * 2^(G-F))            where scores come in octaves (BASE2)
///
/// Octave 0 is left to lanes that take no part. Multiplying by a constant is a few additions, and
/// what the offset binary of the scores, the rounding and the counting add is one constant.
///
/// Worked value, w = 8, F = 4, 8-bit scores: q = 16 (1.0): c is 1.4427 octaves above that of 0:
/// 12.4590 + 1.4427 + 1, as -128 is -11.541.
///
/// Combinational; the stage around it registers.
module softmax_octave #(
    parameter int unsigned W = 8,
    parameter bit ROW_EXP = 1'b0,
    parameter bit BASE2 = 1'b0,
    parameter int unsigned IN_W = 8,
    parameter int unsigned F = 4,
    parameter int unsigned OCT_W = 5,
    parameter int unsigned LANES = 8,
    localparam softmax_tables_pkg::split_format_t Form = softmax_pkg::split_format(
        W, ROW_EXP, BASE2
    ),
    localparam int unsigned ScoreW = OCT_W + Form.g
) (
    input  logic [LANES-1:0][  IN_W-1:0] q_i,
    input  logic [LANES-1:0]             live_i,
    output logic [LANES-1:0][ScoreW-1:0] c_o
);

  localparam softmax_pkg::octaves_t Scale = softmax_pkg::octaves(W, ROW_EXP, BASE2, F, IN_W);
  localparam int unsigned ProductW = ScoreW + Scale.shift;
  // The constant in signed binary digits, of which no two neighbours are both set: 6 of 5909's 13.
  localparam int unsigned Digits = 32;
  localparam logic [Digits-1:0] Plus = (32'd3 * Scale.factor & ~Scale.factor) >> 1;
  localparam logic [Digits-1:0] Minus = (~(32'd3 * Scale.factor) & Scale.factor) >> 1;

  logic [LANES-1:0][ProductW-1:0] product;

  always_comb begin
    for (int unsigned i = 0; i < LANES; i++) begin
      product[i] = ProductW'(Scale.bias);
      for (int unsigned k = 0; k < Digits; k++) begin
        if (Plus[k]) product[i] = product[i] + (ProductW'(q_i[i]) << k);
        if (Minus[k]) product[i] = product[i] - (ProductW'(q_i[i]) << k);
      end
      c_o[i] = live_i[i] ? ScoreW'(product[i] >> Scale.shift) : '0;
    end
  end

endmodule
