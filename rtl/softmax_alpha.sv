/// The reciprocal that scales a `rexp` row: golden `A[j]`, read once a row.
///
/// Worked value, w = 8: j = 3: floor(255 / 3) = 85.
///
/// Latency: 0 cycles. With LOADABLE, `load_i` writes table entries.
module softmax_alpha #(
    parameter int unsigned W = 8,
    parameter int unsigned XS = 256,
    parameter bit LOADABLE = 1'b0,
    localparam int unsigned JW = $clog2(XS + 1)
) (
    input logic clk_i,
    input logic rst_ni,
    input softmax_pkg::load_t load_i,
    input logic [JW-1:0] j_i,
    output logic [W-1:0] alpha_o
);

  localparam softmax_pkg::lut_alpha_t Full = softmax_pkg::lut_alpha(W);

  lookup_table #(
      .W(W),
      .CONTENT_W(softmax_pkg::ENTRY_W),
      .DEPTH(XS + 1),
      .LOADABLE(LOADABLE),
      .CONTENT(Full[XS:0])
  ) u_table (
      .clk_i,
      .rst_ni,
      .we_i   (load_i.valid && load_i.which == softmax_pkg::TABLE_ALPHA),
      .waddr_i(JW'(load_i.entry)),
      .wdata_i(W'(load_i.data)),
      .raddr_i(j_i),
      .rdata_o(alpha_o)
  );

  logic unused_load;
  assign unused_load = ^load_i;

endmodule
