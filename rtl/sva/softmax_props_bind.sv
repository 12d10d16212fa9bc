/// Binds what the core promises of rows into it, whatever its configuration.
bind softmax_top softmax_row_props #(
    .LANES  (LANES),
    .OUT_W  (OutW),
    .MAX_LEN(MAX_LEN)
) u_row_props (
    .clk_i,
    .rst_ni,
    .s_valid_i(s_axis_tvalid),
    .s_ready_i(s_axis_tready),
    .s_keep_i (s_axis_tkeep),
    .s_last_i (s_axis_tlast),
    .m_valid_i(m_axis_tvalid),
    .m_ready_i(m_axis_tready),
    .m_data_i (m_axis_tdata),
    .m_keep_i (m_axis_tkeep),
    .m_user_i (m_axis_tuser),
    .m_last_i (m_axis_tlast)
);
