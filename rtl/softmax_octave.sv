/// A score in octaves, golden `c`: the base of the exponential becomes 2.
///
///   c = round(q * log2(e) * 2^(G-F)), counted so that the lowest score there is lies in octave 1
///   c = round(q * 2^(G-F))            where scores come in octaves (BASE2)
///
/// Octave 0 is left to lanes that take no part. Multiplying by a constant is a few additions, and
/// what the offset binary of the scores, the rounding and the counting add is one constant.
///
/// Worked value, w = 8, F = 4, 8-bit scores: q = 16 (1.0): c is 1.4427 octaves above that of 0:
/// 12.4590 + 1.4427 + 1, as -128 is -11.541.
///
/// Latency: 2 cycles (two halves of the additions, their sum), 1 with BASE2, and at int16 with more than
/// 8 lanes, where their sum (softmax_total.sv) has taken the cycle; valid/ready.
module softmax_octave #(
    parameter int unsigned W = 8,
    parameter bit ROW_EXP = 1'b0,
    parameter bit BASE2 = 1'b0,
    parameter int unsigned IN_W = 8,
    parameter int unsigned F = 4,
    parameter int unsigned OCT_W = 5,
    parameter int unsigned LANES = 8,
    parameter int unsigned SIDE_W = 1,
    localparam softmax_tables_pkg::split_format_t Form = softmax_pkg::split_format(
        W, ROW_EXP, BASE2
    ),
    localparam int unsigned ScoreW = OCT_W + Form.g
) (
    input  logic                          clk_i,
    input  logic                          rst_ni,
    input  logic                          valid_i,
    output logic                          ready_o,
    input  logic [ LANES-1:0][  IN_W-1:0] q_i,
    input  logic [ LANES-1:0]             live_i,
    input  logic [SIDE_W-1:0]             side_i,
    output logic                          valid_o,
    input  logic                          ready_i,
    output logic [ LANES-1:0][ScoreW-1:0] c_o,
    output logic [SIDE_W-1:0]             side_o
);

  localparam softmax_pkg::octaves_t Scale = softmax_pkg::octaves(W, ROW_EXP, BASE2, F, IN_W);
  localparam int unsigned ProductW = ScoreW + Scale.shift;
  // The constant in signed binary digits, of which no two neighbours are both set: 6 of 5909's 13.
  localparam int unsigned Digits = 32;
  localparam logic [Digits-1:0] Plus = (32'd3 * Scale.factor & ~Scale.factor) >> 1;
  localparam logic [Digits-1:0] Minus = (~(32'd3 * Scale.factor) & Scale.factor) >> 1;
  localparam bit Halves = !BASE2 && (Form.newton == 0 || LANES <= 8);
  localparam int unsigned Half = Halves ? $clog2(Scale.factor) / 2 : Digits;

  logic [LANES-1:0][ProductW-1:0] low_d, low, high_d, high;
  logic [ LANES-1:0] live;
  logic [SIDE_W-1:0] side;
  logic half_valid, half_ready;

  function automatic logic [ProductW-1:0] times(logic [IN_W-1:0] q, int unsigned from,
                                                int unsigned to, logic [ProductW-1:0] more);
    logic [ProductW-1:0] sum = more;
    for (int unsigned k = from; k < to; k++) begin
      if (Plus[k]) sum = sum + (ProductW'(q) << k);
      if (Minus[k]) sum = sum - (ProductW'(q) << k);
    end
    return sum;
  endfunction

  always_comb begin
    for (int unsigned i = 0; i < LANES; i++) begin
      low_d[i]  = times(q_i[i], 0, Half, ProductW'(Scale.bias));
      high_d[i] = times(q_i[i], Half, Digits, '0);
    end
  end

  if (Halves) begin : gen_halves
    stream_reg #(
        .W(LANES * (2 * ProductW + 1) + SIDE_W)
    ) u_half (
        .clk_i,
        .rst_ni,
        .valid_i,
        .ready_o,
        .data_i ({low_d, high_d, live_i, side_i}),
        .valid_o(half_valid),
        .ready_i(half_ready),
        .data_o ({low, high, live, side})
    );
  end else begin : gen_whole
    assign half_valid = valid_i;
    assign ready_o = half_ready;
    assign {low, high, live, side} = {low_d, high_d, live_i, side_i};
  end

  logic [LANES-1:0][ScoreW-1:0] c;

  always_comb begin
    for (int unsigned i = 0; i < LANES; i++) begin
      c[i] = live[i] ? ScoreW'((low[i] + high[i]) >> Scale.shift) : '0;
    end
  end

  stream_reg #(
      .W(LANES * ScoreW + SIDE_W)
  ) u_octave (
      .clk_i,
      .rst_ni,
      .valid_i(half_valid),
      .ready_o(half_ready),
      .data_i ({c, side}),
      .valid_o,
      .ready_i,
      .data_o ({c_o, side_o})
  );

endmodule
