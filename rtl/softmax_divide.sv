/// All outputs that a `rexp` row can have: golden `y` for every table index k.
///
///   y[k] = floor(T[k] * A[j] / M)
///
/// The division by M is exact and needs no divider:
/// floor(t / M) = (t + (t >> w) + 1) >> w for t < M * 2^w.
///
/// Worked value, w = 8: T[1] * A[3] = 7905: (7905 + 30 + 1) >> 8 = 31.
///
/// Latency: 1 cycle; valid/ready with the beats.
module softmax_divide #(
    parameter int unsigned W = 8,
    parameter int unsigned SIDE_W = 8,
    localparam int unsigned Entries = softmax_pkg::entries_1e(W)
) (
    input  logic                        clk_i,
    input  logic                        rst_ni,
    input  logic                        valid_i,
    output logic                        ready_o,
    input  logic [Entries-1:0][2*W-1:0] product_i,
    input  logic [ SIDE_W-1:0]          side_i,
    output logic                        valid_o,
    input  logic                        ready_i,
    output logic [Entries-1:0][  W-1:0] y_o,
    output logic [ SIDE_W-1:0]          side_o
);

  function automatic logic [W-1:0] div_m(logic [2*W-1:0] t);
    return W'(((2 * W + 1)'(t) + (2 * W + 1)'(t >> W) + (2 * W + 1)'(1)) >> W);
  endfunction

  logic [Entries-1:0][W-1:0] y;

  always_comb begin
    for (int unsigned k = 0; k < Entries; k++) y[k] = div_m(product_i[k]);
  end

  stream_reg #(
      .W(Entries * W + SIDE_W)
  ) u_reg (
      .clk_i,
      .rst_ni,
      .valid_i,
      .ready_o,
      .data_i({y, side_i}),
      .valid_o,
      .ready_i,
      .data_o({y_o, side_o})
  );

endmodule
