/// Proof of stream_reg: what goes in comes out once, unchanged and in order.
module stream_reg_proof #(
    parameter int unsigned W = 2,
    parameter bit ELASTIC = 1'b0
) (
    input logic         clk_i,
    input logic         rst_ni,
    input logic         valid_i,
    input logic [W-1:0] data_i,
    input logic         ready_i
);

  logic ready, valid;
  logic [W-1:0] data;

  stream_reg #(
      .W(W),
      .ELASTIC(ELASTIC)
  ) u_reg (
      .clk_i,
      .rst_ni,
      .valid_i,
      .ready_o(ready),
      .data_i,
      .valid_o(valid),
      .ready_i,
      .data_o (data)
  );

  stream_hold_props #(
      .W(W)
  ) u_props (
      .clk_i,
      .rst_ni,
      .valid_i(valid),
      .ready_i,
      .data_i (data)
  );

  // The word inside, if there is one.
  logic started_q = 1'b0;
  logic full_q;
  logic [W-1:0] word_q;

  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    if (!started_q) assume (!rst_ni);
    if (valid_i && ready) word_q <= data_i;
    if (!rst_ni) full_q <= 1'b0;
    else full_q <= (valid_i && ready) || (full_q && !ready_i);
  end

  a_offered :
  assert property (@(posedge clk_i) disable iff (!rst_ni) valid == full_q);
  a_word :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !valid || data == word_q);
  a_takes :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
    ready == (ready_i || (ELASTIC && !full_q)));

endmodule
