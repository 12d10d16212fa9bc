/// Takes beats from the input stream and judges their framing.
///
/// Passes every beat on with the lanes that take part (`live`: kept and not masked). On a row's
/// last beat `bad_o` says whether the row is malformed: longer than MAX_LEN, a beat before the
/// last that is not full, lanes not filled from lane 0, or a last beat without an element.
/// `skip_o` marks beats past the longest row: nobody has room for them.
///
/// Scores leave in offset binary (sign bit inverted), so that every later comparison is unsigned,
/// and without their DROP low bits: with INDEX = msb, or F = 0, the integer parts are all there is.
/// Lanes that take no part leave as the lowest score there is, which no maximum minds.
///
/// Latency: 1 cycle. `ready_o` is low in the first cycle after reset.
module softmax_ingress #(
    parameter int unsigned IN_W = 16,
    parameter int unsigned DROP = 0,
    parameter int unsigned LANES = 8,
    parameter int unsigned MAX_LEN = 1024,
    localparam int unsigned QW = IN_W - DROP
) (
    input  logic                       clk_i,
    input  logic                       rst_ni,
    input  logic                       valid_i,
    output logic                       ready_o,
    input  logic [LANES-1:0][IN_W-1:0] data_i,
    input  logic [LANES-1:0]           keep_i,
    input  logic [LANES-1:0]           mask_i,
    input  logic                       last_i,
    output logic                       valid_o,
    input  logic                       ready_i,
    output logic [LANES-1:0][  QW-1:0] q_o,
    output logic [LANES-1:0]           keep_o,
    output logic [LANES-1:0]           live_o,
    output logic                       last_o,
    output logic                       bad_o,
    output logic                       skip_o
);

  localparam int unsigned MaxBeats = (MAX_LEN + LANES - 1) / LANES;
  localparam int unsigned BeatW = $clog2(MaxBeats + 1);
  localparam int unsigned LastLanes = MAX_LEN - (MaxBeats - 1) * LANES;
  // Lanes that the last beat of a row of MAX_LEN elements may fill.
  localparam logic [LANES-1:0] TailLanes = LANES'((33'(1) << LastLanes) - 33'(1));

  logic accepting_q, ready;
  logic [BeatW-1:0] beats_q;
  logic bad_q;
  logic fire, in_tail, skip, bad;
  logic [LANES-1:0] live;
  logic [LANES-1:0][QW-1:0] q;

  assign ready_o = accepting_q && ready;
  assign fire = valid_i && ready_o;
  assign live = keep_i & ~mask_i;
  assign in_tail = beats_q == BeatW'(MaxBeats - 1);
  assign skip = beats_q == BeatW'(MaxBeats);

  always_comb begin
    bad = bad_q || skip;
    if ((keep_i & (keep_i + LANES'(1))) != '0) bad = 1'b1;
    if (keep_i == '0) bad = 1'b1;
    if (!last_i && keep_i != '1) bad = 1'b1;
    if (in_tail && (keep_i & ~TailLanes) != '0) bad = 1'b1;
  end

  always_comb begin
    for (int unsigned i = 0; i < LANES; i++) begin
      q[i] = QW'(data_i[i] >> DROP);
      q[i][QW-1] = ~q[i][QW-1];
      if (!live[i]) q[i] = '0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      accepting_q <= 1'b0;
      beats_q     <= '0;
      bad_q       <= 1'b0;
    end else begin
      accepting_q <= 1'b1;
      if (fire) begin
        bad_q <= bad && !last_i;
        if (last_i) beats_q <= '0;
        else if (!skip) beats_q <= beats_q + BeatW'(1);
      end
    end
  end

  stream_reg #(
      .W(LANES * (QW + 2) + 3)
  ) u_reg (
      .clk_i,
      .rst_ni,
      .valid_i(valid_i && accepting_q),
      .ready_o(ready),
      .data_i ({q, keep_i, live, last_i, bad, skip}),
      .valid_o,
      .ready_i,
      .data_o ({q_o, keep_o, live_o, last_o, bad_o, skip_o})
  );

endmodule
