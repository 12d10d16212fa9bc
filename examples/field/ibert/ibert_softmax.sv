/// I-BERT's integer softmax (arXiv 2101.01321), written anew from its description, of scores Q8.8:
/// no table, two multipliers a lane, one serial divider.
///
/// The row is read three times: for its maximum, for the sum, for the outputs. Of a score d below
/// the maximum, n is the number of whole ln 2 in d and r the rest, both in steps of 2^-8; then
///
///     e^-d = (C - r * (B - r)) * Scale * 2^-n,    C = 1 / 0.3582 and B = 0.9696 / 0.3582
///
/// in 16 bits, 32767 at most, and y is that times 2^32 / sum, cut to 8 bits.
///
/// A row of B beats takes 3*B + 17 cycles from its first input beat to its last output beat; the
/// next one waits. A row of two equal scores comes out as 128, 128 of 256.
module ibert_softmax #(
    parameter int unsigned LANES   = 4,
    parameter int unsigned MAX_LEN = 1024
) (
    input  logic                   clk_i,
    input  logic                   rst_ni,
    input  logic                   in_valid_i,
    output logic                   in_ready_o,
    input  logic [LANES-1:0][15:0] in_data_i,
    input  logic [LANES-1:0]       in_keep_i,
    input  logic [LANES-1:0]       in_mask_i,
    input  logic                   in_last_i,
    output logic                   out_valid_o,
    input  logic                   out_ready_i,
    output logic [LANES-1:0][ 7:0] out_data_o,
    output logic [LANES-1:0]       out_keep_o,
    output logic                   out_last_o
);

  localparam int unsigned Beats = (MAX_LEN + LANES - 1) / LANES;
  localparam int unsigned BeatW = Beats > 1 ? $clog2(Beats) : 1;
  localparam int unsigned SumW = 16 + $clog2(MAX_LEN);

  localparam int unsigned Ln2 = 178;  // in steps of a score, rounded up
  localparam int unsigned Octaves = 30;
  localparam logic [12:0] Inverse = 13'd5891;  // 2^20 / 178, rounded up: exact for all of 30 octaves
  localparam logic [9:0] B = 10'd693;
  localparam logic [17:0] C = 18'd182984;
  localparam logic [30:0] Scale = 31'd1538202175;  // 32767 / C, Q.33
  localparam int unsigned QuotientW = 18;  // of 2^32 / sum, as the sum is 32767 at least

  typedef enum logic [1:0] {
    FILL,
    SUM,
    DIVIDE,
    DRAIN
  } state_e;

  /// 32767 * e^-d, of d in steps of 2^-8.
  function automatic logic [15:0] exponent(input logic [15:0] d);
    logic [12:0] near;
    logic [ 4:0] n;
    logic [ 7:0] r;
    logic [17:0] z;
    near = 13'(d > 16'(Octaves * Ln2) ? 16'(Octaves * Ln2) : d);
    n = 5'((26'(near) * 26'(Inverse)) >> 20);
    r = 8'(near - 13'(n) * 13'(Ln2));
    z = C - 18'(18'(r) * 18'(B - 10'(r)));
    return 16'((50'(z) * 50'(Scale) + (50'd1 << (6'd32 + 6'(n)))) >> (6'd33 + 6'(n)));
  endfunction

  state_e state_q;
  logic [BeatW-1:0] beat_q, last_q;
  logic signed [15:0] top_q, top_d;
  logic [SumW-1:0] sum_q, sum_d;
  logic [QuotientW-1:0] quotient_q;
  logic [SumW-1:0] rest_q;
  logic [SumW:0] rest_next;
  logic [4:0] step_q;
  logic more;

  logic [LANES-1:0][15:0] data[Beats];
  logic [LANES-1:0] keep[Beats], part[Beats];
  logic [LANES-1:0][15:0] data_now, terms;
  logic [LANES-1:0] part_now;

  // Coming in.
  always_comb begin
    top_d = top_q;
    for (int i = 0; i < LANES; i++) begin
      if (in_keep_i[i] && !in_mask_i[i] && $signed(in_data_i[i]) > top_d) top_d = in_data_i[i];
    end
  end

  // Adding up, and going out.
  assign data_now = data[beat_q];
  assign part_now = part[beat_q];
  always_comb begin
    sum_d = sum_q;
    for (int i = 0; i < LANES; i++) begin
      terms[i] = part_now[i] ? exponent(16'(top_q - $signed(data_now[i]))) : '0;
      sum_d += SumW'(terms[i]);
      out_data_o[i] = 8'((34'(terms[i]) * 34'(quotient_q)) >> 24);
    end
  end

  // Dividing 2^32: its first 15 bits are the rest to begin with, 0 comes in from below.
  assign rest_next = {rest_q, 1'b0};
  assign more = rest_next >= {1'b0, sum_q};

  assign in_ready_o = state_q == FILL;
  assign out_valid_o = state_q == DRAIN;
  assign out_keep_o = keep[beat_q];
  assign out_last_o = beat_q == last_q;

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
      top_q <= 16'h8000;
      sum_q <= '0;
      quotient_q <= '0;
      rest_q <= '0;
      step_q <= '0;
    end else begin
      unique case (state_q)
        FILL:
        if (in_valid_i) begin
          top_q  <= top_d;
          beat_q <= beat_q + 1'b1;
          if (in_last_i) begin
            state_q <= SUM;
            beat_q  <= '0;
            last_q  <= beat_q;
          end
        end
        SUM: begin
          sum_q  <= sum_d;
          beat_q <= beat_q + 1'b1;
          if (out_last_o) begin
            state_q <= DIVIDE;
            beat_q  <= '0;
            rest_q  <= SumW'(1 << 14);
            step_q  <= '0;
          end
        end
        DIVIDE: begin
          step_q <= step_q + 1'b1;
          quotient_q <= {quotient_q[QuotientW-2:0], more};
          rest_q <= SumW'(more ? rest_next - {1'b0, sum_q} : rest_next);
          if (32'(step_q) == QuotientW - 1) state_q <= DRAIN;
        end
        default:
        if (out_ready_i) begin
          beat_q <= beat_q + 1'b1;
          if (out_last_o) begin
            state_q <= FILL;
            beat_q  <= '0;
            top_q   <= 16'h8000;
            sum_q   <= '0;
          end
        end
      endcase
    end
  end

endmodule
