/// The exponent value of each element from its table index: golden `s` (rexp) or `e` (lut2d).
///
/// Worked value, w = 8: rexp, k = 1: floor(255 / e) = 93; lut2d, k = 10: the same.
///
/// Combinational; the stage around it registers.
module softmax_exp #(
    parameter string METHOD = "rexp",
    parameter int unsigned W = 8,
    parameter int unsigned LANES = 8,
    parameter int unsigned ENTRIES = 8,
    localparam int unsigned KW = $clog2(ENTRIES)
) (
    input  logic [LANES-1:0][KW-1:0] k_i,
    output logic [LANES-1:0][ W-1:0] value_o
);

  localparam softmax_pkg::lut_exp_t Full = (METHOD == "lut2d") ? softmax_pkg::lut_exp(
      W
  ) : softmax_pkg::lut_exp_t'(softmax_pkg::lut_1e(
      W
  ));
  localparam logic [ENTRIES-1:0][softmax_pkg::ENTRY_W-1:0] Table = Full[ENTRIES-1:0];

  always_comb begin
    for (int unsigned i = 0; i < LANES; i++) value_o[i] = W'(Table[k_i[i]]);
  end

endmodule
