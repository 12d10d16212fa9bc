/// A FIFO whose first word shows in the cycle it is pushed, or in the one after.
///
/// The user never pushes more than DEPTH words ahead of the pops (asserted), so there is no
/// ready: here the words describe rows, and the row store that holds the rows' beats is what
/// fills up first.
///
/// The oldest word and the one behind it stand in registers, so that no user waits for the memory: a
/// pop, which comes late in the cycle, only enables them. The third word stands in another one, or is
/// what the memory read last, so that the memory has a cycle to read and may be a block RAM. What is
/// pushed behind others comes in as the third and moves up: so the second chooses between two words
/// alone, for the memory's is late.
///
/// Latency: 0 cycles when empty; 1 without FALL_THROUGH.
module fall_through_fifo #(
    parameter int unsigned W = 8,
    parameter int unsigned DEPTH = 16,
    parameter bit FALL_THROUGH = 1'b1
) (
    input  logic         clk_i,
    input  logic         rst_ni,
    input  logic         push_i,
    input  logic [W-1:0] data_i,
    output logic         valid_o,
    output logic [W-1:0] data_o,
    input  logic         pop_i
);

  localparam int unsigned AddrW = $clog2(DEPTH);
  localparam logic [AddrW-1:0] LastAddr = AddrW'(DEPTH - 1);

  function automatic logic [AddrW-1:0] next(logic [AddrW-1:0] addr);
    return (addr == LastAddr) ? '0 : addr + AddrW'(1);
  endfunction

  logic [AddrW-1:0] wr_q, rd_q;
  logic [W-1:0] first_q, second_q, third_q, read;
  logic first_valid_q, second_valid_q, third_valid_q, third_read_q, queued_q;
  logic behind, write, store, load, last_queued;

  assign valid_o = first_valid_q || (FALL_THROUGH && push_i);
  assign data_o = (first_valid_q || !FALL_THROUGH) ? first_q : data_i;

  assign behind = second_valid_q || third_valid_q;

  // A word goes to the memory when the places before it stay taken; from there it moves up. Written it
  // may be before that is known: a word that did not have to be is overwritten.
  assign write = push_i && second_valid_q && third_valid_q;
  assign store = write && (queued_q || !pop_i);
  assign load = queued_q && pop_i;
  assign last_queued = next(rd_q) == wr_q;

  ram_1r1w #(
      .W(W),
      .DEPTH(DEPTH)
  ) u_ram (
      .clk_i,
      .we_i   (write),
      .waddr_i(wr_q),
      .wdata_i(data_i),
      .re_i   (load),
      .raddr_i(rd_q),
      .rdata_o(read)
  );

  always_ff @(posedge clk_i) begin
    if (pop_i || !first_valid_q) begin
      first_q <= second_valid_q ? second_q : third_valid_q ? third_q : data_i;
    end
    if (pop_i || !second_valid_q) second_q <= third_read_q ? read : third_q;
    if (pop_i || !second_valid_q || !third_valid_q) third_q <= data_i;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      wr_q           <= '0;
      rd_q           <= '0;
      first_valid_q  <= 1'b0;
      second_valid_q <= 1'b0;
      third_valid_q  <= 1'b0;
      third_read_q   <= 1'b0;
      queued_q       <= 1'b0;
    end else begin
      if (store) wr_q <= next(wr_q);
      if (load) rd_q <= next(rd_q);
      queued_q <= pop_i ? queued_q && (write || !last_queued) : queued_q || write;
      if (pop_i || !third_valid_q) third_read_q <= queued_q;
      first_valid_q <= first_valid_q ? !pop_i || behind || push_i : push_i && !pop_i;
      second_valid_q <= second_valid_q ? !pop_i || third_valid_q : !pop_i && third_valid_q;
      third_valid_q <= (second_valid_q && third_valid_q && (queued_q || !pop_i)) ||
          (push_i && first_valid_q && (behind || !pop_i));
    end
  end

  // A pop needs a word, a push needs room.
  a_pop_has_word :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !pop_i || valid_o);
  a_push_has_room :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      !(store && !load) || !queued_q || wr_q != rd_q);

endmodule
