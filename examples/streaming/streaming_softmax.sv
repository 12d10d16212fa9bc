/// Softmax of N elements, one a cycle without end: valid in, valid out, and nobody may wait.
///
/// The online form: maximum and sum are found while the row comes in. The maximum is that of whole
/// octaves, so when it rises by n, the sum so far is shifted right by n. Meanwhile the row before
/// is put out from the other half of the memory, 2 * N cycles after it came in.
///
/// A power of two is nearly an fp16 number already: the exponent and the mantissa of 2^-D, next to
/// each other, are 15 - D, where the mantissa is a line within each octave. One subtraction gives
/// the output, and one more divides: log2 of the sum is a line in each octave, too (Mitchell).
module streaming_softmax #(
    parameter int unsigned N = 16
) (
    input  logic               clk,
    input  logic               rst_n,
    input  logic               valid_in,
    input  logic signed [ 9:0] x,          // Q6.4
    output logic               valid_out,
    output logic        [15:0] y           // fp16
);

  localparam int unsigned IndexW = $clog2(N);

  /// UQ1.12 of 2^-d, d in UQ.4.
  function automatic logic [15:0] power(input logic [11:0] d);
    return 16'((16'd4096 - {5'b0, d[3:0], 7'b0}) >> d[11:4]);
  endfunction

  /// UQ.4 of a sum UQ.12 that is above a half; it may be below 0.
  function automatic logic signed [11:0] log2(input logic [19:0] sum);
    log2 = '0;
    for (int k = 11; k < 20; k++) if (sum[k]) log2 = {8'(k - 12), sum[k-1-:4]};
  endfunction

  // Coming in: octaves Q7.4, x * log2(e), and the whole octave at or above.
  logic signed [11:0] octaves;
  logic signed [7:0] ceiling, top, top_next;
  logic [19:0] sum, sum_next;
  logic [IndexW-1:0] at;
  logic half, last;

  assign octaves = 12'((20'(x) * 20'sd185) >>> 7);
  assign ceiling = 8'((octaves + 12'sd15) >>> 4);
  assign last = 32'(at) == N - 1;
  assign top_next = (at == '0 || ceiling > top) ? ceiling : top;
  assign sum_next = (at == '0 ? '0 : sum >> 8'(top_next - top)) + 20'(power(
      {top_next, 4'b0} - octaves
  ));

  // Going out.
  logic signed [11:0] row[2*N];
  logic signed [11:0] level;  // Q7.4: maximum plus logarithm of the sum
  logic [11:0] below;
  logic [IndexW-1:0] out_at;
  logic out_half, going;

  assign below = level - row[{out_half, out_at}];

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      at <= '0;
      half <= 1'b0;
      going <= 1'b0;
      valid_out <= 1'b0;
    end else begin
      if (valid_in) at <= last ? '0 : at + 1'b1;
      if (valid_in && last) half <= !half;
      if (valid_in && last) going <= 1'b1;
      else if (32'(out_at) == N - 1) going <= 1'b0;
      valid_out <= going;
    end
  end

  always_ff @(posedge clk) begin
    if (valid_in) begin
      row[{half, at}] <= octaves;
      top <= top_next;
      sum <= sum_next;
    end
    out_at <= going ? out_at + 1'b1 : '0;
    if (valid_in && last) begin
      out_half <= half;
      out_at   <= '0;
      level    <= {top_next, 4'b0} + log2(sum_next);
    end
    y <= (below < 12'(15 << 4)) ? 16'h3C00 - {below[9:0], 6'b0} : '0;
  end

endmodule
