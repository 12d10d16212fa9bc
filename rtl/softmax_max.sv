/// The running row maximum: golden `max` at a row's last beat.
///
/// Watches beats as they are stored and never stalls. Lanes that take no part come as the lowest
/// code, so a row without a live element has that as its maximum; its outputs are zero anyway.
/// `max_o` is the maximum of the row so far, `rise_o` by how much this beat raised it; on a row's
/// first beat there is nothing to raise.
///
/// Latency: the tree's and 1 cycle, one beat a cycle.
module softmax_max #(
    parameter int unsigned QW = 16,
    parameter int unsigned LANES = 8,
    parameter int unsigned RADIX = 4
) (
    input  logic                     clk_i,
    input  logic                     rst_ni,
    input  logic                     valid_i,
    input  logic [LANES-1:0][QW-1:0] q_i,
    input  logic                     last_i,
    output logic                     valid_o,
    output logic                     first_o,
    output logic                     last_o,
    output logic [   QW-1:0]         max_o,
    output logic [   QW-1:0]         rise_o
);

  localparam int unsigned TreeStages = ($clog2(LANES) + $clog2(RADIX) - 1) / $clog2(RADIX);

  logic [QW-1:0] beat_max;
  logic beat_valid, beat_last, first_q;

  reduce_tree #(
      .OP("max"),
      .N(LANES),
      .W(QW),
      .RADIX(RADIX)
  ) u_tree (
      .clk_i,
      .data_i(q_i),
      .data_o(beat_max)
  );

  delay_line #(
      .W(2),
      .STAGES(TreeStages),
      .RESET(1'b1)
  ) u_control (
      .clk_i,
      .rst_ni,
      .data_i({valid_i, last_i}),
      .data_o({beat_valid, beat_last})
  );

  logic rises;
  assign rises = first_q || beat_max > max_o;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      first_q <= 1'b1;
      valid_o <= 1'b0;
    end else begin
      valid_o <= beat_valid;
      if (beat_valid) first_q <= beat_last;
    end
  end

  always_ff @(posedge clk_i) begin
    if (beat_valid) begin
      first_o <= first_q;
      last_o  <= beat_last;
      rise_o  <= rises ? beat_max - max_o : '0;
      if (rises) max_o <= beat_max;
    end
  end

endmodule
