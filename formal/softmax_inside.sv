/// Where the beats of softmax_beats stand inside the core, which makes its properties inductive.
///
/// Every core is a line of pipeline registers and row stores:
///
///   front registers -> store A -> [middle registers -> store B ->] tail registers
///
/// Stage 0 of each group is the youngest; the middle's and the tail's is the output of the store
/// before. `moves` says whether a stage may hand its beat on, `info` where the infos of rows stand
/// on their way to the store. With STORES = 1 what belongs to the middle and to store B is zero.
module softmax_inside #(
    parameter int unsigned STORES = 1,
    parameter int unsigned FRONT = 1,
    parameter int unsigned INFO_A = 1,
    parameter int unsigned MIDDLE = 1,
    parameter int unsigned INFO_B = 1,
    parameter int unsigned TAIL = 1,
    parameter int unsigned LANES = 1,
    parameter int unsigned MAX_BEATS = 1,
    parameter int unsigned PATIENCE = 16
) (
    input  logic                                    clk_i,
    input  logic                                    rst_ni,
    // softmax_beats
    input  logic                       [       7:0] open_i,
    input  logic                       [       7:0] owed_i,
    input  logic                       [       7:0] rows_i,
    input  logic                       [       7:0] wait_i,
    input  logic                                    bad_i,
    input  logic                                    picked_i,
    input  logic                                    whole_i,
    input  logic                                    last_i,
    input  logic                                    error_i,
    input  logic                       [ LANES-1:0] keep_i,
    input  logic                       [       7:0] ahead_i,
    // the line
    input  softmax_flow_pkg::stage_t   [ FRONT-1:0] front_i,
    input  row_store_ghost_pkg::view_t              a_i,
    input  logic                       [ LANES-1:0] a_keep_i,
    input  logic                       [INFO_A-1:0] a_info_i,
    input  softmax_flow_pkg::stage_t   [MIDDLE-1:0] middle_i,
    input  row_store_ghost_pkg::view_t              b_i,
    input  logic                       [ LANES-1:0] b_keep_i,
    input  logic                       [INFO_B-1:0] b_info_i,
    input  softmax_flow_pkg::stage_t   [  TAIL-1:0] tail_i,
    // to the ghosts of the stores
    output logic                                    a_pick_o,
    output logic                                    b_pick_o
);

  // The line, an attribute at a time.
  logic [FRONT-1:0] front_valid, front_last, front_bad, front_skip, front_moves;
  logic [FRONT-1:0][LANES-1:0] front_keep;
  logic [MIDDLE-1:0] middle_valid, middle_last, middle_bad, middle_moves;
  logic [MIDDLE-1:0][LANES-1:0] middle_keep;
  logic [TAIL-1:0] tail_valid, tail_last, tail_bad, tail_moves;
  logic [TAIL-1:0][LANES-1:0] tail_keep;

  always_comb begin
    for (int unsigned i = 0; i < FRONT; i++) begin
      front_valid[i] = front_i[i].valid;
      front_last[i]  = front_i[i].last;
      front_bad[i]   = front_i[i].bad;
      front_skip[i]  = front_i[i].skip;
      front_moves[i] = front_i[i].moves;
      front_keep[i]  = LANES'(front_i[i].keep);
    end
    for (int unsigned i = 0; i < MIDDLE; i++) begin
      middle_valid[i] = middle_i[i].valid;
      middle_last[i]  = middle_i[i].last;
      middle_bad[i]   = middle_i[i].bad;
      middle_moves[i] = middle_i[i].moves;
      middle_keep[i]  = LANES'(middle_i[i].keep);
    end
    for (int unsigned i = 0; i < TAIL; i++) begin
      tail_valid[i] = tail_i[i].valid;
      tail_last[i]  = tail_i[i].last;
      tail_bad[i]   = tail_i[i].bad;
      tail_moves[i] = tail_i[i].moves;
      tail_keep[i]  = LANES'(tail_i[i].keep);
    end
  end

  // Places, in the order of the line.
  localparam int unsigned StoreA = FRONT;
  localparam int unsigned Middle = StoreA + 1;
  localparam int unsigned StoreB = Middle + MIDDLE;
  localparam int unsigned Tail = StoreB + 1;
  localparam int unsigned AtW = $clog2(Tail + TAIL + 1);

  logic [AtW-1:0] at_q;

  assign a_pick_o = picked_i && 32'(at_q) == FRONT - 1 && front_moves[FRONT-1];
  assign b_pick_o = picked_i && 32'(at_q) == StoreB - 1 && middle_moves[MIDDLE-1];

  always_ff @(posedge clk_i) begin
    if (!picked_i) at_q <= '0;
    for (int unsigned i = 0; i < FRONT; i++) begin
      if (picked_i && 32'(at_q) == i && front_moves[i]) at_q <= AtW'(i + 1);
    end
    if (picked_i && 32'(at_q) == StoreA && a_i.leaves) at_q <= AtW'((STORES > 1) ? Middle : Tail);
    for (int unsigned i = 0; i < MIDDLE; i++) begin
      if (picked_i && 32'(at_q) == Middle + i && middle_moves[i]) at_q <= AtW'(Middle + i + 1);
    end
    if (picked_i && 32'(at_q) == StoreB && b_i.leaves) at_q <= AtW'(Tail);
    for (int unsigned i = 0; i + 1 < TAIL; i++) begin
      if (picked_i && 32'(at_q) == Tail + i && tail_moves[i]) at_q <= AtW'(Tail + i + 1);
    end
  end

  // The front, from its oldest stage on: results owed and rows, and of the row that a beat belongs
  // to the beats before it. A malformed row is known as such at its last beat at the latest.
  int unsigned front_before [FRONT];
  int unsigned front_results[FRONT];
  int unsigned front_owed, front_rows, acc;
  logic front_ok, skipped, malformed;

  always_comb begin
    acc = 32'(a_i.open);
    skipped = a_i.skipped;
    malformed = 1'b0;
    front_owed = 0;
    front_rows = 0;
    front_ok = acc <= MAX_BEATS;
    for (int unsigned n = 0; n < FRONT; n++) begin
      front_before[FRONT-1-n]  = acc;
      front_results[FRONT-1-n] = front_owed;
      if (front_valid[FRONT-1-n]) begin
        if (front_skip[FRONT-1-n] != (acc == MAX_BEATS)) front_ok = 1'b0;
        skipped   = skipped || front_skip[FRONT-1-n];
        malformed = malformed || front_bad[FRONT-1-n];
        if (front_last[FRONT-1-n]) begin
          if ((skipped || malformed) && !front_bad[FRONT-1-n]) front_ok = 1'b0;
          front_owed = front_owed + (front_bad[FRONT-1-n] ? 1 : acc + 1);
          front_rows = front_rows + 1;
          acc = 0;
          skipped = 1'b0;
          malformed = 1'b0;
        end else if (!front_skip[FRONT-1-n]) begin
          acc = acc + 1;
        end
      end
    end
    if (32'(open_i) != acc || acc > MAX_BEATS) front_ok = 1'b0;
    if ((skipped || malformed) && !bad_i) front_ok = 1'b0;
  end

  a_front :
  assert property (@(posedge clk_i) disable iff (!rst_ni) front_ok);

  // The middle: a malformed row is one beat. What has left store A of a row is here or in store B.
  int unsigned parts;
  logic middle_ok;

  always_comb begin
    parts = 32'(b_i.open);
    middle_ok = 1'b1;
    for (int unsigned n = 0; n < MIDDLE; n++) begin
      if (middle_valid[MIDDLE-1-n]) begin
        if (middle_bad[MIDDLE-1-n] && (parts != 0 || !middle_last[MIDDLE-1-n])) begin
          middle_ok = 1'b0;
        end
        parts = parts + 1;
        if (parts > MAX_BEATS) middle_ok = 1'b0;
        if (middle_last[MIDDLE-1-n]) parts = 0;
      end
    end
    if (STORES > 1 && parts != 32'(a_i.done)) middle_ok = 1'b0;
    if (b_i.skipped) middle_ok = 1'b0;
    if (STORES == 1 && (middle_valid != '0 || b_i.picked)) middle_ok = 1'b0;
  end

  a_middle :
  assert property (@(posedge clk_i) disable iff (!rst_ni) middle_ok);

  // The tail: what is not the last of its row has more behind it.
  logic torn, tail_ok, more;
  assign more = (STORES > 1) ? b_i.done != '0 : a_i.done != '0;

  always_comb begin
    torn = more;
    for (int unsigned n = 0; n < TAIL; n++) begin
      if (tail_valid[TAIL-1-n]) torn = !tail_last[TAIL-1-n];
    end
    tail_ok = torn == more && (tail_valid & tail_bad & ~tail_last) == '0;
  end

  a_tail :
  assert property (@(posedge clk_i) disable iff (!rst_ni) tail_ok);

  // Beats and rows owed are all inside, and so are the infos.
  int unsigned tail_count, b_count, middle_count;
  assign tail_count = $countones(tail_valid);
  assign b_count = 32'(b_i.beats) + 32'(b_i.open);
  assign middle_count = $countones(middle_valid);

  a_beats :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      32'(owed_i) == front_owed + 32'(a_i.beats) + middle_count + b_count + tail_count);
  a_rows :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      32'(rows_i) == front_rows + 32'(a_i.owed) + 32'(b_i.owed) +
      $countones(
      middle_valid & middle_last
  ) + $countones(
      tail_valid & tail_last
  ));
  a_infos :
  assert property (@(posedge clk_i) disable iff (!rst_ni) 32'(a_i.waiting) == $countones(
      a_info_i
  ) && 32'(b_i.waiting) == $countones(
      b_info_i
  ));

  // The picked beat. `ends` says that its row's last beat follows it in the front; if that is
  // malformed, the beat is no longer picked, but store A may not know yet (a_forgotten).
  logic ends[FRONT+1];
  logic ends_bad[FRONT+1];
  int unsigned ends_at[FRONT+1];

  always_comb begin
    for (int unsigned i = 0; i <= FRONT; i++) begin
      ends[i] = 1'b0;
      ends_bad[i] = 1'b0;
      ends_at[i] = 0;
      for (int unsigned j = 0; j < FRONT; j++) begin
        if (j < i && front_valid[j] && front_last[j]) begin
          ends[i] = 1'b1;
          ends_bad[i] = front_bad[j];
          ends_at[i] = j;
        end
      end
    end
  end

  for (genvar i = 0; i < FRONT; i++) begin : gen_front
    a_at_front :
    assert property (@(posedge clk_i) disable iff (!rst_ni) !picked_i || 32'(at_q) != i || (
        front_valid[i] && front_last[i] == last_i && (last_i || !error_i) &&
        (last_i ? front_bad[i] == error_i : !front_bad[i]) &&
        (error_i || (front_keep[i] == keep_i && !front_skip[i])) &&
        whole_i == (last_i || ends[i]) && (last_i || !ends[i] || !ends_bad[i]) &&
        32'(ahead_i) == tail_count + b_count + middle_count + 32'(a_i.beats) +
        front_results[i] + (error_i ? 0 : front_before[i])));
  end
  a_at_store :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !picked_i || 32'(at_q) != StoreA || (
      a_i.picked && a_i.last == last_i && a_i.bad == error_i && (error_i || a_keep_i == keep_i) &&
      whole_i == (a_i.whole || ends[FRONT]) && (a_i.whole || !ends[FRONT] || !ends_bad[FRONT]) &&
      32'(ahead_i) == tail_count + b_count + middle_count + 32'(a_i.ahead)));
  a_forgotten :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      !a_i.picked || (picked_i && 32'(at_q) == StoreA) ||
      (!a_i.whole && ends[FRONT] && ends_bad[FRONT] &&
      (!picked_i || 32'(at_q) < ends_at[FRONT])));
  for (genvar i = 0; i < MIDDLE; i++) begin : gen_middle
    a_at_middle :
    assert property (@(posedge clk_i) disable iff (!rst_ni)
        !picked_i || 32'(at_q) != Middle + i || (STORES > 1 &&
        middle_valid[i] && middle_last[i] == last_i && middle_bad[i] == error_i &&
        (error_i || middle_keep[i] == keep_i) && whole_i &&
        32'(ahead_i) == tail_count + b_count + $countones(
        middle_valid >> (i + 1)
    )));
  end
  a_at_second_store :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      b_i.picked == (picked_i && 32'(at_q) == StoreB) && (!b_i.picked || (
      b_i.last == last_i && b_i.bad == error_i && (error_i || b_keep_i == keep_i) && whole_i &&
      32'(ahead_i) == tail_count + 32'(b_i.ahead))));
  for (genvar i = 0; i < TAIL; i++) begin : gen_tail
    a_at_tail :
    assert property (@(posedge clk_i) disable iff (!rst_ni)
        !picked_i || 32'(at_q) != Tail + i || (
        tail_valid[i] && tail_last[i] == last_i && tail_bad[i] == error_i &&
        tail_keep[i] == keep_i && whole_i &&
        32'(ahead_i) == $countones(
        tail_valid >> (i + 1)
    )));
  end
  a_at :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      !picked_i || (32'(at_q) < Tail + TAIL && (!error_i || keep_i == '0)));

  // Cycles until the oldest row shows, at most.
  int unsigned left;

  always_comb begin
    left = TAIL + INFO_A + FRONT + 1 + ((STORES > 1) ? INFO_B + MIDDLE + MAX_BEATS + 1 : 0);
    for (int unsigned i = 0; i < FRONT; i++) begin
      if (front_valid[i] && front_last[i]) begin
        left = TAIL + INFO_A + FRONT - i + ((STORES > 1) ? INFO_B + MIDDLE + MAX_BEATS + 1 : 0);
      end
    end
    for (int unsigned i = 0; i < INFO_A; i++) begin
      if (a_info_i[i]) begin
        left = TAIL + INFO_A - i + ((STORES > 1) ? INFO_B + MIDDLE + MAX_BEATS + 1 : 0);
      end
    end
    if (a_i.infos != '0) begin
      left = TAIL + ((STORES > 1) ? INFO_B + MIDDLE + 32'(a_i.head) + 1 : 0);
    end
    if (STORES > 1) begin
      for (int unsigned i = 0; i < MIDDLE; i++) begin
        if (middle_valid[i] && middle_last[i]) left = TAIL + INFO_B + MIDDLE - i;
      end
      for (int unsigned i = 0; i < INFO_B; i++) if (b_info_i[i]) left = TAIL + INFO_B - i;
      if (b_i.infos != '0) left = TAIL;
    end
    for (int unsigned i = 0; i < TAIL; i++) if (tail_valid[i]) left = TAIL - 1 - i;
  end

  a_approaches :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      (rows_i == '0) ? wait_i == '0 : 32'(wait_i) + left <= PATIENCE);

endmodule
