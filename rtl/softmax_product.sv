/// A lane's power times the reciprocal that all lanes share, without its last CUT bits: golden
/// `product`.
///
/// Two bits of the power pick 0, r, 2r or 3r, and 3r comes in: it is added up once a row, not once
/// a lane. What each of them has below the cut is not added at all; one for every two digits that
/// lose something makes up for half of it, and comes with the first digit. The product is the sum of
/// its parts, which share its digits.
///
/// Worked value: mantissa 9'd256, r = 10'd679: 768 = 3 << 8, so 3r << 8 = 521472; with CUT = 6
/// (521472 >> 6) + 1 = 8149.
///
/// Combinational; the stage around it registers.
module softmax_product #(
    parameter int unsigned MANT = 9,
    parameter int unsigned R = 10,
    parameter int unsigned CUT = 0,
    parameter int unsigned PARTS = 1,
    localparam int unsigned ProductW = softmax_pkg::product_w(MANT, R, CUT)
) (
    input  logic [ MANT-1:0]               mantissa_i,
    input  logic [    R-1:0]               r_i,
    input  logic [    R+1:0]               r3_i,
    output logic [PARTS-1:0][ProductW-1:0] part_o
);

  localparam int unsigned RowW = R + 2;
  localparam int unsigned Digits = softmax_pkg::digits(MANT);
  localparam int unsigned Added = (CUT + 1) / 4;

  logic [Digits-1:0][1:0] digits;
  logic [Digits-1:0][RowW-1:0] rows;

  assign digits = (2 * Digits)'({1'b1, mantissa_i});

  always_comb begin
    rows = '0;
    part_o = '0;
    part_o[0] = ProductW'(Added);
    for (int unsigned p = 0; p < PARTS; p++) begin
      for (int unsigned i = p * Digits / PARTS; i < (p + 1) * Digits / PARTS; i++) begin
        case (digits[i])
          2'd0: rows[i] = '0;
          2'd1: rows[i] = RowW'(r_i);
          2'd2: rows[i] = RowW'(r_i) << 1;
          default: rows[i] = r3_i;
        endcase
        part_o[p] = part_o[p] + ProductW'(((ProductW + CUT)'(rows[i]) << (2 * i)) >> CUT);
      end
    end
  end

endmodule
