/// What goes into a row_store and what of it must come out: counts, and one beat followed through.
///
/// Of all beats the solver picks one, any (`pick`), of a good row, or the one beat of a bad row;
/// `ahead_q` counts the beats before it, `rows_q` the rows. a_contract is what the user of the store owes it: a proof of the store alone assumes it.
///
/// Bound into every row_store (row_store_bind.sv); the proof around says when to pick.
module row_store_ghost #(
    parameter  int unsigned DATA_W = 1,
    parameter  int unsigned INFO_W = 1,
    parameter  int unsigned DEPTH  = 4,
    localparam int unsigned CountW = $clog2(4 * DEPTH)
) (
    input  logic                                     clk_i,
    input  logic                                     rst_ni,
    input  logic                                     push_valid_i,
    input  logic                                     push_ready_i,
    input  logic                        [DATA_W-1:0] push_data_i,
    input  logic                                     push_last_i,
    input  logic                                     push_bad_i,
    input  logic                                     push_skip_i,
    input  logic                                     info_valid_i,
    input  logic                        [INFO_W-1:0] info_i,
    input  logic                                     pop_valid_i,
    input  logic                                     pop_ready_i,
    input  logic                        [DATA_W-1:0] pop_data_i,
    input  logic                        [INFO_W-1:0] pop_info_i,
    input  logic                                     pop_last_i,
    input  logic                                     pop_bad_i,
    input  logic                                     pop_q_i,
    input  row_store_ghost_pkg::count_t              head_i,
    output row_store_ghost_pkg::view_t               view_o
);

  // Of the solver's free choice; a proof may narrow it.
  logic pick;

  // Beats of the open row and of complete rows; complete rows, those whose info has not come, and
  // those whose info has.
  logic contract, push, store, close, pop, ends, skipped_q;
  logic [CountW-1:0] open_q, beats_q, owed_q, waiting_q, infos_q, done_q;

  assign push = push_valid_i && push_ready_i;
  assign store = push && !push_skip_i;
  assign close = push && push_last_i;
  assign pop = pop_valid_i && pop_ready_i;
  assign ends = pop && pop_last_i;

  // Beats are skipped in bad rows alone, and never the first; a row leaves room for two beats, or it
  // might wait for itself; an info comes the cycle after its row's last beat, or later.
  assign contract = (!push_valid_i || !push_skip_i || open_q != '0) &&
      (!push_valid_i || !push_last_i || !(push_skip_i || skipped_q) || push_bad_i) &&
      (!store || 32'(open_q) < DEPTH - 2) && (!info_valid_i || waiting_q != '0);

  // The picked beat, and the info of its row.
  logic picked_q, whole_q, last_q, bad_q, known_q;
  logic [DATA_W-1:0] word_q;
  logic [INFO_W-1:0] word_info_q;
  logic [CountW-1:0] ahead_q, rows_q;
  logic shows, leaves;

  assign shows  = picked_q && pop_valid_i && ahead_q == '0;
  assign leaves = shows && pop_ready_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      skipped_q <= 1'b0;
      open_q    <= '0;
      beats_q   <= '0;
      owed_q    <= '0;
      done_q    <= '0;
      waiting_q <= '0;
      infos_q   <= '0;
      picked_q  <= 1'b0;
    end else begin
      if (push) skipped_q <= (skipped_q || push_skip_i) && !push_last_i;
      waiting_q <= waiting_q + CountW'(close) - CountW'(info_valid_i);
      infos_q   <= infos_q + CountW'(info_valid_i) - CountW'(ends);
      owed_q    <= owed_q + CountW'(close) - CountW'(ends);
      if (pop) done_q <= ends ? '0 : done_q + CountW'(1);
      if (close) open_q <= '0;
      else open_q <= open_q + CountW'(store);
      beats_q <= beats_q - CountW'(pop) +
          (close ? (push_bad_i ? CountW'(1) : open_q + CountW'(1)) : CountW'(0));

      if (!picked_q && pick && (push_bad_i ? close : store)) begin
        picked_q <= 1'b1;
        whole_q  <= close;
        last_q   <= push_last_i;
        bad_q    <= push_bad_i && push_last_i;
        known_q  <= 1'b0;
        word_q   <= push_data_i;
        ahead_q  <= beats_q - CountW'(pop) + ((push_bad_i && close) ? CountW'(0) : open_q);
        rows_q   <= owed_q - CountW'(ends);
      end else if (picked_q) begin
        if (pop) ahead_q <= ahead_q - CountW'(1);
        if (ends) rows_q <= rows_q - CountW'(1);
        if (!whole_q && close) whole_q <= 1'b1;
        if ((!whole_q && close && push_bad_i) || leaves) picked_q <= 1'b0;
        if (info_valid_i && infos_q == rows_q && !known_q) begin
          known_q <= 1'b1;
          word_info_q <= info_i;
        end
      end
    end
  end

  assign view_o = '{
          open: 8'(open_q),
          beats: 8'(beats_q),
          owed: 8'(owed_q),
          waiting: 8'(waiting_q),
          infos: 8'(infos_q),
          done: 8'(done_q),
          head: head_i,
          skipped: skipped_q,
          full: !push_ready_i,
          picked: picked_q,
          whole: whole_q,
          last: last_q,
          bad: bad_q,
          ahead: 8'(ahead_q),
          leaves: leaves,
          word: 32'(word_q)
      };

  a_contract :
  assert property (@(posedge clk_i) disable iff (!rst_ni) contract);
  a_beat :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      !shows || (pop_last_i == last_q && pop_bad_i == bad_q));
  a_data :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !shows || bad_q || pop_data_i == word_q);
  a_info :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      !shows || pop_info_i == (known_q ? word_info_q : info_i));
  // Nothing shows of a row that is not whole, nothing when nothing is there, and something when an
  // info is.
  a_whole :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      !pop_valid_i || (beats_q != '0 && owed_q != '0 && (!shows || whole_q)));
  a_offers :
  assert property (@(posedge clk_i) disable iff (!rst_ni) infos_q == '0 || pop_valid_i);
  // Room for as many beats as there are words, one free again two cycles after it has left.
  a_room :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      push_ready_i == (32'(beats_q) + 32'(open_q) + 32'(pop_q_i) < DEPTH));

endmodule
