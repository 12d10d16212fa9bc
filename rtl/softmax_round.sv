/// A product at its place as an output: shifted right and rounded to nearest.
///
///   y = floor(x / 2^(BASE + n) + 1/2) for n up to LIMIT; 0 where n is larger or dead
///
/// No product is larger than its place has room for: golden/split.py.
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
  logic [W:0] placed;

  assign placed = (W + 1)'((x_i >> (BASE - 1)) >> ShiftW'(n_i));
  assign y_o = (dead_i || 32'(n_i) > LIMIT) ? '0 : placed[W:1] + W'(placed[0]);

endmodule
