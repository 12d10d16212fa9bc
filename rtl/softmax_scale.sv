/// The last pass of `split`: each lane's term times the row's reciprocal, at its place: golden `y`.
///
///   n = top - octave                      how far below the sum's leading one the element stands
///   y = round(p * r * 2^(W - n + x))
///
/// With ROW_EXP the row's largest element says by how much all of them are shifted less
/// (softmax_row_exp.sv).
///
/// Worked value, uint8: p = 1.0, r = .6632, n = 1: 256 * .6632 / 2 = 84.9: y = 85; with a row
/// exponent, if it is the largest: x = 1, y = 170.
///
/// Latency: 3 cycles (fetch, product, place); 4 at int16, where the product takes two, for parts of its
/// digits and their sum, and with ROW_EXP, where the exponent follows the product; valid/ready. The
/// fetch is there because a block RAM's output comes too late in the cycle for a product.
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

  localparam int unsigned ProductW = softmax_pkg::product_w(Mant, R, Form.cut);
  localparam int unsigned ExpW = softmax_pkg::USER_W - 1;
  // A row exponent may lift an element one octave above the sum's: one bit less is dropped then.
  localparam int unsigned Lift = ROW_EXP ? 1 : 0;
  localparam int unsigned Drop = ProductW - 1 - W;
  localparam int unsigned Base = Drop - Lift;
  localparam int unsigned Limit = W + 1 + Lift;
  localparam int unsigned NW = TOP_W + 1;

  // A product in two cycles is added up in parts of at most four digits.
  localparam int unsigned Parts = (Form.newton != 0) ? (softmax_pkg::digits(Mant) + 3) / 4 : 1;

  logic fetch_valid, fetch_ready, fetch_last, fetch_bad;
  logic [LANES-1:0][OCT_W-1:0] fetch_octave;
  logic [LANES-1:0][ Mant-1:0] fetch_mantissa;
  logic [TOP_W-1:0] from, fetch_from;
  logic [R-1:0] fetch_r;
  logic [R+1:0] r3, fetch_r3;

  // Elements are placed from the sum's leading one, or, with ROW_EXP, from the row's largest.
  assign from = ROW_EXP ? TOP_W'(max_octave_i) : top_i;
  assign r3   = (R + 2)'(r_i) + ((R + 2)'(r_i) << 1);

  stream_reg #(
      .W(LANES * (OCT_W + Mant) + TOP_W + 2 * R + 4)
  ) u_fetch (
      .clk_i,
      .rst_ni,
      .valid_i,
      .ready_o,
      .data_i ({octave_i, mantissa_i, from, r_i, r3, last_i, bad_i}),
      .valid_o(fetch_valid),
      .ready_i(fetch_ready),
      .data_o ({fetch_octave, fetch_mantissa, fetch_from, fetch_r, fetch_r3, fetch_last, fetch_bad})
  );

  logic [ExpW-1:0] x;
  logic rises, falls;

  if (ROW_EXP) begin : gen_row_exp
    softmax_row_exp #(
        .W(W),
        .BASE2(BASE2),
        .OCT_W(OCT_W)
    ) u_row_exp (
        .clk_i,
        .move_i(ready_o),
        .octave_i(max_octave_i),
        .mantissa_i(max_mantissa_i),
        .top_i(ExpW'(top_i)),
        .bad_i,
        .r_i,
        .r3_i(r3),
        .x_o(x),
        .rises_o(rises),
        .falls_o(falls)
    );
  end else begin : gen_no_row_exp
    logic unused;
    assign unused = &{1'b0, max_octave_i, max_mantissa_i};
    assign {x, rises, falls} = '0;
  end

  // Product, and how far it is to be shifted.
  logic [LANES-1:0][Parts-1:0][ProductW-1:0] part_d, part;
  logic [LANES-1:0][ProductW-1:0] product_d, placed;
  logic [1:0] step;
  logic [LANES-1:0][NW-1:0] near_n_d, near_n, n_d, n;
  logic [LANES-1:0] dead_d, part_dead, dead, keep_d, part_keep, keep;
  logic [ExpW-1:0] exponent;
  logic
      part_valid, part_ready, part_last, part_bad, place_valid, place_ready, place_last, place_bad;

  for (genvar i = 0; i < LANES; i++) begin : gen_product
    softmax_product #(
        .MANT (Mant),
        .R    (R),
        .CUT  (Form.cut),
        .PARTS(Parts)
    ) u_lane (
        .mantissa_i(fetch_mantissa[i]),
        .r_i(fetch_r),
        .r3_i(fetch_r3),
        .part_o(part_d[i])
    );

    always_comb begin
      product_d[i] = '0;
      for (int unsigned p = 0; p < Parts; p++) product_d[i] = product_d[i] + part[i][p];
    end
  end

  // As if the row's largest product neither saturated nor were a small one, and then as it is.
  assign step = !ROW_EXP ? 2'd0 : 2'(Lift) + 2'(falls) - 2'(rises);

  always_comb begin
    for (int unsigned i = 0; i < LANES; i++) begin
      n_d[i] = near_n[i] + NW'(step);
      near_n_d[i] = NW'(fetch_from) - NW'(fetch_octave[i]);
      dead_d[i] = fetch_octave[i] == '0 || fetch_bad;
      keep_d[i] = (fetch_octave[i] != '0 || fetch_mantissa[i][0]) && !fetch_bad;
    end
  end

  if (Parts > 1 || ROW_EXP) begin : gen_parts
    stream_reg #(
        .W(LANES * (Parts * ProductW + NW + 2) + 2)
    ) u_part (
        .clk_i,
        .rst_ni,
        .valid_i(fetch_valid),
        .ready_o(fetch_ready),
        .data_i ({part_d, near_n_d, dead_d, keep_d, fetch_last, fetch_bad}),
        .valid_o(part_valid),
        .ready_i(part_ready),
        .data_o ({part, near_n, part_dead, part_keep, part_last, part_bad})
    );
  end else begin : gen_whole
    assign part_valid = fetch_valid;
    assign fetch_ready = part_ready;
    assign {part, near_n, part_dead, part_keep} = {part_d, near_n_d, dead_d, keep_d};
    assign {part_last, part_bad} = {fetch_last, fetch_bad};
  end

  stream_reg #(
      .W(LANES * (ProductW + NW + 2) + ExpW + 2)
  ) u_product (
      .clk_i,
      .rst_ni,
      .valid_i(part_valid),
      .ready_o(part_ready),
      .data_i ({product_d, n_d, part_dead, part_keep, x, part_last, part_bad}),
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
