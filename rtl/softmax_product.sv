/// A lane's power times the reciprocal that all lanes share: 1.mantissa * r.
///
/// Two bits of the power pick 0, r, 2r or 3r, and 3r comes in: it is added up once a row, not once
/// a lane. That takes half the additions of a plain multiplier, three quarters of its gates. Words
/// too wide for a few additions are left to multiplier blocks (WIDE).
///
/// Worked value: mantissa 9'd256, r = 10'd679: 768 * 679 = 11_00_00_00_00 (base 4: 30000) * 679 =
/// 3r << 8 = 521472.
///
/// Combinational; the stage around it registers.
module softmax_product #(
    parameter int unsigned MANT = 9,
    parameter int unsigned R = 10,
    parameter bit WIDE = 1'b0
) (
    input  logic [MANT-1:0] mantissa_i,
    input  logic [   R-1:0] r_i,
    input  logic [   R+1:0] r3_i,
    output logic [MANT+R:0] product_o
);

  localparam int unsigned ProductW = MANT + 1 + R;

  if (WIDE) begin : gen_block
    logic unused_r3;
    assign unused_r3 = ^r3_i;
    assign product_o = ProductW'({1'b1, mantissa_i}) * ProductW'(r_i);
  end else begin : gen_digits
    localparam int unsigned Digits = (MANT + 2) / 2;

    logic [Digits-1:0][  1:0] digits;
    logic [Digits-1:0][R+1:0] rows;

    assign digits = (2 * Digits)'({1'b1, mantissa_i});

    always_comb begin
      product_o = '0;
      for (int unsigned i = 0; i < Digits; i++) begin
        case (digits[i])
          2'd0: rows[i] = '0;
          2'd1: rows[i] = (R + 2)'(r_i);
          2'd2: rows[i] = (R + 2)'(r_i) << 1;
          default: rows[i] = r3_i;
        endcase
        product_o = product_o + (ProductW'(rows[i]) << (2 * i));
      end
    end
  end

endmodule
