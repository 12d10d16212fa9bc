/// Two to the fraction of a score in octaves, golden `p`, as a mantissa whose leading one is implied.
///
///   mantissa = entry[s] + (slope[s] * t >> P_SHIFT)    s: leading bits of the fraction, t: the rest
///
/// One line a segment instead of an entry a fraction: 16 bytes instead of 576 at uint8. A lane that
/// takes no part has octave 0, and in its mantissa whether the row has an element there at all:
/// that way a row is stored without a bit beside its terms.
///
/// Where the beat stands in the sum comes along (softmax_window.sv).
///
/// Worked value, uint8: fraction 0.5 = 256/512: segment 4, mantissa 212 of 512: 1.4141.
///
/// Latency: 2 cycles (slope and two halves of the product, entry and sums); valid/ready.
module softmax_power #(
    parameter int unsigned W = 8,
    parameter bit ROW_EXP = 1'b0,
    parameter bit BASE2 = 1'b0,
    parameter int unsigned OCT_W = 5,
    parameter int unsigned LANES = 8,
    parameter int unsigned SIDE_W = 1,
    parameter int unsigned WINDOW_LOG2 = 5,
    parameter int unsigned WIN_W = 1,
    parameter int unsigned COLUMNS = 1,
    localparam softmax_tables_pkg::split_format_t Form = softmax_pkg::split_format(
        W, ROW_EXP, BASE2
    ),
    localparam int unsigned ScoreW = OCT_W + Form.g
) (
    input  logic                              clk_i,
    input  logic                              rst_ni,
    input  logic                              valid_i,
    output logic                              ready_o,
    input  logic [  LANES-1:0][   ScoreW-1:0] c_i,
    input  logic [  LANES-1:0]                keep_i,
    input  logic                              last_i,
    input  logic [ SIDE_W-1:0]                side_i,
    output logic                              valid_o,
    input  logic                              ready_i,
    output logic [  LANES-1:0][    OCT_W-1:0] octave_o,
    output logic [  LANES-1:0][Form.mant-1:0] mantissa_o,
    output logic [  WIN_W-1:0]                window_o,
    output logic [  WIN_W-1:0]                top_o,
    output logic [COLUMNS-1:0]                falls_o,
    output logic [COLUMNS-1:0]                rises_o,
    output logic                              last_o,
    output logic [ SIDE_W-1:0]                side_o
);

  localparam int unsigned Segments = 1 << Form.p_seg;
  localparam int unsigned RestW = Form.g - Form.p_seg;
  localparam softmax_pkg::lines_t FullEntry = softmax_pkg::power_entries(W, ROW_EXP, BASE2);
  localparam softmax_pkg::lines_t FullSlope = softmax_pkg::power_slopes(W, ROW_EXP, BASE2);
  localparam logic [Segments-1:0][softmax_pkg::LINE_W-1:0] Entry = FullEntry[Segments-1:0];
  localparam logic [Segments-1:0][softmax_pkg::LINE_W-1:0] Slope = FullSlope[Segments-1:0];

  // The slope is below 2 units a step, so that a segment rises by less than two of itself.
  localparam int unsigned SlopeW = Form.mant + Form.p_shift - Form.g + 1;
  localparam int unsigned RiseW = SlopeW + RestW;
  // Its additions in as many parts as leave the table time before them.
  localparam int unsigned Parts = (RestW > 8) ? 4 : 2;

  logic [LANES-1:0][OCT_W-1:0] octave_d, octave_q;
  logic [LANES-1:0][Form.p_seg-1:0] segment_d, segment_q;
  logic [LANES-1:0][Form.mant-1:0] entry, mantissa;
  logic [LANES-1:0][SlopeW-1:0] slope;
  logic [LANES-1:0][Parts-1:0][RiseW-1:0] rise_d, rise_q;
  logic [LANES-1:0][RiseW-1:0] rise;
  logic [LANES-1:0] keep_q;
  logic [WIN_W-1:0] window, top;
  logic [COLUMNS-1:0] falls, rises;
  logic [SIDE_W-1:0] side_q;
  logic line_valid, line_ready, line_last;

  always_comb begin
    for (int unsigned i = 0; i < LANES; i++) begin
      octave_d[i] = c_i[i][ScoreW-1:Form.g];
      segment_d[i] = c_i[i][Form.g-1:RestW];
      slope[i]    = SlopeW'(Slope[segment_d[i]]);
      rise_d[i]   = '0;
      for (int unsigned n = 0; n < RestW; n++) begin
        rise_d[i][n%Parts] = rise_d[i][n%Parts] + (RiseW'(slope[i] & {SlopeW{c_i[i][n]}}) << n);
      end
    end
  end

  stream_reg #(
      .W(LANES * (OCT_W + Form.p_seg + Parts * RiseW + 1) + 1 + SIDE_W)
  ) u_line (
      .clk_i,
      .rst_ni,
      .valid_i,
      .ready_o,
      .data_i ({octave_d, segment_d, rise_d, keep_i, last_i, side_i}),
      .valid_o(line_valid),
      .ready_i(line_ready),
      .data_o ({octave_q, segment_q, rise_q, keep_q, line_last, side_q})
  );

  softmax_window #(
      .OCT_W(OCT_W),
      .WINDOW_LOG2(WINDOW_LOG2),
      .WIN_W(WIN_W),
      .COLUMNS(COLUMNS),
      .LANES(LANES)
  ) u_window (
      .clk_i,
      .rst_ni,
      .move_i  (line_ready),
      .octave_i(octave_d),
      .valid_i (line_valid),
      .last_i  (line_last),
      .window_o(window),
      .top_o   (top),
      .falls_o (falls),
      .rises_o(rises)
  );

  always_comb begin
    for (int unsigned i = 0; i < LANES; i++) begin
      entry[i] = Form.mant'(Entry[segment_q[i]]);
      rise[i]  = '0;
      for (int unsigned n = 0; n < Parts; n++) rise[i] = rise[i] + rise_q[i][n];
      mantissa[i] = entry[i] + Form.mant'(rise[i] >> Form.p_shift);
      if (octave_q[i] == '0) mantissa[i] = Form.mant'(keep_q[i]);
    end
  end

  stream_reg #(
      .W(LANES * (OCT_W + Form.mant) + 2 * WIN_W + 2 * COLUMNS + 1 + SIDE_W)
  ) u_power (
      .clk_i,
      .rst_ni,
      .valid_i(line_valid),
      .ready_o(line_ready),
      .data_i ({octave_q, mantissa, window, top, falls, rises, line_last, side_q}),
      .valid_o,
      .ready_i,
      .data_o ({octave_o, mantissa_o, window_o, top_o, falls_o, rises_o, last_o, side_o})
  );

endmodule
