/// The last pass of `split`: each lane's term times the row's reciprocal, at its place: golden `y`.
///
///   n = top - octave                      how far below the sum's leading one the element stands
///   y = round(p * r * 2^(W - n + x))
///
/// With ROW_EXP the row's largest element goes through a product of its own beside the lanes', from
/// which the row exponent follows, golden `x`: the largest of 0..15 at which the row does not saturate.
///
/// Worked value, uint8: p = 1.0, r = .6632, n = 1: 256 * .6632 / 2 = 84.9: y = 85; with a row
/// exponent, if it is the largest: x = 1, y = 170.
///
/// Latency: 3 cycles (fetch, product, place); 4 with ROW_EXP and at int16, where the product takes two,
/// for halves of its digits and their sum; valid/ready. The fetch is there because a block RAM's
/// output comes too late in the cycle for a product.
module softmax_scale #(
    parameter int unsigned W = 8,
    parameter int unsigned OUT_W = 8,
    parameter bit ROW_EXP = 1'b0,
    parameter bit BASE2 = 1'b0,
    parameter int unsigned OCT_W = 5,
    parameter int unsigned TOP_W = 6,
    parameter int unsigned LANES = 8,
    localparam softmax_tables_pkg::split_format_t Form = softmax_pkg::split_format(
        W, ROW_EXP, BASE2
    ),
    localparam int unsigned Mant = Form.mant,
    localparam int unsigned R = Form.r
) (
    input  logic                                      clk_i,
    input  logic                                      rst_ni,
    input  logic                                      valid_i,
    output logic                                      ready_o,
    input  logic [              LANES-1:0][OCT_W-1:0] octave_i,
    input  logic [              LANES-1:0][ Mant-1:0] mantissa_i,
    input  logic [              OCT_W-1:0]            max_octave_i,
    input  logic [               Mant-1:0]            max_mantissa_i,
    input  logic [              TOP_W-1:0]            top_i,
    input  logic [                  R-1:0]            r_i,
    input  logic                                      last_i,
    input  logic                                      bad_i,
    output logic                                      valid_o,
    input  logic                                      ready_i,
    output logic [              LANES-1:0][OUT_W-1:0] y_o,
    output logic [              LANES-1:0]            keep_o,
    output logic                                      last_o,
    output logic                                      bad_o,
    output logic [softmax_pkg::USER_W-2:0]            exponent_o
);

  localparam int unsigned ProductW = Mant + 1 + R - Form.cut;
  localparam int unsigned ExpW = softmax_pkg::USER_W - 1;
  // A row exponent may lift an element one octave above the sum's: one bit less is dropped then.
  localparam int unsigned Lift = ROW_EXP ? 1 : 0;
  localparam int unsigned Drop = Mant + R - W - Form.cut;
  localparam int unsigned Base = Drop - Lift;
  localparam int unsigned Limit = W + 1 + Lift;
  localparam int unsigned NW = TOP_W + 1;

  // Fetch.
  logic fetch_valid, fetch_ready, fetch_last, fetch_bad;
  logic [LANES-1:0][OCT_W-1:0] fetch_octave;
  logic [LANES-1:0][Mant-1:0] fetch_mantissa;
  logic [OCT_W-1:0] fetch_max_octave;
  logic [Mant-1:0] fetch_max_mantissa;
  logic [TOP_W-1:0] fetch_top;
  logic [R-1:0] fetch_r;
  logic [R+1:0] r3, fetch_r3;

  assign r3 = (R + 2)'(r_i) + ((R + 2)'(r_i) << 1);

  stream_reg #(
      .W((LANES + 1) * (OCT_W + Mant) + TOP_W + 2 * R + 4)
  ) u_fetch (
      .clk_i,
      .rst_ni,
      .valid_i,
      .ready_o,
      .data_i({
        octave_i, mantissa_i, max_octave_i, max_mantissa_i, top_i, r_i, r3, last_i, bad_i
      }),
      .valid_o(fetch_valid),
      .ready_i(fetch_ready),
      .data_o({
        fetch_octave,
        fetch_mantissa,
        fetch_max_octave,
        fetch_max_mantissa,
        fetch_top,
        fetch_r,
        fetch_r3,
        fetch_last,
        fetch_bad
      })
  );

  // Product, in two halves or one, and how far it is to be shifted; the last one is that of the row's
  // largest element.
  localparam bit Halves = ROW_EXP || Form.newton != 0;
  localparam int unsigned Digits = (Mant + 2) / 2;
  localparam int unsigned Half = Halves ? Digits / 2 : Digits;

  logic [LANES:0][Mant-1:0] mantissa;
  logic [LANES:0][OCT_W-1:0] octave;
  logic [LANES:0][ProductW-1:0] low_d, low, high_d, high, product_d;
  logic [LANES:0][NW-1:0] below_d, below;
  logic [LANES:0] dead_d, half_dead;
  logic [LANES-1:0] keep_d, half_keep, dead, keep;
  logic [LANES-1:0][ProductW-1:0] placed;
  logic [LANES-1:0][NW-1:0] n_d, n;
  logic
      half_valid, half_ready, half_last, half_bad, place_valid, place_ready, place_last, place_bad;
  logic [ExpW-1:0] x, exponent;

  assign mantissa = {fetch_max_mantissa, fetch_mantissa};
  assign octave   = {fetch_max_octave, fetch_octave};

  for (genvar i = 0; i <= LANES; i++) begin : gen_product
    softmax_product #(
        .MANT(Mant),
        .R(R),
        .CUT(Form.cut),
        .TO(Half)
    ) u_low (
        .mantissa_i(mantissa[i]),
        .r_i(fetch_r),
        .r3_i(fetch_r3),
        .product_o(low_d[i])
    );

    softmax_product #(
        .MANT(Mant),
        .R(R),
        .CUT(Form.cut),
        .FROM(Half)
    ) u_high (
        .mantissa_i(mantissa[i]),
        .r_i(fetch_r),
        .r3_i(fetch_r3),
        .product_o(high_d[i])
    );

    assign product_d[i] = low[i] + high[i];
    assign below_d[i] = NW'(fetch_top) - NW'(octave[i]);
    assign dead_d[i] = octave[i] == '0 || fetch_bad;
  end

  always_comb begin
    for (int unsigned i = 0; i < LANES; i++) begin
      keep_d[i] = (octave[i] != '0 || mantissa[i][0]) && !fetch_bad;
    end
  end

  if (Halves) begin : gen_halves
    stream_reg #(
        .W((LANES + 1) * (2 * ProductW + NW + 1) + LANES + 2)
    ) u_half (
        .clk_i,
        .rst_ni,
        .valid_i(fetch_valid),
        .ready_o(fetch_ready),
        .data_i ({low_d, high_d, below_d, dead_d, keep_d, fetch_last, fetch_bad}),
        .valid_o(half_valid),
        .ready_i(half_ready),
        .data_o ({low, high, below, half_dead, half_keep, half_last, half_bad})
    );
  end else begin : gen_whole
    assign half_valid = fetch_valid;
    assign fetch_ready = half_ready;
    assign {low, high, below, half_dead, half_keep} = {low_d, high_d, below_d, dead_d, keep_d};
    assign {half_last, half_bad} = {fetch_last, fetch_bad};
  end

  if (ROW_EXP) begin : gen_exponent
    // The row exponent if the largest element's product is a small one, saturates, or neither.
    logic [ExpW-1:0] x_small, x_neither, x_large;

    // round(product >> Drop) > M: not below 2^(Drop + W) - 2^(Drop - 1).
    function automatic logic saturates(logic [ProductW:0] product);
      return (product >> (Drop + W)) != '0 || &product[Drop+W-1:Drop-1];
    endfunction

    function automatic logic [ExpW-1:0] held(logic [NW-1:0] octaves);
      return ((octaves >> ExpW) != '0) ? '1 : ExpW'(octaves);
    endfunction

    assign x_small = held(below[LANES] + NW'(1));
    assign x_neither = held(below[LANES]);
    assign x_large = held(below[LANES] - NW'(1));

    always_comb begin
      x = x_neither;
      if (half_dead[LANES]) x = '0;
      else if (!saturates({product_d[LANES], 1'b0})) x = x_small;
      else if (saturates({1'b0, product_d[LANES]})) x = x_large;
    end
  end else begin : gen_plain
    logic unused_max;
    assign unused_max = ^{below[LANES], half_dead[LANES], product_d[LANES]};
    assign x = '0;
  end

  always_comb begin
    for (int unsigned i = 0; i < LANES; i++) n_d[i] = below[i] - NW'(x) + NW'(Lift);
  end

  stream_reg #(
      .W(LANES * (ProductW + NW + 2) + ExpW + 2)
  ) u_product (
      .clk_i,
      .rst_ni,
      .valid_i(half_valid),
      .ready_o(half_ready),
      .data_i ({
        product_d[LANES-1:0], n_d, half_dead[LANES-1:0], half_keep, x, half_last, half_bad
      }),
      .valid_o(place_valid),
      .ready_i(place_ready),
      .data_o ({placed, n, dead, keep, exponent, place_last, place_bad})
  );

  logic [LANES-1:0][W-1:0] rounded;
  logic [LANES-1:0][OUT_W-1:0] y;

  for (genvar i = 0; i < LANES; i++) begin : gen_lane
    softmax_round #(
        .W(W),
        .X_W(ProductW),
        .BASE(Base),
        .LIMIT(Limit),
        .N_W(NW)
    ) u_round (
        .x_i(placed[i]),
        .n_i(n[i]),
        .dead_i(dead[i]),
        .y_o(rounded[i])
    );
    assign y[i] = OUT_W'(rounded[i]);
  end

  stream_reg #(
      .W(LANES * (OUT_W + 1) + ExpW + 2),
      .ELASTIC(1'b1)
  ) u_out (
      .clk_i,
      .rst_ni,
      .valid_i(place_valid),
      .ready_o(place_ready),
      .data_i ({y, keep, exponent, place_last, place_bad}),
      .valid_o,
      .ready_i,
      .data_o ({y_o, keep_o, exponent_o, last_o, bad_o})
  );

endmodule
