/// The reciprocal that scales a `rexp` row: golden `A[j]`, read once a row.
///
/// Worked value, w = 8: j = 3: floor(255 / 3) = 85.
///
/// Combinational, ahead of the row store's queue: there the read costs no cycle of its own.
module softmax_alpha #(
    parameter  int unsigned W  = 8,
    parameter  int unsigned XS = 256,
    localparam int unsigned JW = $clog2(XS + 1)
) (
    input  logic [JW-1:0] j_i,
    output logic [ W-1:0] alpha_o
);

  localparam softmax_pkg::lut_alpha_t Full = softmax_pkg::lut_alpha(W);
  localparam logic [XS:0][softmax_pkg::ENTRY_W-1:0] Alpha = Full[XS:0];

  assign alpha_o = W'(Alpha[j_i]);

endmodule
