/// All outputs that a `rexp` row can have: golden `y` for every table index k.
///
///   y[k] = floor(T[k] * A[j] / M)
///
/// Within a row the output depends on k alone, so K products a row replace a multiplier a lane,
/// and each lane only picks its own. The division by M is exact and needs no divider:
/// floor(t / M) = (t + (t >> w) + 1) >> w for t < M * 2^w.
///
/// Worked value, w = 8: j = 3, k = 1: 93 * 85 = 7905: (7905 + 30 + 1) >> 8 = 31.
///
/// Latency: 3 cycles (table, product, division), one row a cycle; valid/ready with the beats.
module softmax_products #(
    parameter int unsigned W = 8,
    parameter int unsigned XS = 256,
    parameter int unsigned SIDE_W = 8,
    localparam int unsigned Entries = softmax_pkg::entries_1e(W),
    localparam int unsigned JW = $clog2(XS + 1)
) (
    input  logic                      clk_i,
    input  logic                      rst_ni,
    input  logic                      valid_i,
    output logic                      ready_o,
    input  logic [     JW-1:0]        j_i,
    input  logic [ SIDE_W-1:0]        side_i,
    output logic                      valid_o,
    input  logic                      ready_i,
    output logic [Entries-1:0][W-1:0] y_o,
    output logic [ SIDE_W-1:0]        side_o
);

  localparam softmax_pkg::lut_1e_t Table = softmax_pkg::lut_1e(W);
  localparam softmax_pkg::lut_alpha_t FullAlpha = softmax_pkg::lut_alpha(W);
  localparam logic [XS:0][softmax_pkg::ENTRY_W-1:0] Alpha = FullAlpha[XS:0];

  logic table_valid, table_ready, product_valid, product_ready;
  logic [SIDE_W-1:0] table_side, product_side;
  logic [W-1:0] alpha_q;
  logic [Entries-1:0][2*W-1:0] product_d, product_q;
  logic [Entries-1:0][W-1:0] y_d;

  stream_reg #(
      .W(W + SIDE_W)
  ) u_table (
      .clk_i,
      .rst_ni,
      .valid_i,
      .ready_o,
      .data_i ({W'(Alpha[j_i]), side_i}),
      .valid_o(table_valid),
      .ready_i(table_ready),
      .data_o ({alpha_q, table_side})
  );

  always_comb begin
    for (int unsigned k = 0; k < Entries; k++) begin
      product_d[k] = (2 * W)'(alpha_q) * (2 * W)'(Table[k]);
    end
  end

  stream_reg #(
      .W(Entries * 2 * W + SIDE_W)
  ) u_product (
      .clk_i,
      .rst_ni,
      .valid_i(table_valid),
      .ready_o(table_ready),
      .data_i ({product_d, table_side}),
      .valid_o(product_valid),
      .ready_i(product_ready),
      .data_o ({product_q, product_side})
  );

  function automatic logic [W-1:0] div_m(logic [2*W-1:0] t);
    return W'(((2 * W + 1)'(t) + (2 * W + 1)'(t >> W) + (2 * W + 1)'(1)) >> W);
  endfunction

  always_comb begin
    for (int unsigned k = 0; k < Entries; k++) y_d[k] = div_m(product_q[k]);
  end

  stream_reg #(
      .W(Entries * W + SIDE_W)
  ) u_y (
      .clk_i,
      .rst_ni,
      .valid_i(product_valid),
      .ready_o(product_ready),
      .data_i ({y_d, product_side}),
      .valid_o,
      .ready_i,
      .data_o ({y_o, side_o})
  );

endmodule
