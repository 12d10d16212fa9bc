/// Maximum or sum of N unsigned words, four to one a pipeline stage.
///
/// No handshake: a result follows its operands after `Stages` = ceil(log4 N) cycles, one set a
/// cycle. Four to one is what fits a 10 ns cycle beside 16-bit comparisons; two to one would
/// double the latency for nothing.
///
/// Worked value: N = 8, OP = "sum", operands 1..8: 36 after 2 cycles.
module reduce_tree #(
    parameter string OP = "sum",
    parameter int unsigned N = 8,
    parameter int unsigned W = 8,
    localparam int unsigned OutW = (OP == "sum") ? W + $clog2(N) : W
) (
    input  logic                   clk_i,
    input  logic [   N-1:0][W-1:0] data_i,
    output logic [OutW-1:0]        data_o
);

  if (OP != "sum" && OP != "max") begin : gen_check_op
    $fatal(1, "reduce_tree: OP must be \"sum\" or \"max\"");
  end

  localparam int unsigned Stages = ($clog2(N) + 1) / 2;
  localparam int unsigned Radix = 4;
  localparam int unsigned Padded = Radix ** Stages;

  function automatic logic [OutW-1:0] larger(logic [OutW-1:0] a, logic [OutW-1:0] b);
    return (a > b) ? a : b;
  endfunction

  // Two comparisons deep, not three.
  function automatic logic [OutW-1:0] reduce(logic [Radix-1:0][OutW-1:0] words);
    logic [OutW-1:0] result;
    if (OP == "sum") result = (words[0] + words[1]) + (words[2] + words[3]);
    else result = larger(larger(words[0], words[1]), larger(words[2], words[3]));
    return result;
  endfunction

  // Missing operands are zeros: neutral for both operations.
  logic [Padded-1:0][OutW-1:0] operands;

  always_comb begin
    operands = '0;
    for (int unsigned i = 0; i < N; i++) operands[i] = OutW'(data_i[i]);
  end

  for (genvar s = 0; s < Stages; s++) begin : gen_stage
    localparam int unsigned Left = Radix ** (Stages - s - 1);
    logic [Left*Radix-1:0][OutW-1:0] words;
    logic [Left-1:0][OutW-1:0] words_q;

    if (s == 0) begin : gen_first
      assign words = operands;
    end else begin : gen_next
      assign words = gen_stage[s-1].words_q;
    end

    always_ff @(posedge clk_i) begin
      for (int unsigned i = 0; i < Left; i++) words_q[i] <= reduce(words[Radix*i+:Radix]);
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
