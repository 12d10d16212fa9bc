/// LUT_1/e of method `rexp`, every entry at once: golden `T`.
///
/// Worked value, w = 8: 0, 1, 4, 12, 34, 93, 255 and a last 0, from entry 6 down to 0.
///
/// Combinational. With LOADABLE, `load_i` writes entries.
module softmax_inverse_e #(
    parameter int unsigned W = 8,
    parameter bit LOADABLE = 1'b0,
    localparam int unsigned Entries = softmax_pkg::entries_1e(W)
) (
    input  logic                                    clk_i,
    input  logic                                    rst_ni,
    input  softmax_pkg::load_t                      load_i,
    output logic               [Entries-1:0][W-1:0] table_o
);

  localparam softmax_pkg::lut_1e_t Full = softmax_pkg::lut_1e(W);
  localparam int unsigned KW = $clog2(Entries);

  logic [Entries-1:0][KW-1:0] every_k;

  always_comb begin
    for (int unsigned k = 0; k < Entries; k++) every_k[k] = KW'(k);
  end

  lookup_table #(
      .W(W),
      .CONTENT_W(softmax_pkg::ENTRY_W),
      .DEPTH(Entries),
      .PORTS(Entries),
      .LOADABLE(LOADABLE),
      .CONTENT(Full[Entries-1:0])
  ) u_table (
      .clk_i,
      .rst_ni,
      .we_i   (load_i.valid && load_i.which == softmax_pkg::TABLE_1E),
      .waddr_i(KW'(load_i.entry)),
      .wdata_i(W'(load_i.data)),
      .raddr_i(every_k),
      .rdata_o(table_o)
  );

  logic unused_load;
  assign unused_load = ^load_i;

endmodule
