/// The row sum of powers of two in one pass, exactly: golden `sum`.
///
/// Octaves are grouped into windows of 32. A term is its power shifted left by the octave's place
/// in its window, an integer, and two accumulators add up the window of the maximum so far and the
/// one below. When the maximum enters a higher window they move down. Nothing is rounded on the
/// way, so the sum cannot depend on arrival order or on when the maximum rose. At the row's end
/// the lower one's carry joins the upper one.
///
/// Where all octaves fit one window (8-bit scores, F = 4: 24 of them) one accumulator holds every
/// term there can be, and no maximum is needed.
///
/// The alternatives: an accumulator an octave takes 32 of them and a 32-way shift at every rise;
/// one accumulator that is rescaled loses bits, and with them the independence of order.
///
/// Worked value, uint8: scores in octaves 40 (p = 1.5, 768 of 512) and 31 (p = 1): upper = 768 << 8,
/// lower = 512 << 31, sum = 196608 + 256.
///
/// Latency: ceil(log4(LANES/2)) + 2 cycles, one more with two windows.
module softmax_total #(
    parameter int unsigned MANT = 9,
    parameter int unsigned LAST = 24,
    parameter int unsigned LANES = 8,
    parameter int unsigned MAX_LEN = 1024,
    localparam int unsigned OctW = $clog2(LAST + 1),
    localparam bit Two = LAST >= softmax_pkg::WINDOW,
    localparam int unsigned WinW = Two ? OctW - softmax_pkg::WINDOW_LOG2 : 1,
    localparam int unsigned TermW = MANT + (Two ? softmax_pkg::WINDOW : LAST + 1),
    localparam int unsigned SumW = TermW + $clog2(MAX_LEN + 1)
) (
    input  logic                       clk_i,
    input  logic                       rst_ni,
    input  logic                       valid_i,
    input  logic [LANES-1:0][OctW-1:0] octave_i,
    input  logic [LANES-1:0][MANT-1:0] mantissa_i,
    input  logic [LANES-1:0]           live_i,
    input  logic [ WinW-1:0]           window_i,
    input  logic                       last_i,
    output logic                       valid_o,
    output logic [ WinW-1:0]           window_o,
    output logic [ SumW-1:0]           sum_o
);

  // Two trees: the accumulator adds their results in one go.
  localparam int unsigned Half = (LANES + 1) / 2;
  localparam int unsigned TreeStages = ($clog2(Half) + 1) / 2;
  localparam int unsigned TreeW = TermW + $clog2(Half);
  localparam int unsigned Windows = Two ? 2 : 1;

  // Each lane's term at its place in its window; the highest window so far.
  logic [LANES-1:0][TermW-1:0] term_d, term_q;
  logic [LANES-1:0][WinW-1:0] window_d, window_q;
  logic [WinW-1:0] top_q;
  logic first_q, same_d, next_d, term_valid, term_last;
  // The window is still the highest, or one below the highest now; neither on a row's first beat.
  logic same_q, next_q;

  always_comb begin
    for (int unsigned i = 0; i < LANES; i++) begin
      term_d[i] = !live_i[i] ? '0
          : TermW'({1'b1, mantissa_i[i]}) << softmax_pkg::WINDOW_LOG2'(octave_i[i]);
      window_d[i] = Two ? WinW'(32'(octave_i[i]) >> softmax_pkg::WINDOW_LOG2) : '0;
    end
    same_d = !first_q && (!Two || window_i <= top_q);
    next_d = Two && !first_q && window_i == top_q + WinW'(1) && window_i != '0;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      first_q <= 1'b1;
      term_valid <= 1'b0;
    end else begin
      term_valid <= valid_i;
      if (valid_i) first_q <= last_i;
    end
  end

  always_ff @(posedge clk_i) begin
    term_q <= term_d;
    window_q <= window_d;
    term_last <= last_i;
    if (valid_i) begin
      same_q <= same_d;
      next_q <= next_d;
      if (!same_d) top_q <= Two ? window_i : '0;
    end
  end

  // The beat's sum in the highest window and in the one below.
  logic [Windows-1:0][1:0][TreeW-1:0] beat;

  for (genvar n = 0; n < Windows; n++) begin : gen_window
    logic [2*Half-1:0][TermW-1:0] addends;

    always_comb begin
      addends = '0;
      for (int unsigned i = 0; i < LANES; i++) begin
        if (!Two || 32'(window_q[i]) + n == 32'(top_q)) addends[i] = term_q[i];
      end
    end

    for (genvar h = 0; h < 2; h++) begin : gen_half
      reduce_tree #(
          .OP("sum"),
          .N (Half),
          .W (TermW)
      ) u_tree (
          .clk_i,
          .data_i(addends[h*Half+:Half]),
          .data_o(beat[n][h])
      );
    end
  end

  logic beat_valid, beat_last, beat_same, beat_next;
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
      .W(WinW + 3),
      .STAGES(TreeStages)
  ) u_control (
      .clk_i,
      .rst_ni,
      .data_i({top_q, term_last, same_q, next_q}),
      .data_o({beat_top, beat_last, beat_same, beat_next})
  );

  // The accumulators: [0] is the highest window.
  logic [Windows-1:0][SumW-1:0] total_q;
  logic [WinW-1:0] total_top;
  logic total_valid;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) total_valid <= 1'b0;
    else total_valid <= beat_valid && beat_last;
  end

  always_ff @(posedge clk_i) begin
    if (beat_valid) begin
      total_top <= beat_top;
      for (int unsigned n = 0; n < Windows; n++) begin
        total_q[n] <= (beat_same ? total_q[n] : (beat_next && n == 1) ? total_q[0] : '0)
            + SumW'(beat[n][0]) + SumW'(beat[n][1]);
      end
    end
  end

  if (Two) begin : gen_carry
    always_ff @(posedge clk_i) begin
      if (!rst_ni) valid_o <= 1'b0;
      else valid_o <= total_valid;
    end

    always_ff @(posedge clk_i) begin
      window_o <= total_top;
      sum_o <= total_q[0] + (total_q[1] >> softmax_pkg::WINDOW);
    end
  end else begin : gen_one
    logic unused_next;
    assign unused_next = beat_next;
    assign valid_o = total_valid;
    assign window_o = total_top;
    assign sum_o = total_q[0];
  end

endmodule
