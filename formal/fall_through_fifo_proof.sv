/// Proof of fall_through_fifo: the words come out once, unchanged and in order.
///
/// Of all words the solver picks one, any; `ahead_q` counts the words before it. The last two
/// properties say where it stands inside, which makes the rest inductive.
module fall_through_fifo_proof #(
    parameter int unsigned W = 2,
    parameter int unsigned DEPTH = 5,
    parameter bit FALL_THROUGH = 1'b1
) (
    input logic         clk_i,
    input logic         rst_ni,
    input logic         push_i,
    input logic [W-1:0] data_i,
    input logic         pop_i,
    input logic         pick_i
);

  localparam int unsigned CountW = $clog2(DEPTH + 2);

  logic valid;
  logic [W-1:0] data;

  fall_through_fifo #(
      .W(W),
      .DEPTH(DEPTH),
      .FALL_THROUGH(FALL_THROUGH)
  ) u_fifo (
      .clk_i,
      .rst_ni,
      .push_i,
      .data_i,
      .valid_o(valid),
      .data_o (data),
      .pop_i
  );

  logic started_q = 1'b0;
  logic picked_q;
  logic [CountW-1:0] count_q, ahead_q;
  logic [W-1:0] word_q;
  logic through;

  // Pushed and popped in one cycle.
  assign through = push_i && pop_i && count_q == '0;

  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    if (!started_q) assume (!rst_ni);
    // The contract of the user.
    if (push_i) assume (32'(count_q) < DEPTH || pop_i);
    if (pop_i) assume (valid);
    if (!rst_ni) begin
      count_q  <= '0;
      picked_q <= 1'b0;
    end else begin
      count_q <= count_q + CountW'(push_i) - CountW'(pop_i);
      if (!picked_q && pick_i && push_i && !through) begin
        picked_q <= 1'b1;
        word_q   <= data_i;
        ahead_q  <= count_q - CountW'(pop_i);
      end else if (picked_q && pop_i) begin
        picked_q <= ahead_q != '0;
        ahead_q  <= ahead_q - CountW'(1);
      end
    end
  end

  int unsigned queued, place;
  logic [W-1:0] there;
  always_comb begin
    queued = 32'(u_fifo.wr_q) + ((u_fifo.wr_q > u_fifo.rd_q) ? 0 : DEPTH) - 32'(u_fifo.rd_q);
    if (!u_fifo.queued_q) queued = 0;
    place = 32'(u_fifo.rd_q) + 32'(ahead_q) - 3;
    if (place >= DEPTH) place = place - DEPTH;
    if (ahead_q == '0) there = u_fifo.first_q;
    else if (32'(ahead_q) == 1 && u_fifo.second_valid_q) there = u_fifo.second_q;
    else if (32'(ahead_q) <= 2) there = u_fifo.third_read_q ? u_fifo.read : u_fifo.third_q;
    else there = u_fifo.u_ram.mem[place];
  end

  a_word :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      !picked_q || ahead_q != '0 || (valid && data == word_q));
  a_through :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !through || data == data_i);
  a_valid :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      valid == (count_q != '0 || (FALL_THROUGH && push_i)));
  a_count :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      32'(count_q) == queued + 32'(u_fifo.third_valid_q) + 32'(u_fifo.second_valid_q) +
      32'(u_fifo.first_valid_q) && 32'(count_q) <= DEPTH &&
      (u_fifo.first_valid_q || !u_fifo.behind) &&
      (u_fifo.second_valid_q && u_fifo.third_valid_q ||
      !(u_fifo.queued_q || u_fifo.third_read_q)) &&
      (u_fifo.queued_q || u_fifo.wr_q == u_fifo.rd_q) &&
      32'(u_fifo.wr_q) < DEPTH && 32'(u_fifo.rd_q) < DEPTH);
  a_place :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      !picked_q || (ahead_q < count_q && there == word_q));

endmodule
