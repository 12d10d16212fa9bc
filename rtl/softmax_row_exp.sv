/// The row exponent, golden `x`: the largest of 0..15 at which the row does not saturate.
///
///   x = top - octave + (one more if the largest element's product is a small one, one less if it
///   saturates), held to 0..15
///
/// Lanes first count from `from_o`, top less the exponent without that one: the largest element's
/// octave, unless the exponent is held. When the product is there, they are shifted by one less
/// (`rises_o`), one more (`falls_o`), or what it was.
///
/// It is one product a row, not one a lane: a multiplier, unless bits are cut, which digits say.
///
/// Worked value, uint8: of the largest element p * r = .6632, an octave below the sum's leading one,
/// 24: from 23; .6632 does not saturate, twice as much does: x = 1.
///
/// Latency: 1 cycle to `from_o`, 2 to the others, beside registers that take a beat when `move_i`.
module softmax_row_exp #(
    parameter int unsigned W = 8,
    parameter bit BASE2 = 1'b0,
    parameter int unsigned OCT_W = 5,
    parameter int unsigned TOP_W = 6,
    localparam softmax_tables_pkg::split_format_t Form = softmax_pkg::split_format(W, 1'b1, BASE2),
    localparam int unsigned Mant = Form.mant,
    localparam int unsigned R = Form.r,
    localparam int unsigned ExpW = softmax_pkg::USER_W - 1
) (
    input  logic             clk_i,
    input  logic             move_i,
    input  logic [OCT_W-1:0] octave_i,
    input  logic [ Mant-1:0] mantissa_i,
    input  logic [TOP_W-1:0] top_i,
    input  logic             bad_i,
    input  logic [    R-1:0] r_i,
    input  logic [    R+1:0] r3_i,
    output logic [TOP_W-1:0] from_o,
    output logic [ ExpW-1:0] x_o,
    output logic             rises_o,
    output logic             falls_o
);

  localparam int unsigned ProductW = softmax_pkg::product_w(Mant, R, Form.cut);
  localparam int unsigned Drop = ProductW - 1 - W;
  localparam int unsigned NW = TOP_W + 1;

  // The exponent if the product neither saturates nor is a small one, and whether it may be one
  // more or one less.
  logic [NW-1:0] below_q;
  logic [TOP_W-1:0] held_q;
  logic [OCT_W-1:0] octave_q;
  logic dead, dead_q, over, may_rise_q, may_fall_q;
  logic [ExpW-1:0] near, near_q;

  assign dead   = octave_i == '0 || bad_i;
  assign over   = (below_q >> ExpW) != '0;
  assign near   = dead_q ? '0 : over ? '1 : ExpW'(below_q);
  assign from_o = (dead_q || over) ? held_q : TOP_W'(octave_q);

  always_ff @(posedge clk_i) begin
    if (move_i) begin
      below_q <= NW'(top_i) - NW'(octave_i);
      held_q <= dead ? top_i : top_i - TOP_W'((1 << ExpW) - 1);
      octave_q <= octave_i;
      dead_q <= dead;
      near_q <= near;
      may_rise_q <= near != '1 && !dead_q;
      may_fall_q <= !over && !dead_q;
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

  assign rises_o = may_rise_q && !saturates({product_q, 1'b0});
  assign falls_o = may_fall_q && saturates({1'b0, product_q});
  assign x_o = near_q + ExpW'(rises_o) - ExpW'(falls_o);

endmodule
