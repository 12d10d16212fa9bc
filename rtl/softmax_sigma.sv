/// All outputs that a `lut2d` row can have: golden `y` for every tenth c.
///
/// Row j of LUT_sigma is read once a row, eleven entries wide, and each lane only picks its own:
/// one read port instead of one a lane.
///
/// Worked value, w = 8: j = 3, c = 4: floor(255 * 0.4 / 3) = 34.
///
/// Latency: 1 cycle, one row a cycle; valid/ready with the beats. With LOADABLE, `load_i` writes
/// table entries.
module softmax_sigma #(
    parameter int unsigned W = 8,
    parameter int unsigned XS = 60,
    parameter int unsigned SIDE_W = 8,
    parameter bit LOADABLE = 1'b0,
    localparam int unsigned Entries = softmax_pkg::TENTHS,
    localparam int unsigned JW = $clog2(XS + 1)
) (
    input  logic                                    clk_i,
    input  logic                                    rst_ni,
    input  softmax_pkg::load_t                      load_i,
    input  logic                                    valid_i,
    output logic                                    ready_o,
    input  logic               [     JW-1:0]        j_i,
    input  logic               [ SIDE_W-1:0]        side_i,
    output logic                                    valid_o,
    input  logic                                    ready_i,
    output logic               [Entries-1:0][W-1:0] y_o,
    output logic               [ SIDE_W-1:0]        side_o
);

  localparam softmax_pkg::lut_sigma_t FullSigma = softmax_pkg::lut_sigma(W);

  localparam int unsigned Stride = softmax_pkg::SIGMA_STRIDE_W;

  function automatic logic [XS:0][softmax_pkg::ENTRY_W-1:0] column(int unsigned c);
    for (int unsigned j = 0; j <= XS; j++) column[j] = FullSigma[j][c];
  endfunction

  // A table for each column, so that one entry of a row can be written.
  logic [Entries-1:0][W-1:0] y;

  for (genvar c = 0; c < Entries; c++) begin : gen_column
    lookup_table #(
        .W(W),
        .CONTENT_W(softmax_pkg::ENTRY_W),
        .DEPTH(XS + 1),
        .LOADABLE(LOADABLE),
        .CONTENT(column(c))
    ) u_column (
        .clk_i,
        .rst_ni,
        .we_i   (load_i.valid && load_i.which == softmax_pkg::TABLE_SIGMA
                 && load_i.entry[Stride-1:0] == Stride'(c)),
        .waddr_i(JW'(load_i.entry >> Stride)),
        .wdata_i(W'(load_i.data)),
        .raddr_i(j_i),
        .rdata_o(y[c])
    );
  end

  logic unused_load;
  assign unused_load = ^load_i;

  stream_reg #(
      .W(Entries * W + SIDE_W)
  ) u_table (
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
