/// A product at its place as an output: shifted right, rounded to nearest, held at M.
///
///   y = min(floor(x / 2^(BASE + n) + 1/2), M) for n up to LIMIT; 0 where n is larger or dead
///
/// Worked value, w = 8, BASE = 11: x = 512 * 1019 (1.0 * .9951), n = 1: 127.4: 127.
///
/// Combinational; the stage around it registers.
module softmax_round #(
    parameter int unsigned W = 8,
    parameter int unsigned X_W = 20,
    parameter int unsigned BASE = 11,
    parameter int unsigned LIMIT = 9,
    parameter int unsigned N_W = 7
) (
    input  logic [X_W-1:0] x_i,
    input  logic [N_W-1:0] n_i,
    input  logic           dead_i,
    output logic [  W-1:0] y_o
);

  localparam int unsigned ShiftW = $clog2(LIMIT + 1);
  // One bit below the last of the output, for rounding.
  localparam int unsigned PlacedW = X_W - BASE + 1;

  logic [PlacedW-1:0] placed;
  logic [PlacedW:0] rounded;
  logic zero;

  assign zero = dead_i || 32'(n_i) > LIMIT;
  assign placed = PlacedW'(x_i >> (BASE - 1)) >> ShiftW'(n_i);
  assign rounded = ((PlacedW + 1)'(placed) + (PlacedW + 1)'(1)) >> 1;

  always_comb begin
    y_o = (|rounded[PlacedW:W]) ? '1 : rounded[W-1:0];
    if (zero) y_o = '0;
  end

endmodule
