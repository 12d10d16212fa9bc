/// A FIFO whose first word shows in the cycle it is pushed.
///
/// The user never pushes more than DEPTH words ahead of the pops (asserted), so there is no
/// ready: here the words describe rows, and the row store that holds the rows' beats is what
/// fills up first.
///
/// Latency: 0 cycles when empty.
module fall_through_fifo #(
    parameter int unsigned W = 8,
    parameter int unsigned DEPTH = 16
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
  localparam int unsigned FillW = $clog2(DEPTH + 1);
  localparam logic [AddrW-1:0] LastAddr = AddrW'(DEPTH - 1);

  function automatic logic [AddrW-1:0] next(logic [AddrW-1:0] addr);
    return (addr == LastAddr) ? '0 : addr + AddrW'(1);
  endfunction

  logic [W-1:0] mem[DEPTH];
  logic [AddrW-1:0] wr_q, rd_q;
  logic [FillW-1:0] fill_q;
  logic empty;

  assign empty   = fill_q == '0;
  assign valid_o = !empty || push_i;
  assign data_o  = empty ? data_i : mem[rd_q];

  always_ff @(posedge clk_i) begin
    if (push_i) mem[wr_q] <= data_i;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      wr_q   <= '0;
      rd_q   <= '0;
      fill_q <= '0;
    end else begin
      if (push_i) wr_q <= next(wr_q);
      if (pop_i) rd_q <= next(rd_q);
      fill_q <= fill_q + FillW'(push_i) - FillW'(pop_i);
    end
  end

  // A pop needs a word, a push needs room.
  a_pop_has_word : assert property (@(posedge clk_i) disable iff (!rst_ni) pop_i |-> valid_o);
  a_push_has_room : assert property (@(posedge clk_i) disable iff (!rst_ni)
      push_i && !pop_i |-> fill_q != FillW'(DEPTH));

endmodule
