/// Softmax to base 2 without a multiplier: y = 2^(x - max) / sum 2^(x - max) over rows of N.
///
/// A row is N elements, no more and no less, so there is no tlast. It is read three times: while
/// it is loaded for its maximum, then for its sum, then to be put out; the next row waits.
///
/// 2^-d is taken from a line: with d = i + f it is (1 - f/2) >> i, at most 6 % too large. The sum's
/// logarithm is taken from a line as well (Mitchell): log2(2^k * (1 + g)) is k + g. A division is
/// then a subtraction of logarithms, and y = 2^-(max - x + log2 sum).
///
/// Worked value: of a row of 64 times the same score the sum is 64, its logarithm 6, and each
/// output 2^-6: 4 of 256.
module base2_softmax #(
    parameter int unsigned N = 64,
    parameter int unsigned LANES = 8
) (
    input  logic                clk,
    input  logic                rst_n,
    input  logic                in_valid,
    output logic                in_ready,
    input  logic [LANES*12-1:0] in_x,       // Q8.4
    output logic                out_valid,
    input  logic                out_ready,
    output logic [ LANES*8-1:0] out_y       // UQ0.8; 1.0 is 255
);

  localparam int unsigned Beats = N / LANES;

  if (N % LANES != 0) begin : gen_check
    $fatal(1, "N must be whole beats of LANES elements");
  end

  /// UQ1.8 of a distance UQ.4.
  function automatic logic [8:0] power(input logic [12:0] distance);
    return 9'((9'd256 - {2'b0, distance[3:0], 3'b0}) >> distance[12:4]);
  endfunction

  /// UQ.4 of a sum UQ.8 that is 1.0 at least.
  function automatic logic [12:0] log2(input logic [19:0] sum);
    log2 = '0;
    for (int unsigned k = 8; k < 20; k++) begin
      if (sum[k]) log2 = {9'(k - 8), sum[k-1-:4]};
    end
  endfunction

  typedef enum logic [1:0] {
    LOAD,
    SUM,
    OUT
  } state_t;

  state_t state;
  logic [$clog2(Beats)-1:0] beat;
  logic step, first, last;

  assign in_ready = state == LOAD;
  assign out_valid = state == OUT;
  assign step = (in_ready && in_valid) || state == SUM || (out_valid && out_ready);
  assign first = beat == '0;
  assign last = 32'(beat) == Beats - 1;

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      state <= LOAD;
      beat  <= '0;
    end else if (step) begin
      beat <= last ? '0 : beat + 1'b1;
      if (last) state <= (state == LOAD) ? SUM : (state == SUM) ? OUT : LOAD;
    end
  end

  logic [LANES*12-1:0] row[Beats];
  logic [LANES*12-1:0] x;
  logic signed [11:0] top, top_next;
  logic [19:0] sum, sum_next;

  assign x = (state == LOAD) ? in_x : row[beat];

  always_comb begin
    top_next = first ? x[11:0] : top;
    sum_next = first ? '0 : sum;
    out_y = '0;
    for (int unsigned i = 0; i < LANES; i++) begin
      automatic logic signed [11:0] element = x[i*12+:12];
      automatic logic [12:0] distance = 13'(top - element);
      automatic logic [8:0] y = power(distance + log2(sum));
      if (element > top_next) top_next = element;
      sum_next += 20'(power(distance));
      out_y[i*8+:8] = y[8] ? 8'd255 : y[7:0];
    end
  end

  always_ff @(posedge clk) begin
    if (step && state == LOAD) begin
      row[beat] <= in_x;
      top <= top_next;
    end
    if (state == SUM) sum <= sum_next;
  end

endmodule
