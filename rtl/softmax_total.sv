/// The row sum of powers of two in one pass, exactly: golden `sum`.
///
/// It is added up by columns, as on paper. Octaves are grouped into windows. A term is its power
/// shifted left by the octave's place in its window, an integer of two digits: the high one goes into
/// the window's own column, the low one into the column below. COLUMNS accumulators hold the column
/// of the highest window so far and those below it; when the maximum enters a higher window they
/// move down. No carry passes from column to column before the row's end, where each joins the one
/// above, the last with MORE of its bits. Nothing is rounded on the way, so the sum cannot depend on
/// arrival order or on when the maximum rose.
///
/// Where one window holds all octaves (8-bit scores, F = 4: 24 of them) one column takes every term
/// there can be, and no maximum is needed.
///
/// The alternatives: an accumulator an octave takes 32 of them and a 32-way shift at every rise;
/// one that is rescaled loses bits, and with them the independence of order; one for each window
/// with whole terms in it takes digits twice as wide.
///
/// Worked value, MANT = 8, windows of 8: a score in octave 24 (p = 1.5, 384 of 256) is 384 << 0, digits
/// 1 and 128; one in octave 23 (p = 1, 256), a window below, is 256 << 7, digits 128 and 0. Columns:
/// 1, 128 + 128, 0, 0: sum = 512.
///
/// Latency: ceil(log4(LANES/2)) + 2 cycles, one more with several columns.
module softmax_total #(
    parameter int unsigned MANT = 9,
    parameter int unsigned LAST = 24,
    parameter int unsigned LANES = 8,
    parameter int unsigned MAX_LEN = 1024,
    parameter int unsigned WINDOW_LOG2 = 5,
    parameter int unsigned COLUMNS = 1,
    parameter int unsigned MORE = 0,
    localparam bit Many = COLUMNS > 1,
    localparam int unsigned OctW = $clog2(LAST + 1),
    localparam int unsigned WinW = Many ? OctW - WINDOW_LOG2 : 1,
    localparam int unsigned Window = 1 << WINDOW_LOG2,
    localparam int unsigned TermW = MANT + (Many ? Window : LAST + 1),
    localparam int unsigned CountW = $clog2(MAX_LEN + 1),
    localparam int unsigned SumW = TermW + CountW + MORE
) (
    input  logic                         clk_i,
    input  logic                         rst_ni,
    input  logic                         valid_i,
    input  logic [  LANES-1:0][OctW-1:0] octave_i,
    input  logic [  LANES-1:0][MANT-1:0] mantissa_i,
    input  logic [  LANES-1:0]           live_i,
    input  logic [   WinW-1:0]           window_i,
    input  logic [   WinW-1:0]           top_i,
    input  logic [COLUMNS-1:0]           falls_i,
    input  logic [COLUMNS-1:0]           rises_i,
    input  logic                         last_i,
    output logic                         valid_o,
    output logic [   WinW-1:0]           window_o,
    output logic [   SumW-1:0]           sum_o
);

  // Two trees: the accumulator adds their results in one go.
  localparam int unsigned Half = (LANES + 1) / 2;
  localparam int unsigned TreeStages = ($clog2(Half) + 1) / 2;
  // A digit's bits, and a column's: the high digit has MANT of them, the low one those of a window.
  localparam int unsigned Low = Many ? Window : 0;
  localparam int unsigned DigitW = (TermW - Low > Low) ? TermW - Low : Low;
  localparam int unsigned TreeW = DigitW + $clog2(Half);
  localparam int unsigned ColumnW = DigitW + CountW;

  // Each lane's term at its place in its window, and its column: the lane's window lies below the
  // beat's highest, that one below the highest so far.
  logic [LANES-1:0][TermW-1:0] term_d, term_q;
  logic [LANES-1:0][COLUMNS-1:0] here_d, here_q;
  logic [LANES-1:0][WinW-1:0] below;
  logic [COLUMNS-1:0] rises_q;
  logic [WinW-1:0] top_q;
  logic term_valid, term_last;

  always_comb begin
    here_d = '0;
    for (int unsigned i = 0; i < LANES; i++) begin
      term_d[i] = TermW'({1'b1, mantissa_i[i]}) << WINDOW_LOG2'(octave_i[i]);
      below[i]  = window_i - WinW'(32'(octave_i[i]) >> WINDOW_LOG2);
      for (int unsigned n = 0; n < COLUMNS; n++) begin
        for (int unsigned k = 0; k <= n; k++) begin
          if (live_i[i] && falls_i[k] && below[i] == WinW'(n - k)) here_d[i][n] = 1'b1;
        end
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) term_valid <= 1'b0;
    else term_valid <= valid_i;
  end

  always_ff @(posedge clk_i) begin
    term_q <= term_d;
    here_q <= here_d;
    rises_q <= rises_i;
    top_q <= top_i;
    term_last <= last_i;
  end

  // The beat's sum in each column.
  logic [LANES-1:0][DigitW-1:0] high, low;
  logic [COLUMNS-1:0][1:0][TreeW-1:0] beat;

  always_comb begin
    for (int unsigned i = 0; i < LANES; i++) begin
      high[i] = DigitW'(term_q[i] >> Low);
      low[i]  = DigitW'(term_q[i]) & DigitW'((1 << Low) - 1);
    end
  end

  for (genvar n = 0; n < COLUMNS; n++) begin : gen_column
    logic [2*Half-1:0][DigitW-1:0] addends;

    always_comb begin
      addends = '0;
      for (int unsigned i = 0; i < LANES; i++) begin
        if (here_q[i][n]) addends[i] = high[i];
        else if (n > 0 && here_q[i][(n>0)?n-1 : 0]) addends[i] = low[i];
      end
    end

    for (genvar h = 0; h < 2; h++) begin : gen_half
      reduce_tree #(
          .OP("sum"),
          .N (Half),
          .W (DigitW)
      ) u_tree (
          .clk_i,
          .data_i(addends[h*Half+:Half]),
          .data_o(beat[n][h])
      );
    end
  end

  logic beat_valid, beat_last;
  logic [COLUMNS-1:0] beat_rises;
  logic [WinW-1:0] beat_top;

  delay_line #(
      .W(1),
      .STAGES(TreeStages),
      .RESET(1'b1)
  ) u_valid (
      .clk_i,
      .rst_ni,
      .data_i(term_valid),
      .data_o(beat_valid)
  );

  delay_line #(
      .W(WinW + COLUMNS + 1),
      .STAGES(TreeStages)
  ) u_control (
      .clk_i,
      .rst_ni,
      .data_i({top_q, rises_q, term_last}),
      .data_o({beat_top, beat_rises, beat_last})
  );

  // The accumulators: [0] is the highest window's.
  logic [COLUMNS-1:0][ColumnW-1:0] kept, total_q;
  logic [WinW-1:0] total_top;
  logic total_valid;

  always_comb begin
    kept = '0;
    for (int unsigned n = 0; n < COLUMNS; n++) begin
      for (int unsigned rise = 0; rise <= n; rise++) begin
        if (beat_rises[rise]) kept[n] = total_q[n-rise];
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) total_valid <= 1'b0;
    else total_valid <= beat_valid && beat_last;
  end

  always_ff @(posedge clk_i) begin
    if (beat_valid) begin
      total_top <= beat_top;
      for (int unsigned n = 0; n < COLUMNS; n++) begin
        total_q[n] <= kept[n] + ColumnW'(beat[n][0]) + ColumnW'(beat[n][1]);
      end
    end
  end

  if (Many) begin : gen_carry
    logic [ColumnW-1:0] carry;

    always_comb begin
      carry = '0;
      for (int unsigned n = COLUMNS - 1; n > 1; n--) carry = total_q[n] + (carry >> Window);
    end

    always_ff @(posedge clk_i) begin
      if (!rst_ni) valid_o <= 1'b0;
      else valid_o <= total_valid;
    end

    always_ff @(posedge clk_i) begin
      window_o <= total_top;
      sum_o <= (SumW'(total_q[0]) << Window + MORE) + (SumW'(total_q[1]) << MORE)
          + SumW'(carry >> (Window - MORE));
    end
  end else begin : gen_one
    assign valid_o = total_valid;
    assign window_o = total_top;
    assign sum_o = total_q[0];
  end

endmodule
