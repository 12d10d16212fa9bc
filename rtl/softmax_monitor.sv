/// Watches both streams: what to count, whether a row is in flight, how long the last one took.
///
/// The cycle in which a row's first beat came in waits in a FIFO until its last beat leaves, so
/// the latency is exact with any number of rows in flight. A row is in flight from the cycle of
/// its first input beat to that of its last output beat, both included.
///
/// Worked value: beats in at cycles 4 to 11, out at 27 to 34: latency 30.
///
/// Latency: `busy_o` and `event_o` 0 cycles, `latency_o` 1.
module softmax_monitor #(
    parameter int unsigned ROWS_IN_FLIGHT = 304
) (
    input  logic                        clk_i,
    input  logic                        rst_ni,
    input  logic                        s_axis_tvalid,
    input  logic                        s_axis_tready,
    input  logic                        s_axis_tlast,
    input  logic                        m_axis_tvalid,
    input  logic                        m_axis_tready,
    input  logic                        m_axis_tlast,
    input  logic                        error_i,
    output softmax_pkg::events_t        event_o,
    output logic                        busy_o,
    output logic                 [31:0] latency_o
);

  logic [31:0] now_q, start;
  logic first_q, starts, ends;

  logic beat_in, beat_out;

  assign beat_in = s_axis_tvalid && s_axis_tready;
  assign beat_out = m_axis_tvalid && m_axis_tready;
  assign starts = beat_in && first_q;
  assign ends = beat_out && m_axis_tlast;

  assign event_o = '{
          row: ends,
          error: ends && error_i,
          beat_in: beat_in,
          beat_out: beat_out,
          stall_in: s_axis_tvalid && !s_axis_tready,
          stall_out: m_axis_tvalid && !m_axis_tready
      };

  fall_through_fifo #(
      .W(32),
      .DEPTH(ROWS_IN_FLIGHT)
  ) u_starts (
      .clk_i,
      .rst_ni,
      .push_i (starts),
      .data_i (now_q),
      .valid_o(busy_o),
      .data_o (start),
      .pop_i  (ends)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      now_q <= '0;
      first_q <= 1'b1;
      latency_o <= softmax_regs_pkg::LATENCY_RESET;
    end else begin
      now_q <= now_q + 32'd1;
      if (beat_in) first_q <= s_axis_tlast;
      if (ends) latency_o <= now_q - start;
    end
  end

endmodule
