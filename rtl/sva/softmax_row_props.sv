/// What the core promises of rows: each comes out once, whole, in order, and in time.
///
/// Every row that goes in is judged by its framing alone and noted in a queue: how many beats,
/// which lanes of the last one, malformed or not. What comes out must be the oldest note. So a
/// row that is lost, repeated, overtaken or mixed with another shows as a wrong shape, as a result
/// without a row, or as a result that does not come.
///
/// PATIENCE bounds the cycles in which a result is owed, the sink is ready, and nothing is
/// offered: the longest row is read twice at most before its first beat leaves.
module softmax_row_props #(
    parameter int unsigned LANES = 8,
    parameter int unsigned OUT_W = 8,
    parameter int unsigned MAX_LEN = 1024,
    localparam int unsigned MaxBeats = (MAX_LEN + LANES - 1) / LANES,
    parameter int unsigned ROWS = 2 * MaxBeats + 64,
    parameter int unsigned PATIENCE = 2 * MaxBeats + 32
) (
    input logic                                      clk_i,
    input logic                                      rst_ni,
    input logic                                      s_valid_i,
    input logic                                      s_ready_i,
    input logic [              LANES-1:0]            s_keep_i,
    input logic                                      s_last_i,
    input logic                                      m_valid_i,
    input logic                                      m_ready_i,
    input logic [              LANES-1:0][OUT_W-1:0] m_data_i,
    input logic [              LANES-1:0]            m_keep_i,
    input logic [softmax_pkg::USER_W-1:0]            m_user_i,
    input logic                                      m_last_i
);

  localparam int unsigned BeatW = $clog2(MaxBeats + 1);
  localparam int unsigned RowW = $clog2(ROWS);
  localparam int unsigned WaitW = $clog2(PATIENCE + 2);
  localparam int unsigned LengthW = $clog2(MAX_LEN + LANES + 1);

  typedef struct packed {
    logic             bad;
    logic [BeatW-1:0] beats;
    logic [LANES-1:0] keep;
  } note_t;

  // Rows going in.
  logic s_fire, m_fire, bad, bad_q;
  logic [BeatW-1:0] in_beats, in_beats_q;
  logic [LengthW-1:0] length, length_q;

  assign s_fire   = s_valid_i && s_ready_i;
  assign m_fire   = m_valid_i && m_ready_i;
  assign in_beats = in_beats_q + BeatW'(1);

  always_comb begin
    length = length_q;
    for (int unsigned i = 0; i < LANES; i++) length = length + LengthW'(s_keep_i[i]);
    bad = bad_q || 32'(length) > MAX_LEN || s_keep_i == '0;
    for (int unsigned i = 1; i < LANES; i++) bad = bad || (s_keep_i[i] && !s_keep_i[i-1]);
    bad = bad || (!s_last_i && s_keep_i != '1);
  end

  // Rows owed, oldest at `out_row_q`.
  note_t note [ROWS];
  note_t head;
  logic [RowW-1:0] in_row_q, out_row_q;
  logic [RowW:0] owed_q;
  logic [BeatW-1:0] out_beats_q;
  logic [WaitW-1:0] wait_q;
  logic [softmax_pkg::USER_W-1:0] status_q;
  logic was_reset_q = 1'b0;

  function automatic logic [RowW-1:0] next(logic [RowW-1:0] row);
    return (row == RowW'(ROWS - 1)) ? '0 : row + RowW'(1);
  endfunction

  assign head = note[out_row_q];

  always_ff @(posedge clk_i) begin
    was_reset_q <= !rst_ni;
    if (m_fire) status_q <= m_user_i;
    if (s_fire && s_last_i) note[in_row_q] <= '{bad: bad, beats: in_beats, keep: s_keep_i};
    if (!rst_ni) begin
      in_beats_q  <= '0;
      length_q    <= '0;
      bad_q       <= 1'b0;
      in_row_q    <= '0;
      out_row_q   <= '0;
      owed_q      <= '0;
      out_beats_q <= '0;
      wait_q      <= '0;
    end else begin
      if (s_fire) begin
        // Once a row is bad, only that counts.
        in_beats_q <= s_last_i ? '0 : (bad ? in_beats_q : in_beats);
        length_q   <= s_last_i ? '0 : (bad ? length_q : length);
        bad_q      <= bad && !s_last_i;
        if (s_last_i) in_row_q <= next(in_row_q);
      end
      if (m_fire) begin
        out_beats_q <= m_last_i ? '0 : out_beats_q + BeatW'(1);
        if (m_last_i) out_row_q <= next(out_row_q);
      end
      owed_q <= owed_q + (RowW + 1)'(s_fire && s_last_i) - (RowW + 1)'(m_fire && m_last_i);
      if (m_valid_i || owed_q == '0) wait_q <= '0;
      else if (m_ready_i) wait_q <= wait_q + WaitW'(1);
    end
  end

  logic good, ends;
  assign good = m_valid_i && owed_q != '0 && !head.bad;
  assign ends = out_beats_q + BeatW'(1) == head.beats;

  logic unkept_zero;
  always_comb begin
    unkept_zero = 1'b1;
    for (int unsigned i = 0; i < LANES; i++) begin
      if (!m_keep_i[i] && m_data_i[i] != '0) unkept_zero = 1'b0;
    end
  end

  // The queue of this checker is long enough.
  a_rows_fit :
  assert property (@(posedge clk_i) disable iff (!rst_ni) 32'(owed_q) <= ROWS);
  // Both ports are quiet the cycle after one in reset.
  a_quiet_after_reset :
  assert property (@(posedge clk_i) !was_reset_q || (!m_valid_i && !s_ready_i));
  // Nothing comes out before its row is in.
  a_result_has_row :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !m_valid_i || owed_q != '0);
  // A good row has the beats and lanes it came with.
  a_row_shape :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      !good || (m_last_i == ends && m_keep_i == (ends ? head.keep : LANES'('1))));
  // A malformed row is one beat without an element, and no other row is in error.
  a_error_flag :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      !m_valid_i || owed_q == '0 || m_user_i[0] == head.bad);
  a_error_beat :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      !m_valid_i || !m_user_i[0] || (m_last_i && m_keep_i == '0 && m_data_i == '0));
  // The status is the row's, not the beat's.
  a_status_holds :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      !m_valid_i || out_beats_q == '0 || m_user_i == status_q);
  a_unkept_zero :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !m_valid_i || unkept_zero);
  // A ready sink is served.
  a_progress :
  assert property (@(posedge clk_i) disable iff (!rst_ni) 32'(wait_q) <= PATIENCE);

endmodule
