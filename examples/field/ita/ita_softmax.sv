/// ITA's streaming softmax (arXiv 2307.03493), written anew from its description: no table, no
/// multiplier, one serial divider.
///
/// Scores are in octaves. While a row comes in, its maximum so far is kept, and the sum of powers
/// of two relative to it; when the maximum rises by n octaves, rounded, the sum is shifted right by
/// n. Then (2^W - 1) * 2^W is divided by the sum, a bit a cycle, and each output is that quotient
/// shifted right by the distance of its score, rounded.
///
/// A row of B beats takes 2*B + 2*W - 1 cycles from its first input beat to its last output beat;
/// the next one waits. At W = 8 a row of two equal scores comes out as 127, 127.
module ita_softmax #(
    parameter int unsigned LANES   = 16,
    parameter int unsigned MAX_LEN = 1024,
    parameter int unsigned IN_W    = 8,
    parameter int unsigned FRAC    = 0,     // fraction bits of an octave
    parameter int unsigned W       = 8
) (
    input  logic                       clk_i,
    input  logic                       rst_ni,
    input  logic                       in_valid_i,
    output logic                       in_ready_o,
    input  logic [LANES-1:0][IN_W-1:0] in_data_i,
    input  logic [LANES-1:0]           in_keep_i,
    input  logic [LANES-1:0]           in_mask_i,
    input  logic                       in_last_i,
    output logic                       out_valid_o,
    input  logic                       out_ready_i,
    output logic [LANES-1:0][   W-1:0] out_data_o,
    output logic [LANES-1:0]           out_keep_o,
    output logic                       out_last_o
);

  localparam int unsigned Beats = (MAX_LEN + LANES - 1) / LANES;
  localparam int unsigned BeatW = Beats > 1 ? $clog2(Beats) : 1;
  localparam int unsigned SumW = W + 1 + $clog2(MAX_LEN + 1);
  localparam int unsigned StepW = $clog2(2 * W);
  localparam logic [IN_W:0] Half = (IN_W + 1)'((1 << FRAC) >> 1);
  localparam logic signed [IN_W-1:0] Lowest = {1'b1, {(IN_W - 1) {1'b0}}};

  typedef enum logic [1:0] {
    FILL,
    DIVIDE,
    DRAIN
  } state_e;

  /// Octaves, rounded half up, of how far b is below a.
  function automatic logic [IN_W:0] octaves(input logic signed [IN_W-1:0] a,
                                            input logic signed [IN_W-1:0] b);
    return ({a[IN_W-1], a} - {b[IN_W-1], b} + Half) >> FRAC;
  endfunction

  state_e state_q;
  logic [BeatW-1:0] beat_q, last_q;
  logic signed [IN_W-1:0] top_q, top_d;
  logic [SumW-1:0] sum_q, sum_d;
  logic [2*W-1:0] quotient_q;
  logic [SumW-1:0] rest_q;
  logic [SumW:0] rest_next;
  logic [StepW-1:0] step_q;

  logic [LANES-1:0][IN_W-1:0] data[Beats];
  logic [LANES-1:0] keep[Beats], part[Beats];
  logic [LANES-1:0][IN_W-1:0] data_now;
  logic [LANES-1:0] part_now;

  // Coming in.
  always_comb begin
    top_d = top_q;
    for (int i = 0; i < LANES; i++) begin
      if (in_keep_i[i] && !in_mask_i[i] && $signed(in_data_i[i]) > top_d) top_d = in_data_i[i];
    end
    sum_d = sum_q >> octaves(top_d, top_q);
    for (int i = 0; i < LANES; i++) begin
      if (in_keep_i[i] && !in_mask_i[i]) begin
        sum_d += (SumW'(1) << W) >> octaves(top_d, in_data_i[i]);
      end
    end
  end

  // Dividing: bits of (2^W - 1) * 2^W from the highest.
  assign rest_next = {rest_q, 32'(step_q) < W};

  // Going out.
  assign data_now  = data[beat_q];
  assign part_now  = part[beat_q];
  always_comb begin
    for (int i = 0; i < LANES; i++) begin
      out_data_o[i] = part_now[i] ? W'(quotient_q >> octaves(top_q, data_now[i])) : '0;
    end
  end

  assign in_ready_o  = state_q == FILL;
  assign out_valid_o = state_q == DRAIN;
  assign out_keep_o  = keep[beat_q];
  assign out_last_o  = beat_q == last_q;

  always_ff @(posedge clk_i) begin
    if (in_valid_i && in_ready_o) begin
      data[beat_q] <= in_data_i;
      keep[beat_q] <= in_keep_i;
      part[beat_q] <= in_keep_i & ~in_mask_i;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q <= FILL;
      beat_q <= '0;
      last_q <= '0;
      top_q <= Lowest;
      sum_q <= '0;
      quotient_q <= '0;
      rest_q <= '0;
      step_q <= '0;
    end else begin
      unique case (state_q)
        FILL:
        if (in_valid_i) begin
          top_q  <= top_d;
          sum_q  <= sum_d;
          beat_q <= beat_q + 1'b1;
          if (in_last_i) begin
            state_q <= DIVIDE;
            beat_q  <= '0;
            last_q  <= beat_q;
            rest_q  <= '0;
            step_q  <= '0;
          end
        end
        DIVIDE: begin
          step_q <= step_q + 1'b1;
          quotient_q <= {quotient_q[2*W-2:0], rest_next >= {1'b0, sum_q}};
          rest_q <= SumW'(rest_next >= {1'b0, sum_q} ? rest_next - {1'b0, sum_q} : rest_next);
          if (32'(step_q) == 2 * W - 1) state_q <= DRAIN;
        end
        default:
        if (out_ready_i) begin
          beat_q <= beat_q + 1'b1;
          if (out_last_o) begin
            state_q <= FILL;
            beat_q  <= '0;
            top_q   <= Lowest;
            sum_q   <= '0;
          end
        end
      endcase
    end
  end

endmodule
