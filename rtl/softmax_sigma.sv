/// All outputs that a `lut2d` row can have: golden `y` for every tenth c.
///
/// Row j of LUT_sigma is read once a row, eleven entries wide, and each lane only picks its own:
/// one read port instead of one a lane.
///
/// Worked value, w = 8: j = 3, c = 4: floor(255 * 0.4 / 3) = 34.
///
/// Latency: 1 cycle, one row a cycle; valid/ready with the beats.
module softmax_sigma #(
    parameter int unsigned W = 8,
    parameter int unsigned XS = 60,
    parameter int unsigned SIDE_W = 8,
    localparam int unsigned Entries = softmax_pkg::TENTHS,
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

  localparam softmax_pkg::lut_sigma_t FullSigma = softmax_pkg::lut_sigma(W);

  typedef logic [XS:0][Entries-1:0][W-1:0] sigma_t;

  // Cut to size: what is stored is what is counted.
  function automatic sigma_t cut();
    sigma_t cut_table;
    for (int unsigned j = 0; j <= XS; j++) begin
      for (int unsigned c = 0; c < Entries; c++) cut_table[j][c] = W'(FullSigma[j][c]);
    end
    return cut_table;
  endfunction

  localparam sigma_t Sigma = cut();

  stream_reg #(
      .W(Entries * W + SIDE_W)
  ) u_table (
      .clk_i,
      .rst_ni,
      .valid_i,
      .ready_o,
      .data_i({Sigma[j_i], side_i}),
      .valid_o,
      .ready_i,
      .data_o({y_o, side_o})
  );

endmodule
