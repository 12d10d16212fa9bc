/// Where the beats and rows of row_store_ghost stand inside the store: what makes the properties
/// outside inductive.
///
/// Names are those of row_store and its queue, `infos`; from `open_i` on, those of the ghost.
module row_store_ring #(
    parameter  int unsigned DATA_W = 1,
    parameter  int unsigned INFO_W = 1,
    parameter  int unsigned DEPTH  = 4,
    localparam int unsigned CountW = $clog2(4 * DEPTH),
    localparam int unsigned AddrW  = $clog2(DEPTH),
    localparam int unsigned FillW  = $clog2(DEPTH + 1)
) (
    input  logic                                                 clk_i,
    input  logic                                                 rst_ni,
    input  logic                        [ DEPTH-1:0][DATA_W-1:0] ram_i,
    input  logic                        [ DEPTH-1:0][       1:0] flags_i,
    input  logic                        [ AddrW-1:0]             wr_i,
    input  logic                        [ AddrW-1:0]             start_i,
    input  logic                        [ AddrW-1:0]             rd_i,
    input  logic                                                 read_i,
    input  logic                        [DATA_W-1:0]             read_data_i,
    input  logic                        [       1:0]             read_flags_i,
    input  logic                        [ FillW-1:0]             store_open_i,
    input  logic                        [ FillW-1:0]             used_i,
    input  logic                                                 full_i,
    input  logic                                                 pop_q_i,
    input  logic                                                 infos_queued_i,
    input  logic                                                 infos_first_valid_i,
    input  logic                        [INFO_W-1:0]             infos_first_i,
    input  logic                                                 infos_second_valid_i,
    input  logic                        [INFO_W-1:0]             infos_second_i,
    input  logic                                                 infos_third_valid_i,
    input  logic                                                 infos_third_read_i,
    input  logic                        [INFO_W-1:0]             infos_third_i,
    input  logic                        [ AddrW-1:0]             infos_wr_i,
    input  logic                        [ AddrW-1:0]             infos_rd_i,
    input  logic                        [ DEPTH-1:0][INFO_W-1:0] infos_mem_i,
    input  logic                        [CountW-1:0]             open_i,
    input  logic                        [CountW-1:0]             beats_i,
    input  logic                        [CountW-1:0]             owed_i,
    input  logic                        [CountW-1:0]             waiting_i,
    input  logic                        [CountW-1:0]             infos_i,
    input  logic                                                 picked_i,
    input  logic                                                 whole_i,
    input  logic                                                 last_i,
    input  logic                                                 bad_i,
    input  logic                                                 known_i,
    input  logic                        [DATA_W-1:0]             word_i,
    input  logic                        [INFO_W-1:0]             word_info_i,
    input  logic                        [CountW-1:0]             ahead_i,
    input  logic                        [CountW-1:0]             rows_i,
    input  logic                        [CountW-1:0]             done_i,
    output row_store_ghost_pkg::count_t                          head_o
);

  // The ring, counted from the oldest beat that has not left, which stands before rd_q once it has
  // been read: where the i-th complete row ends, whether it is bad, and its info.
  int unsigned offset[DEPTH+1];
  logic entry_bad[DEPTH+1];
  logic [INFO_W-1:0] entry_info[DEPTH+1];
  int unsigned ends_count, infos_count, oldest, picked_at;
  logic [1:0] flags;
  logic tidy;

  function automatic int unsigned wrap(int unsigned n);
    return (n >= DEPTH) ? n - DEPTH : n;
  endfunction

  always_comb begin
    oldest = wrap(32'(rd_i) + (read_i ? DEPTH - 1 : 0));
    picked_at = wrap(oldest + 32'(ahead_i));
    ends_count = 0;
    tidy = 1'b1;
    for (int unsigned i = 0; i <= DEPTH; i++) begin
      offset[i] = 0;
      entry_bad[i] = 1'b0;
    end
    for (int unsigned n = 0; n < DEPTH; n++) begin
      flags = flags_i[wrap(oldest+n)];
      if (n < 32'(beats_i) ? flags == 2'b01 : n < 32'(beats_i) + 32'(open_i) && flags != '0) begin
        tidy = 1'b0;
      end
      if (n < 32'(beats_i) && flags[1]) begin
        offset[ends_count] = n;
        entry_bad[ends_count] = flags[0];
        ends_count = ends_count + 1;
      end
    end
    infos_count = 32'(infos_first_valid_i) + 32'(infos_second_valid_i) + 32'(infos_third_valid_i);
    if (infos_queued_i) begin
      infos_count = infos_count + 32'(infos_wr_i) - 32'(infos_rd_i);
      if (infos_wr_i <= infos_rd_i) infos_count = infos_count + DEPTH;
    end
    entry_info[0] = infos_first_i;
    entry_info[1] = infos_second_valid_i ? infos_second_i : infos_third_i;
    entry_info[2] = infos_third_i;
    for (int unsigned i = 3; i <= DEPTH; i++) begin
      entry_info[i] = infos_mem_i[wrap(32'(infos_rd_i)+i-3)];
    end
  end

  logic ring, rises;
  always_comb begin
    rises = 1'b1;
    for (int unsigned i = 0; i <= DEPTH; i++) begin
      if (i < ends_count) begin
        if (offset[i] - ((i > 0) ? offset[(i>0)?i-1 : 0] + 1 : 0) >= DEPTH - 2) rises = 1'b0;
        // A bad row has one beat.
        if (entry_bad[i] && offset[i] != ((i > 0) ? offset[(i>0)?i-1 : 0] + 1 : 0)) begin
          rises = 1'b0;
        end
        if (i + 1 == ends_count && offset[i] + 1 != 32'(beats_i)) rises = 1'b0;
      end
    end
    ring = 32'(beats_i) + 32'(open_i) <= DEPTH && 32'(open_i) <= DEPTH - 2 &&
        32'(store_open_i) == 32'(open_i) &&
        32'(used_i) == 32'(beats_i) + 32'(open_i) + 32'(pop_q_i) &&
        32'(used_i) <= DEPTH &&
        full_i == (32'(used_i) == DEPTH) &&
        32'(rd_i) < DEPTH &&
        (read_i || waiting_i == owed_i && owed_i <= CountW'(1)) &&
        32'(start_i) == wrap(oldest + 32'(beats_i)) &&
        32'(wr_i) == wrap(32'(start_i) + 32'(open_i));
  end

  assign head_o = (ends_count == 0) ? 8'd0 : 8'(offset[0] + 1);

  // A row that has begun to leave is good and has more to come.
  a_done :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      done_i == '0 || (owed_i != '0 && !entry_bad[0] && 32'(done_i) + offset[0] < DEPTH - 2));
  a_ring :
  assert property (@(posedge clk_i) disable iff (!rst_ni) ring);
  a_ends :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      rises && tidy && ends_count == 32'(owed_i) && (owed_i != '0) == (beats_i != '0));
  // What waits is what the memory holds, and of a complete row.
  a_read :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      !read_i || (beats_i != '0 && read_flags_i == flags_i[oldest]));
  a_infos :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      infos_count == 32'(infos_i) && owed_i == infos_i + waiting_i &&
      32'(infos_i) <= DEPTH && 32'(waiting_i) <= DEPTH &&
      32'(infos_wr_i) < DEPTH && 32'(infos_rd_i) < DEPTH &&
      (infos_queued_i || infos_wr_i == infos_rd_i) &&
      (infos_first_valid_i || !(infos_second_valid_i || infos_third_valid_i)) &&
      (infos_second_valid_i && infos_third_valid_i || !(infos_queued_i || infos_third_read_i)));
  a_picked :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !picked_i || (
      32'(ahead_i) < 32'(beats_i) + 32'(open_i) && whole_i == (ahead_i < beats_i) &&
      (bad_i || ram_i[picked_at] == word_i) &&
      (bad_i || !read_i || ahead_i != '0 || read_data_i == word_i)));
  a_picked_row :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !picked_i || (
      (whole_i || (!last_i && !bad_i && rows_i == owed_i)) &&
      (!whole_i || (rows_i < owed_i && entry_bad[rows_i] == bad_i && (!bad_i || last_i) &&
      offset[rows_i] >= 32'(ahead_i) && (offset[rows_i] == 32'(ahead_i)) == last_i)) &&
      (rows_i == '0 || offset[rows_i-CountW'(1)] < 32'(ahead_i))));
  a_picked_info :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !picked_i || (
      known_i == (infos_i > rows_i) && (!known_i || entry_info[rows_i] == word_info_i)));

endmodule
