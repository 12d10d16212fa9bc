/// The row sum of powers of two in one pass, exactly: golden `sum`.
///
/// Octaves are grouped into windows. A term is its power shifted left by the octave's place in its
/// window, an integer, and WINDOWS accumulators add up the window of the maximum so far and those
/// below it. When the maximum enters a higher window they move down. Nothing is rounded on the
/// way, so the sum cannot depend on arrival order or on when the maximum rose. At the row's end
/// the carry of each joins the one above, the last with MORE of its bits.
///
/// Short windows make short terms, and few gates to put them in their place. Where one window holds
/// all octaves (8-bit scores, F = 4: 24 of them) one accumulator takes every term there can be, and
/// no maximum is needed.
///
/// The alternatives: an accumulator an octave takes 32 of them and a 32-way shift at every rise;
/// one accumulator that is rescaled loses bits, and with them the independence of order.
///
/// Worked value, MANT = 9, windows of 16: scores in octaves 48 (p = 1.5, 768 of 512) and 31 (p = 1):
/// the second lies two windows below, 512 << 15 >> 32: nothing; in octave 40 it were 512 << 8 >> 16
/// = 2, and sum = 770.
///
/// Latency: ceil(log4(LANES/2)) + 2 cycles, one more with several windows.
module softmax_total #(
    parameter int unsigned MANT = 9,
    parameter int unsigned LAST = 24,
    parameter int unsigned LANES = 8,
    parameter int unsigned MAX_LEN = 1024,
    parameter int unsigned WINDOW_LOG2 = 5,
    parameter int unsigned WINDOWS = 1,
    parameter int unsigned MORE = 0,
    localparam bit Many = WINDOWS > 1,
    localparam int unsigned OctW = $clog2(LAST + 1),
    localparam int unsigned WinW = Many ? OctW - WINDOW_LOG2 : 1,
    localparam int unsigned TermW = MANT + (Many ? 1 << WINDOW_LOG2 : LAST + 1),
    localparam int unsigned TotalW = TermW + $clog2(MAX_LEN + 1),
    localparam int unsigned SumW = TotalW + MORE
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

  localparam int unsigned Window = 1 << WINDOW_LOG2;
  // Two trees: the accumulator adds their results in one go.
  localparam int unsigned Half = (LANES + 1) / 2;
  localparam int unsigned TreeStages = ($clog2(Half) + 1) / 2;
  localparam int unsigned TreeW = TermW + $clog2(Half);
  // Windows from 0 up, WINDOWS standing for that many or more.
  localparam int unsigned StepW = $clog2(WINDOWS + 1);

  function automatic logic [StepW-1:0] steps(logic [WinW-1:0] from, logic [WinW-1:0] to);
    logic [WinW-1:0] between = to - from;
    return !Many ? '0 : (32'(between) >= WINDOWS) ? StepW'(WINDOWS) : StepW'(between);
  endfunction

  // Each lane's term at its place in its window, and which window that is, from the highest down;
  // by how much the beat's highest lies above the highest so far, or below.
  logic [LANES-1:0][TermW-1:0] term_d, term_q;
  logic [LANES-1:0][WINDOWS-1:0] here_d, here_q;
  logic [LANES-1:0][StepW-1:0] below;
  logic [StepW-1:0] rise_d, rise_q, fall;
  logic [WinW-1:0] top_q;
  logic first_q, term_valid, term_last;

  always_comb begin
    rise_d = first_q ? StepW'(WINDOWS) : (window_i > top_q) ? steps(top_q, window_i) : '0;
    fall   = (first_q || window_i > top_q) ? '0 : steps(window_i, top_q);
    for (int unsigned i = 0; i < LANES; i++) begin
      term_d[i] = TermW'({1'b1, mantissa_i[i]}) << WINDOW_LOG2'(octave_i[i]);
      below[i]  = steps(WinW'(32'(octave_i[i]) >> WINDOW_LOG2), window_i);
      for (int unsigned n = 0; n < WINDOWS; n++) begin
        here_d[i][n] = live_i[i] && (StepW + 1)'(below[i]) + (StepW + 1)'(fall) == (StepW + 1)'(n);
      end
    end
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
    here_q <= here_d;
    rise_q <= rise_d;
    term_last <= last_i;
    if (valid_i && rise_d != '0) top_q <= window_i;
  end

  // The beat's sum in the highest window and in those below.
  logic [WINDOWS-1:0][1:0][TreeW-1:0] beat;

  for (genvar n = 0; n < WINDOWS; n++) begin : gen_window
    logic [2*Half-1:0][TermW-1:0] addends;

    always_comb begin
      addends = '0;
      for (int unsigned i = 0; i < LANES; i++) if (here_q[i][n]) addends[i] = term_q[i];
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

  logic beat_valid, beat_last;
  logic [StepW-1:0] beat_rise;
  logic [ WinW-1:0] beat_top;

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
      .W(WinW + StepW + 1),
      .STAGES(TreeStages)
  ) u_control (
      .clk_i,
      .rst_ni,
      .data_i({top_q, rise_q, term_last}),
      .data_o({beat_top, beat_rise, beat_last})
  );

  // The accumulators: [0] is the highest window.
  logic [WINDOWS-1:0][TotalW-1:0] kept, total_q;
  logic [WinW-1:0] total_top;
  logic total_valid;

  always_comb begin
    kept = '0;
    for (int unsigned n = 0; n < WINDOWS; n++) begin
      for (int unsigned rise = 0; rise <= n; rise++) begin
        if (beat_rise == StepW'(rise)) kept[n] = total_q[n-rise];
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
      for (int unsigned n = 0; n < WINDOWS; n++) begin
        total_q[n] <= kept[n] + TotalW'(beat[n][0]) + TotalW'(beat[n][1]);
      end
    end
  end

  if (Many) begin : gen_carry
    logic [TotalW-1:0] carry;

    always_comb begin
      carry = '0;
      for (int unsigned n = WINDOWS - 1; n > 0; n--) carry = total_q[n] + (carry >> Window);
    end

    always_ff @(posedge clk_i) begin
      if (!rst_ni) valid_o <= 1'b0;
      else valid_o <= total_valid;
    end

    always_ff @(posedge clk_i) begin
      window_o <= total_top;
      sum_o <= (SumW'(total_q[0]) << MORE) + SumW'(carry >> (Window - MORE));
    end
  end else begin : gen_one
    assign valid_o = total_valid;
    assign window_o = total_top;
    assign sum_o = total_q[0];
  end

endmodule
