/// Softmax of bfloat16, in and out; fixed point in between.
///
/// A score becomes Q9.12, saturating. e^-d is 2^-(i + f) with i + f = d * log2(e), and a parabola
/// for 2^-f. The sum is UQ.16, its reciprocal a table of 256. What leaves has the mantissa of
/// power times reciprocal, rounded, and the exponent of both; below the smallest normal number it
/// is 0. All in all within 2 units in the last place of the exact softmax.
module bf16_softmax #(
    parameter int unsigned LANES   = 4,
    parameter int unsigned MAX_LEN = 256
) (
    input  logic                   clk,
    input  logic                   rst_n,
    input  logic                   s_valid,
    output logic                   s_ready,
    input  logic [LANES-1:0][15:0] s_data,
    input  logic                   s_last,
    output logic                   m_valid,
    input  logic                   m_ready,
    output logic [LANES-1:0][15:0] m_data,
    output logic                   m_last
);

  localparam int unsigned Beats = (MAX_LEN + LANES - 1) / LANES;

  typedef logic signed [20:0] fixed_t;  // Q9.12
  typedef struct packed {
    logic [9:0]  octave;    // the power is mantissa * 2^-octave
    logic [12:0] mantissa;  // UQ1.12, from 0.5 up to 1
  } power_t;

  function automatic fixed_t fixed_of(input logic [15:0] x);
    automatic logic [19:0] magnitude = '1;  // 2^(exponent - 122) * mantissa
    if (x[14:7] < 8'd122) magnitude = 20'({|x[14:7], x[6:0]} >> (8'd122 - x[14:7]));
    else if (x[14:7] < 8'd135) magnitude = 20'({1'b1, x[6:0]}) << (x[14:7] - 8'd122);
    return x[15] ? -fixed_t'({1'b0, magnitude}) : fixed_t'({1'b0, magnitude});
  endfunction

  function automatic power_t power_of(input logic [20:0] distance);
    automatic logic [33:0] octaves = 34'(distance) * 34'd5909;  // UQ.24; log2(e) = 5909 / 4096
    automatic logic [12:0] g = 13'd4096 - {1'b0, octaves[23:12]};  // 1 - f
    // 2^g = 1 + g * (0.6565 + 0.3435 * g)
    automatic logic [25:0] slope = 26'd2689 + 26'((26'(g) * 26'd1407) >> 12);
    return '{octave: octaves[33:24], mantissa: 13'((26'd4096 + ((slope * 26'(g)) >> 12)) >> 1)};
  endfunction

  logic [12:0] reciprocals[256];  // UQ1.12, in the middle of each step
  for (genvar i = 0; i < 256; i++) begin : gen_reciprocals
    assign reciprocals[i] = 13'((4096 * 512 + (513 + 2 * i) / 2) / (513 + 2 * i));
  end

  typedef enum logic [1:0] {
    LOAD,
    SUM,
    OUT
  } state_t;

  state_t state;
  logic [$clog2(Beats)-1:0] beat, final_beat;
  logic step, last;

  assign s_ready = state == LOAD;
  assign m_valid = state == OUT;
  assign m_last = last;
  assign last = (state == LOAD) ? s_last : beat == final_beat;
  assign step = (state == LOAD) ? s_valid : state == SUM || m_ready;

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      state <= LOAD;
      beat  <= '0;
    end else if (step) begin
      beat <= last ? '0 : beat + 1'b1;
      if (last) state <= (state == LOAD) ? SUM : (state == SUM) ? OUT : LOAD;
      if (last && state == LOAD) final_beat <= beat;
    end
  end

  logic [LANES-1:0][15:0] row[Beats];
  fixed_t top, top_next;
  logic [25:0] sum, sum_next;
  logic [ 3:0] shift;
  logic [12:0] reciprocal;

  always_comb begin
    shift = '0;  // the sum is 2^shift * (1 + s/256 + ...)
    for (int unsigned k = 16; k < 26; k++) if (sum[k]) shift = 4'(k - 16);
    reciprocal = reciprocals[8'((sum>>shift)>>8)];

    top_next   = top;
    sum_next   = (beat == '0) ? '0 : sum;
    for (int unsigned i = 0; i < LANES; i++) begin
      automatic fixed_t x = fixed_of(s_data[i]);
      automatic power_t power = power_of(21'(top - fixed_of(row[beat][i])));
      automatic logic [25:0] product = power.mantissa * reciprocal;  // UQ2.24, above 1/4
      automatic logic [9:0] octave = power.octave + 10'(shift);
      if ((beat == '0 && i == 0) || x > top_next) top_next = x;
      sum_next += 26'({power.mantissa, 4'b0} >> power.octave);
      for (int unsigned k = 0; k < 2; k++) begin
        if (!product[24]) begin
          product <<= 1;
          octave += 1'b1;
        end
      end
      m_data[i] = (octave < 10'd127) ? {1'b0, 8'(10'd127 - octave), 7'b0} : '0;
      if (octave < 10'd127) m_data[i] += 16'((25'(product[23:0]) + 25'h10000) >> 17);
    end
  end

  always_ff @(posedge clk) begin
    if (step && state == LOAD) begin
      row[beat] <= s_data;
      top <= top_next;
    end
    if (state == SUM) sum <= sum_next;
  end

endmodule
