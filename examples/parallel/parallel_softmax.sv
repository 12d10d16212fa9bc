/// Softmax of N elements that all come in one word, started with a pulse; done is a pulse as well.
///
/// The exponential is a table of 2^-f within an octave (16 entries) and a shift; the division is
/// that by the next power of two below the sum, and a table of reciprocals (16 entries).
///
/// One register after each of three steps: maximum, powers and their sum, scaling. Each of them
/// is a tree over all elements, which is what this design pays for its latency of three cycles.
module parallel_softmax #(
    parameter int unsigned N = 16
) (
    input  logic               clk_i,
    input  logic               rst_ni,
    input  logic               start_i,
    output logic               busy_o,
    input  logic signed [ 9:0] x_i    [N],  // Q6.4, natural exponent
    output logic               done_o,
    output logic        [15:0] y_o    [N]   // UQ1.15
);

  typedef logic [15:0] word_t;

  /// 2^(-f/16) in UQ1.15.
  function automatic word_t power_of(input int unsigned f);
    return word_t'($rtoi(32768.0 * $pow(2.0, -real'(f) / 16.0) + 0.5));
  endfunction

  /// 1 / (1 + (g + 1/2)/16) in UQ1.15: in the middle of each step.
  function automatic word_t reciprocal_of(input int unsigned g);
    return word_t'($rtoi(32768.0 / (1.0 + (real'(g) + 0.5) / 16.0) + 0.5));
  endfunction

  word_t Power     [16];
  word_t Reciprocal[16];
  for (genvar i = 0; i < 16; i++) begin : gen_tables
    assign Power[i] = power_of(i);
    assign Reciprocal[i] = reciprocal_of(i);
  end

  logic [2:0] stage;  // one-hot: what ends with the next edge
  logic signed [9:0] x[N], top, top_next;
  word_t power[N], power_next[N], y_next[N];
  logic [23:0] sum, sum_next, normal;
  logic [4:0] shift;

  assign busy_o = |stage;

  always_comb begin
    top_next = x_i[0];
    for (int unsigned i = 1; i < N; i++) if (x_i[i] > top_next) top_next = x_i[i];
  end

  // e^-d is 2^-(i + f), with i + f = d * log2(e), and log2(e) = 185/128.
  always_comb begin
    sum_next = '0;
    for (int unsigned i = 0; i < N; i++) begin
      automatic logic [ 9:0] distance = 10'(top - x[i]);
      automatic logic [17:0] octaves = (18'(distance) * 18'd185) >> 7;  // UQ.4
      power_next[i] = Power[octaves[3:0]] >> octaves[17:4];
      sum_next += 24'(power_next[i]);
    end
  end

  // The sum is 2^(shift + 15) * (1 + g/16 + ...).
  always_comb begin
    shift = '0;
    for (int unsigned k = 16; k < 24; k++) if (sum[k]) shift = 5'(k - 15);
    normal = sum >> shift;
    for (int unsigned i = 0; i < N; i++) begin
      y_next[i] = 16'((32'(power[i]) * 32'(Reciprocal[normal[14:11]])) >> 15 >> shift);
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) stage <= '0;
    else stage <= {stage[1:0], start_i && !busy_o};
  end
  assign done_o = stage[2];

  always_ff @(posedge clk_i) begin
    if (start_i && !busy_o) begin
      x   <= x_i;
      top <= top_next;
    end
    if (stage[0]) begin
      power <= power_next;
      sum   <= sum_next;
    end
    if (stage[1]) y_o <= y_next;
  end

endmodule
