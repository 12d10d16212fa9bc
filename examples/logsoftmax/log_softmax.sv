/// Log-softmax: y = x - max - ln(sum e^(x - max)), for the last layer of a classifier.
///
/// In octaves: e^-d is 2^-(i + f), and ln(sum) is ln 2 * (k + log2(1 + g)). Both curves within an
/// octave are a line and a parabola of one multiplication: 2^-f is 1 - f/2 - 11/64 * f * (1 - f),
/// and log2(1 + g) is g + 11/32 * g * (1 - g).
///
/// Elements that are masked, or that no lane has, take no part; at masked ones stands the lowest
/// number.
module log_softmax #(
    parameter int unsigned LANES   = 4,
    parameter int unsigned MAX_LEN = 256
) (
    input  logic                          clk,
    input  logic                          arst_n,
    input  logic                          in_valid,
    output logic                          in_ready,
    input  logic signed [LANES-1:0][15:0] in_x,       // Q8.8
    input  logic        [LANES-1:0]       in_strobe,
    input  logic        [LANES-1:0]       in_masked,
    input  logic                          in_last,
    output logic                          out_valid,
    input  logic                          out_ready,
    output logic signed [LANES-1:0][15:0] out_y,      // Q8.8
    output logic                          out_last
);

  localparam int unsigned Beats = (MAX_LEN + LANES - 1) / LANES;
  localparam logic signed [15:0] Lowest = 16'h8000;

  /// v * (1 - v) in UQ.16, of v in UQ.8.
  function automatic logic [15:0] bow(input logic [7:0] v);
    return 16'(17'(v) * (17'd256 - 17'(v)));
  endfunction

  /// e^-d in UQ1.16, d in UQ8.8; log2(e) = 369/256.
  function automatic logic [16:0] power(input logic [15:0] d);
    automatic logic [24:0] octaves = (25'(d) * 25'd369) >> 8;
    automatic logic [ 7:0] f = octaves[7:0];
    return 17'((17'h10000 - {2'b0, f, 7'b0} - 17'((21'(bow(f)) * 21'd11) >> 6)) >> octaves[24:8]);
  endfunction

  /// ln of a sum UQ.16 that is 1.0 at least, in UQ.8; ln 2 = 177/256.
  function automatic logic [15:0] log(input logic [26:0] sum);
    automatic logic [3:0] k = '0;
    automatic logic [7:0] g;
    for (int unsigned i = 16; i < 27; i++) if (sum[i]) k = 4'(i - 16);
    g = 8'((sum >> k) >> 8);
    return 16'((({16'b0, k, g} + 28'((21'(bow(g)) * 21'd11) >> 13)) * 28'd177) >> 8);
  endfunction

  typedef enum logic [1:0] {
    LOAD,
    SUM,
    OUT
  } state_t;

  state_t state;
  logic [$clog2(Beats)-1:0] beat, final_beat;
  logic step, last;

  assign in_ready = state == LOAD;
  assign out_valid = state == OUT;
  assign out_last = last;
  assign last = (state == LOAD) ? in_last : beat == final_beat;
  assign step = (state == LOAD) ? in_valid : state == SUM || out_ready;

  always_ff @(posedge clk or negedge arst_n) begin
    if (!arst_n) begin
      state <= LOAD;
      beat  <= '0;
    end else if (step) begin
      beat <= last ? '0 : beat + 1'b1;
      if (last) state <= (state == LOAD) ? SUM : (state == SUM) ? OUT : LOAD;
    end
  end

  logic [LANES-1:0][15:0] row[Beats];
  logic [LANES-1:0] live[Beats];
  logic signed [15:0] top, top_next;
  logic [26:0] sum, sum_next;

  always_comb begin
    top_next = (beat == '0) ? Lowest : top;
    sum_next = (beat == '0) ? '0 : sum;
    for (int unsigned i = 0; i < LANES; i++) begin
      automatic logic signed [15:0] x = row[beat][i];
      automatic logic signed [18:0] y = 19'(x) - 19'(top) - 19'(log(sum));
      if (in_strobe[i] && !in_masked[i] && $signed(in_x[i]) > top_next) top_next = in_x[i];
      if (live[beat][i]) sum_next += 27'(power(16'(top - x)));
      out_y[i] = (live[beat][i] && y > 19'(Lowest)) ? y[15:0] : Lowest;
    end
  end

  always_ff @(posedge clk) begin
    if (step && state == LOAD) begin
      row[beat] <= in_x;
      live[beat] <= in_strobe & ~in_masked;
      top <= top_next;
      final_beat <= beat;
    end
    if (state == SUM) sum <= sum_next;
  end

endmodule
