/// Holds whole rows between two passes and gives each one back beside what was learnt about it.
///
/// Beats are pushed as they come; a beat is popped only once its row's `info` has come in (one
/// word a row, in order, in a later cycle than the row's last beat). A row whose last beat is
/// marked bad gives its room back and comes out as one beat with `pop_bad_o` set and no content.
///
/// One ring serves all rows in flight. DEPTH >= beats of the longest row + cycles from a row's
/// last push to its info + 1 keeps one beat a cycle going through for ever, whatever the mix
/// of lengths: at any time the ring holds at most one incomplete row and what arrived while the
/// info was under way. Two row-sized banks would cost more and stall on short rows.
///
/// A beat of a complete row is read ahead, while the row's info is still to come: it waits in the
/// memory's output register.
///
/// Latency: 0 cycles from info to the row's first beat, 1 without FALL_THROUGH, but two at least from
/// the row's last push; then one beat a cycle.
module row_store #(
    parameter int unsigned DATA_W = 8,
    parameter int unsigned INFO_W = 8,
    parameter int unsigned DEPTH = 16,
    parameter bit FALL_THROUGH = 1'b1
) (
    input  logic              clk_i,
    input  logic              rst_ni,
    input  logic              push_valid_i,
    output logic              push_ready_o,
    input  logic [DATA_W-1:0] push_data_i,
    input  logic              push_last_i,
    input  logic              push_bad_i,
    input  logic              push_skip_i,
    input  logic              info_valid_i,
    input  logic [INFO_W-1:0] info_i,
    output logic              pop_valid_o,
    input  logic              pop_ready_i,
    output logic [DATA_W-1:0] pop_data_o,
    output logic [INFO_W-1:0] pop_info_o,
    output logic              pop_last_o,
    output logic              pop_bad_o
);

  localparam int unsigned AddrW = $clog2(DEPTH);
  localparam int unsigned FillW = $clog2(DEPTH + 1);

  function automatic logic [AddrW-1:0] next(logic [AddrW-1:0] addr);
    return (addr == AddrW'(DEPTH - 1)) ? '0 : addr + AddrW'(1);
  endfunction

  // Write side: `open` beats of the row coming in, `used` those and the beats of complete rows.
  // Room counts as free the cycle after a beat has left, so that no ready waits for another.
  logic [AddrW-1:0] wr_q, start_q, write_addr, next_wr;
  logic [FillW-1:0] open_q, used_d, used_q;
  logic push, store, close, pop, pop_q, fills, full_q;

  assign push_ready_o = !full_q;
  assign push = push_valid_i && push_ready_o;
  assign close = push && push_last_i;
  assign store = push && !push_skip_i;
  // A bad row keeps one beat, its first.
  assign write_addr = (push_last_i && push_bad_i) ? start_q : wr_q;
  assign next_wr = next(write_addr);

  always_comb begin
    used_d = used_q;
    if (close && push_bad_i) used_d = used_q - open_q + FillW'(!pop_q);
    else if (store && !pop_q) used_d = used_q + FillW'(1);
    else if (!store && pop_q) used_d = used_q - FillW'(1);
  end

  // The last place, unless the row gives others back.
  assign fills = store && (used_q == FillW'(DEPTH - 1)) && !(close && push_bad_i && open_q != '0);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      wr_q    <= '0;
      start_q <= '0;
      open_q  <= '0;
      used_q  <= '0;
      full_q  <= 1'b0;
      pop_q   <= 1'b0;
    end else begin
      if (store || close) wr_q <= next_wr;
      if (close) start_q <= next_wr;
      if (close) open_q <= '0;
      else if (store) open_q <= open_q + FillW'(1);
      used_q <= used_d;
      full_q <= !pop_q && (full_q || fills);
      pop_q  <= pop;
    end
  end

  // One word a row.
  logic row_valid;

  fall_through_fifo #(
      .W(INFO_W),
      .DEPTH(DEPTH),
      .FALL_THROUGH(FALL_THROUGH)
  ) u_infos (
      .clk_i,
      .rst_ni,
      .push_i (info_valid_i),
      .data_i (info_i),
      .valid_o(row_valid),
      .data_o (pop_info_o),
      .pop_i  (pop && pop_last_o)
  );

  // Read side: rd_q is behind the beat that waits, which is one of a complete row.
  logic [AddrW-1:0] rd_q;
  logic read, read_q, more;

  assign pop_valid_o = read_q && row_valid;
  assign pop = pop_valid_o && pop_ready_i;
  assign more = rd_q != start_q;
  assign read = more && (!read_q || pop);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      rd_q   <= '0;
      read_q <= 1'b0;
    end else begin
      if (read) rd_q <= next(rd_q);
      if (!read_q || pop) read_q <= more;
    end
  end

  ram_1r1w #(
      .W(DATA_W),
      .DEPTH(DEPTH)
  ) u_ram (
      .clk_i,
      .we_i   (store),
      .waddr_i(write_addr),
      .wdata_i(push_data_i),
      .re_i   (read),
      .raddr_i(rd_q),
      .rdata_o(pop_data_o)
  );

  // Apart from the data, for the end of a row must be known early in the cycle.
  ram_1r1w #(
      .W(2),
      .DEPTH(DEPTH),
      .STYLE("distributed")
  ) u_flags (
      .clk_i,
      .we_i   (store || close),
      .waddr_i(write_addr),
      .wdata_i({push_last_i, push_last_i && push_bad_i}),
      .re_i   (read),
      .raddr_i(rd_q),
      .rdata_o({pop_last_o, pop_bad_o})
  );

  a_info_has_row :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !row_valid || read_q || more);

endmodule
