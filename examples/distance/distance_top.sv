/// Example of a design of your own: y = M - (max - q), saturating at 0.
///
/// The ports are those of rtl/softmax_top.sv; the parameters are the five below. It borrows the
/// core's framing, row store and maximum, and adds one register: two passes over the row.
///
/// Worked value, w = 8: scores 3 and 1 (raw, F = 0) give 255 and 253.
module distance_top #(
    parameter int unsigned IN_W = 8,
    parameter int unsigned F = 4,
    parameter int unsigned W = 8,
    parameter int unsigned LANES = 8,
    parameter int unsigned MAX_LEN = 256,
    localparam int unsigned OutW = (W == 15) ? 16 : W,
    localparam int unsigned UserW = 5
) (
    input  logic                         clk_i,
    input  logic                         rst_ni,
    input  logic                         s_axis_tvalid,
    output logic                         s_axis_tready,
    input  logic [       LANES*IN_W-1:0] s_axis_tdata,
    input  logic [            LANES-1:0] s_axis_tkeep,
    input  logic [            LANES-1:0] s_axis_tuser,
    input  logic                         s_axis_tlast,
    output logic                         m_axis_tvalid,
    input  logic                         m_axis_tready,
    output logic [LANES-1:0][  OutW-1:0] m_axis_tdata,
    output logic [            LANES-1:0] m_axis_tkeep,
    output logic [            UserW-1:0] m_axis_tuser,
    output logic                         m_axis_tlast
);

  if (F >= IN_W) begin : gen_check_f
    $fatal(1, "F must be smaller than IN_W");
  end

  localparam int unsigned M = (1 << W) - 1;
  localparam int unsigned InFlight = 16;

  logic in_valid, in_ready, in_last, in_bad, in_skip;
  logic [LANES-1:0][IN_W-1:0] in_q;
  logic [LANES-1:0] in_keep, in_live;

  softmax_ingress #(
      .IN_W(IN_W),
      .LANES(LANES),
      .MAX_LEN(MAX_LEN)
  ) u_ingress (
      .clk_i,
      .rst_ni,
      .valid_i(s_axis_tvalid),
      .ready_o(s_axis_tready),
      .data_i (s_axis_tdata),
      .keep_i (s_axis_tkeep),
      .mask_i (s_axis_tuser),
      .last_i (s_axis_tlast),
      .valid_o(in_valid),
      .ready_i(in_ready),
      .q_o    (in_q),
      .keep_o (in_keep),
      .live_o (in_live),
      .last_o (in_last),
      .bad_o  (in_bad),
      .skip_o (in_skip)
  );

  logic max_valid, max_last, unused_first;
  logic [IN_W-1:0] max, unused_rise;

  softmax_max #(
      .QW(IN_W),
      .LANES(LANES)
  ) u_max (
      .clk_i,
      .rst_ni,
      .valid_i(in_valid && in_ready),
      .q_i    (in_q),
      .last_i (in_last),
      .valid_o(max_valid),
      .first_o(unused_first),
      .last_o (max_last),
      .max_o  (max),
      .rise_o (unused_rise)
  );

  logic row_valid, row_ready, row_last, row_bad;
  logic [LANES-1:0][IN_W-1:0] row_q;
  logic [LANES-1:0] row_keep, row_live;
  logic [IN_W-1:0] row_max;

  row_store #(
      .DATA_W(LANES * (IN_W + 2)),
      .INFO_W(IN_W),
      .DEPTH ((MAX_LEN + LANES - 1) / LANES + InFlight)
  ) u_store (
      .clk_i,
      .rst_ni,
      .push_valid_i(in_valid),
      .push_ready_o(in_ready),
      .push_data_i ({in_q, in_keep, in_live}),
      .push_last_i (in_last),
      .push_bad_i  (in_bad),
      .push_skip_i (in_skip),
      .info_valid_i(max_valid && max_last),
      .info_i      (max),
      .pop_valid_o (row_valid),
      .pop_ready_i (row_ready),
      .pop_data_o  ({row_q, row_keep, row_live}),
      .pop_info_o  (row_max),
      .pop_last_o  (row_last),
      .pop_bad_o   (row_bad)
  );

  logic [LANES-1:0][OutW-1:0] y;

  always_comb begin
    for (int unsigned i = 0; i < LANES; i++) begin
      y[i] = '0;
      if (row_live[i] && !row_bad && 32'(row_max - row_q[i]) < M)
        y[i] = OutW'(M - 32'(row_max - row_q[i]));
    end
  end

  logic error;

  stream_reg #(
      .W(LANES * (OutW + 1) + 2)
  ) u_out (
      .clk_i,
      .rst_ni,
      .valid_i(row_valid),
      .ready_o(row_ready),
      .data_i ({y, row_bad ? LANES'(0) : row_keep, row_last, row_bad}),
      .valid_o(m_axis_tvalid),
      .ready_i(m_axis_tready),
      .data_o ({m_axis_tdata, m_axis_tkeep, m_axis_tlast, error})
  );

  assign m_axis_tuser = {4'd0, error};

endmodule
