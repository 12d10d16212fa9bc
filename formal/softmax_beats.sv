/// What the core promises of every beat, judged from its pins alone.
///
/// Of all beats the solver picks one, any, of a good row, or the last of a malformed one, which
/// stands for it; `ahead_q` counts the beats that must come out before it. When none is left, what
/// is offered must be this beat: so none is lost, repeated, overtaken or mixed with another.
/// PATIENCE bounds the cycles in which a row is owed, the sink is ready, and nothing is offered.
module softmax_beats #(
    parameter int unsigned LANES = 2,
    parameter int unsigned MAX_LEN = 4,
    parameter int unsigned OUT_W = 2,
    parameter int unsigned PATIENCE = 16,
    localparam int unsigned MaxBeats = (MAX_LEN + LANES - 1) / LANES,
    localparam int unsigned CountW = 8
) (
    input logic                                      clk_i,
    input logic                                      rst_ni,
    input logic                                      pick_i,
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

  stream_hold_props #(
      .W(LANES * (OUT_W + 1) + softmax_pkg::USER_W + 1)
  ) u_hold (
      .clk_i,
      .rst_ni,
      .valid_i(m_valid_i),
      .ready_i(m_ready_i),
      .data_i ({m_data_i, m_keep_i, m_user_i, m_last_i})
  );

  logic s_fire, s_end, m_fire, bad, bad_q;
  logic [CountW-1:0] open_q, owed_q, rows_q, wait_q;
  logic started_q = 1'b0;
  logic was_reset_q;

  assign s_fire = s_valid_i && s_ready_i;
  assign m_fire = m_valid_i && m_ready_i;
  assign s_end  = s_fire && s_last_i;

  // A row is as it should be when its beats are full, but for the last, and the elements not too
  // many.
  always_comb begin
    bad = 32'(open_q) * LANES + 32'($countones(s_keep_i)) > MAX_LEN;
    bad = bad || bad_q || s_keep_i == '0 || (!s_last_i && s_keep_i != '1);
    for (int unsigned i = 1; i < LANES; i++) if (s_keep_i[i] && !s_keep_i[i-1]) bad = 1'b1;
  end

  // The picked beat: `whole_q` once its row is in, `error_q` if it stands for a malformed row.
  logic picked_q, whole_q, last_q, error_q, ours;
  logic [ LANES-1:0] keep_q;
  logic [CountW-1:0] ahead_q;

  assign ours = m_valid_i && picked_q && ahead_q == '0;

  always_ff @(posedge clk_i) begin
    started_q   <= 1'b1;
    was_reset_q <= !rst_ni;
    if (!started_q) assume (!rst_ni);
    if (!rst_ni) begin
      picked_q <= 1'b0;
      bad_q    <= 1'b0;
      open_q   <= '0;
      owed_q   <= '0;
      rows_q   <= '0;
      wait_q   <= '0;
    end else begin
      if (s_fire) begin
        bad_q <= bad && !s_last_i;
        if (s_last_i) open_q <= '0;
        else if (32'(open_q) < MaxBeats) open_q <= open_q + CountW'(1);
      end
      owed_q <= owed_q - CountW'(m_fire) +
          (s_end ? (bad ? CountW'(1) : open_q + CountW'(1)) : CountW'(0));
      rows_q <= rows_q + CountW'(s_end) - CountW'(m_fire && m_last_i);

      if (!picked_q) begin
        if (pick_i && s_fire && (s_last_i || !bad)) begin
          picked_q <= 1'b1;
          whole_q  <= s_last_i;
          last_q   <= s_last_i;
          error_q  <= bad;
          keep_q   <= bad ? '0 : s_keep_i;
          ahead_q  <= owed_q - CountW'(m_fire) + (bad ? CountW'(0) : open_q);
        end
      end else begin
        if (m_fire) ahead_q <= ahead_q - CountW'(1);
        if (s_end) whole_q <= 1'b1;
        if ((m_fire && ours) || (s_end && !whole_q && bad)) picked_q <= 1'b0;
      end

      if (m_valid_i || rows_q == '0) wait_q <= '0;
      else if (m_ready_i) wait_q <= wait_q + CountW'(1);
    end
  end

  a_quiet_after_reset :
  assert property (@(posedge clk_i) !started_q || !was_reset_q || (!m_valid_i && !s_ready_i));
  a_result_has_row :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      !m_valid_i || (rows_q != '0 && owed_q != '0));
  a_row_is_in :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !ours || whole_q);
  a_row_shape :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      !ours || (m_last_i == last_q && m_keep_i == keep_q));
  a_error_flag :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !ours || m_user_i[0] == error_q);
  a_error_beat :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      !m_valid_i || !m_user_i[0] || (m_last_i && m_keep_i == '0 && m_data_i == '0));
  a_progress :
  assert property (@(posedge clk_i) disable iff (!rst_ni) 32'(wait_q) <= PATIENCE);

endmodule
