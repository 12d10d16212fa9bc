/// The exponent value of each element from its table index: golden `s` (rexp) or `e` (lut2d).
///
/// Worked value, w = 8: rexp, k = 1: floor(255 / e) = 93; lut2d, k = 10: the same.
///
/// Combinational; the stage around it registers. With LOADABLE, `load_i` writes table entries.
module softmax_exp #(
    parameter string METHOD = "rexp",
    parameter int unsigned W = 8,
    parameter int unsigned LANES = 8,
    parameter int unsigned ENTRIES = 8,
    parameter bit LOADABLE = 1'b0,
    localparam int unsigned KW = $clog2(ENTRIES)
) (
    input  logic                                   clk_i,
    input  logic                                   rst_ni,
    input  softmax_pkg::load_t                     load_i,
    input  logic               [LANES-1:0][KW-1:0] k_i,
    output logic               [LANES-1:0][ W-1:0] value_o
);

  localparam softmax_pkg::lut_exp_t Full = (METHOD == "lut2d") ? softmax_pkg::lut_exp(
      W
  ) : softmax_pkg::lut_exp_t'(softmax_pkg::lut_1e(
      W
  ));
  localparam softmax_pkg::table_e Which = (METHOD == "lut2d")
      ? softmax_pkg::TABLE_EXP : softmax_pkg::TABLE_1E;

  lookup_table #(
      .W(W),
      .CONTENT_W(softmax_pkg::ENTRY_W),
      .DEPTH(ENTRIES),
      .PORTS(LANES),
      .LOADABLE(LOADABLE),
      .CONTENT(Full[ENTRIES-1:0])
  ) u_table (
      .clk_i,
      .rst_ni,
      .we_i   (load_i.valid && load_i.which == Which),
      .waddr_i(KW'(load_i.entry)),
      .wdata_i(W'(load_i.data)),
      .raddr_i(k_i),
      .rdata_o(value_o)
  );

  logic unused_load;
  assign unused_load = ^load_i;

endmodule
