/// Maximum or sum of N unsigned words, RADIX of them, four or two, to one a pipeline stage.
///
/// No handshake: a result follows its operands after `Stages` = ceil(log_RADIX N) cycles, one set a
/// cycle. Four to one is what fits a 9 ns cycle beside 16-bit comparisons; two to one is for longer
/// words where the latency counts for nothing.
///
/// Worked value: N = 8, OP = "sum", operands 1..8: 36 after 2 cycles.
module reduce_tree #(
    parameter string OP = "sum",
    parameter int unsigned N = 8,
    parameter int unsigned W = 8,
    parameter int unsigned RADIX = 4,
    localparam int unsigned OutW = (OP == "sum") ? W + $clog2(N) : W
) (
    input  logic                   clk_i,
    input  logic [   N-1:0][W-1:0] data_i,
    output logic [OutW-1:0]        data_o
);

  if (RADIX != 2 && RADIX != 4) begin : gen_check_radix
    $fatal(1, "reduce_tree: RADIX must be 2 or 4");
  end

  if (OP != "sum" && OP != "max") begin : gen_check_op
    $fatal(1, "reduce_tree: OP must be \"sum\" or \"max\"");
  end

  localparam int unsigned Stages = ($clog2(N) + $clog2(RADIX) - 1) / $clog2(RADIX);
  localparam int unsigned Padded = RADIX ** Stages;

  function automatic logic [OutW-1:0] two(logic [OutW-1:0] a, logic [OutW-1:0] b);
    if (OP == "sum") return a + b;
    return (a > b) ? a : b;
  endfunction

  // Four are two operations deep, not three.
  function automatic logic [OutW-1:0] reduce(logic [RADIX-1:0][OutW-1:0] words);
    if (RADIX == 2) return two(words[0], words[1]);
    return two(two(words[0], words[1]), two(words[RADIX-2], words[RADIX-1]));
  endfunction

  // Missing operands are zeros: neutral for both operations.
  logic [Padded-1:0][OutW-1:0] operands;

  always_comb begin
    operands = '0;
    for (int unsigned i = 0; i < N; i++) operands[i] = OutW'(data_i[i]);
  end

  for (genvar s = 0; s < Stages; s++) begin : gen_stage
    localparam int unsigned Left = RADIX ** (Stages - s - 1);
    logic [Left*RADIX-1:0][OutW-1:0] words;
    logic [Left-1:0][OutW-1:0] words_q;

    if (s == 0) begin : gen_first
      assign words = operands;
    end else begin : gen_next
      assign words = gen_stage[s-1].words_q;
    end

    always_ff @(posedge clk_i) begin
      for (int unsigned i = 0; i < Left; i++) words_q[i] <= reduce(words[RADIX*i+:RADIX]);
    end
  end

  if (Stages == 0) begin : gen_one
    logic unused_clk;
    assign unused_clk = clk_i;
    assign data_o = operands[0];
  end else begin : gen_last
    assign data_o = gen_stage[Stages-1].words_q[0];
  end

endmodule
