/// The row exponent, golden `x`: the largest of 0..15 at which the row does not saturate.
///
///   x = top - octave + (one more if the largest element's product is a small one, one less if it
///   saturates)
///
/// None is below 0 or above 15: where nothing else is in the sum the largest element does not saturate
/// (a test of golden's tries every sum), and that of 4,096 elements lies at most 12 octaves above it.
///
/// Lanes count from the largest element's octave, as if the exponent were without that one. When the
/// product is there, they are shifted by one less (`rises_o`), one more (`falls_o`), or what it was.
///
/// It is one product a row, not one a lane: a multiplier, unless bits are cut, which digits say.
///
/// Worked value, uint8: of the largest element p * r = .6632, an octave below the sum's leading one:
/// .6632 does not saturate, twice as much does: x = 1.
///
/// Latency: 2 cycles, beside registers that take a beat when `move_i`.
module softmax_row_exp #(
    parameter int unsigned W = 8,
    parameter bit BASE2 = 1'b0,
    parameter int unsigned OCT_W = 5,
    localparam softmax_tables_pkg::split_format_t Form = softmax_pkg::split_format(W, 1'b1, BASE2),
    localparam int unsigned Mant = Form.mant,
    localparam int unsigned R = Form.r,
    localparam int unsigned ExpW = softmax_pkg::USER_W - 1
) (
    input  logic             clk_i,
    input  logic             move_i,
    input  logic [OCT_W-1:0] octave_i,
    input  logic [ Mant-1:0] mantissa_i,
    input  logic [ ExpW-1:0] top_i,
    input  logic             bad_i,
    input  logic [    R-1:0] r_i,
    input  logic [    R+1:0] r3_i,
    output logic [ ExpW-1:0] x_o,
    output logic             rises_o,
    output logic             falls_o
);

  localparam int unsigned ProductW = softmax_pkg::product_w(Mant, R, Form.cut);
  localparam int unsigned Drop = ProductW - 1 - W;

  // The exponent if the product neither saturates nor is a small one; none where nothing is live.
  logic [ExpW-1:0] near_q, exponent_q;
  logic live_q, product_live_q;

  always_ff @(posedge clk_i) begin
    if (move_i) begin
      live_q <= octave_i != '0 && !bad_i;
      near_q <= top_i - ExpW'(octave_i);
      product_live_q <= live_q;
      exponent_q <= live_q ? near_q : '0;
    end
  end

  // Factors of its own: those of the lanes are far away.
  logic [Mant-1:0] mantissa_q;
  logic [R-1:0] r_q;
  logic [ProductW-1:0] product_d, product_q;

  always_ff @(posedge clk_i) if (move_i) {mantissa_q, r_q} <= {mantissa_i, r_i};

  if (Form.cut == 0) begin : gen_whole
    logic unused;
    assign unused = ^r3_i;
    assign product_d = ProductW'({1'b1, mantissa_q}) * ProductW'(r_q);
  end else begin : gen_cut
    logic [R+1:0] r3_q;

    always_ff @(posedge clk_i) if (move_i) r3_q <= r3_i;

    softmax_product #(
        .MANT(Mant),
        .R   (R),
        .CUT (Form.cut)
    ) u_product (
        .mantissa_i(mantissa_q),
        .r_i(r_q),
        .r3_i(r3_q),
        .part_o(product_d)
    );
  end

  always_ff @(posedge clk_i) if (move_i) product_q <= product_d;

  // round(product >> Drop) > M: not below 2^(Drop + W) - 2^(Drop - 1).
  function automatic logic saturates(logic [ProductW:0] product);
    return (product >> (Drop + W)) != '0 || &product[Drop+W-1:Drop-1];
  endfunction

  assign rises_o = product_live_q && !saturates({product_q, 1'b0});
  assign falls_o = product_live_q && saturates({1'b0, product_q});
  assign x_o = exponent_q + ExpW'(rises_o) - ExpW'(falls_o);

endmodule
