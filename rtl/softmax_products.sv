/// All products that a `rexp` row can have: T[k] * A[j] for every table index k.
///
/// Within a row the output depends on k alone, so K products a row replace a multiplier a lane,
/// and each lane only picks its own (softmax_select.sv).
///
/// Worked value, w = 8: j = 3, k = 1: 93 * 85 = 7905.
///
/// Latency: 1 cycle; valid/ready with the beats. With LOADABLE, `load_i` writes table entries.
module softmax_products #(
    parameter int unsigned W = 8,
    parameter int unsigned SIDE_W = 8,
    parameter bit LOADABLE = 1'b0,
    localparam int unsigned Entries = softmax_pkg::entries_1e(W)
) (
    input  logic                                      clk_i,
    input  logic                                      rst_ni,
    input  softmax_pkg::load_t                        load_i,
    input  logic                                      valid_i,
    output logic                                      ready_o,
    input  logic               [      W-1:0]          alpha_i,
    input  logic               [ SIDE_W-1:0]          side_i,
    output logic                                      valid_o,
    input  logic                                      ready_i,
    output logic               [Entries-1:0][2*W-1:0] product_o,
    output logic               [ SIDE_W-1:0]          side_o
);

  logic [Entries-1:0][W-1:0] inverse_e;

  softmax_inverse_e #(
      .W(W),
      .LOADABLE(LOADABLE)
  ) u_inverse_e (
      .clk_i,
      .rst_ni,
      .load_i,
      .table_o(inverse_e)
  );

  logic [Entries-1:0][2*W-1:0] product;

  always_comb begin
    for (int unsigned k = 0; k < Entries; k++) begin
      product[k] = (2 * W)'(alpha_i) * (2 * W)'(inverse_e[k]);
    end
  end

  stream_reg #(
      .W(Entries * 2 * W + SIDE_W)
  ) u_reg (
      .clk_i,
      .rst_ni,
      .valid_i,
      .ready_o,
      .data_i({product, side_i}),
      .valid_o,
      .ready_i,
      .data_o({product_o, side_o})
  );

endmodule
