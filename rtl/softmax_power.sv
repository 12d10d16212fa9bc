/// Two to the fraction of a score in octaves, golden `p`, as a mantissa whose leading one is implied.
///
///   mantissa = entry[s] + (slope[s] * t >> P_SHIFT)    s: leading bits of the fraction, t: the rest
///
/// One line a segment instead of an entry a fraction: 16 bytes instead of 576 at uint8. A lane that
/// takes no part has octave 0, and in its mantissa whether the row has an element there at all:
/// that way a row is stored without a bit beside its terms.
///
/// With several columns the highest window of the beat comes along, for the sum (softmax_total.sv).
///
/// Worked value, uint8: fraction 0.5 = 256/512: segment 4, mantissa 212 of 512: 1.4141.
///
/// Latency: 2 cycles (table and product, sum); valid/ready.
module softmax_power #(
    parameter int unsigned W = 8,
    parameter bit ROW_EXP = 1'b0,
    parameter bit BASE2 = 1'b0,
    parameter int unsigned OCT_W = 5,
    parameter int unsigned LANES = 8,
    parameter int unsigned SIDE_W = 1,
    localparam softmax_tables_pkg::split_format_t Form = softmax_pkg::split_format(
        W, ROW_EXP, BASE2
    ),
    localparam int unsigned ScoreW = OCT_W + Form.g,
    localparam bit Many = OCT_W > softmax_pkg::ONE_WINDOW_LOG2,
    localparam int unsigned WinW = Many ? OCT_W - Form.window : 1
) (
    input  logic                             clk_i,
    input  logic                             rst_ni,
    input  logic                             valid_i,
    output logic                             ready_o,
    input  logic [ LANES-1:0][   ScoreW-1:0] c_i,
    input  logic [ LANES-1:0]                keep_i,
    input  logic [SIDE_W-1:0]                side_i,
    output logic                             valid_o,
    input  logic                             ready_i,
    output logic [ LANES-1:0][    OCT_W-1:0] octave_o,
    output logic [ LANES-1:0][Form.mant-1:0] mantissa_o,
    output logic [  WinW-1:0]                window_o,
    output logic [SIDE_W-1:0]                side_o
);

  localparam int unsigned Segments = 1 << Form.p_seg;
  localparam int unsigned RestW = Form.g - Form.p_seg;
  localparam int unsigned Group = 4;
  localparam int unsigned Groups = (LANES + Group - 1) / Group;
  localparam softmax_pkg::lines_t FullEntry = softmax_pkg::power_entries(W, ROW_EXP, BASE2);
  localparam softmax_pkg::lines_t FullSlope = softmax_pkg::power_slopes(W, ROW_EXP, BASE2);
  localparam logic [Segments-1:0][softmax_pkg::LINE_W-1:0] Entry = FullEntry[Segments-1:0];
  localparam logic [Segments-1:0][softmax_pkg::LINE_W-1:0] Slope = FullSlope[Segments-1:0];

  // The slope is below 2 units a step, so that a segment rises by less than two of itself.
  localparam int unsigned SlopeW = Form.mant + Form.p_shift - Form.g + 1;
  localparam int unsigned RiseW = SlopeW + RestW;

  logic [LANES-1:0][OCT_W-1:0] octave_d, octave_q;
  logic [LANES-1:0][Form.mant-1:0] entry_d, entry_q, mantissa;
  logic [LANES-1:0][SlopeW-1:0] slope;
  logic [LANES-1:0][RiseW-1:0] rise_d, rise_q;
  logic [LANES-1:0] keep_q;
  logic [Groups-1:0][Group-1:0][WinW-1:0] windows;
  logic [Groups-1:0][WinW-1:0] window_d, window_q;
  logic [  WinW-1:0] window;
  logic [SIDE_W-1:0] side_q;
  logic line_valid, line_ready;

  function automatic logic [WinW-1:0] window_of(logic [OCT_W-1:0] octave);
    return Many ? WinW'(octave >> Form.window) : '0;
  endfunction

  function automatic logic [WinW-1:0] higher(logic [WinW-1:0] a, logic [WinW-1:0] b);
    return (a > b) ? a : b;
  endfunction

  always_comb begin
    windows = '0;
    for (int unsigned i = 0; i < LANES; i++) begin
      octave_d[i] = c_i[i][ScoreW-1:Form.g];
      entry_d[i]  = Form.mant'(Entry[c_i[i][Form.g-1:RestW]]);
      slope[i]    = SlopeW'(Slope[c_i[i][Form.g-1:RestW]]);
      rise_d[i]   = '0;
      for (int unsigned n = 0; n < RestW; n++) begin
        rise_d[i] = rise_d[i] + (RiseW'(slope[i] & {SlopeW{c_i[i][n]}}) << n);
      end
      windows[i/Group][i%Group] = window_of(octave_d[i]);
    end
    for (int unsigned g = 0; g < Groups; g++) begin
      window_d[g] =
          higher(higher(windows[g][0], windows[g][1]), higher(windows[g][2], windows[g][3]));
    end
  end

  stream_reg #(
      .W(LANES * (OCT_W + Form.mant + RiseW + 1) + Groups * WinW + SIDE_W)
  ) u_line (
      .clk_i,
      .rst_ni,
      .valid_i,
      .ready_o,
      .data_i ({octave_d, entry_d, rise_d, keep_i, window_d, side_i}),
      .valid_o(line_valid),
      .ready_i(line_ready),
      .data_o ({octave_q, entry_q, rise_q, keep_q, window_q, side_q})
  );

  always_comb begin
    window = '0;
    for (int unsigned i = 0; i < LANES; i++) begin
      mantissa[i] = entry_q[i] + Form.mant'(rise_q[i] >> Form.p_shift);
      if (octave_q[i] == '0) mantissa[i] = Form.mant'(keep_q[i]);
    end
    for (int unsigned g = 0; g < Groups; g++) window = higher(window, window_q[g]);
  end

  stream_reg #(
      .W(LANES * (OCT_W + Form.mant) + WinW + SIDE_W)
  ) u_power (
      .clk_i,
      .rst_ni,
      .valid_i(line_valid),
      .ready_o(line_ready),
      .data_i ({octave_q, mantissa, window, side_q}),
      .valid_o,
      .ready_i,
      .data_o ({octave_o, mantissa_o, window_o, side_o})
  );

endmodule
