/// Binds what AXI4-Stream asks of both streams into the core, or into the wrapper of another design.
bind softmax_top stream_hold_props #(
    .W(LANES * (IN_W + 2) + 1)
) u_s_axis_props (
    .clk_i,
    .rst_ni,
    .valid_i(s_axis_tvalid),
    .ready_i(s_axis_tready),
    .data_i ({s_axis_tdata, s_axis_tkeep, s_axis_tuser, s_axis_tlast})
);

bind softmax_top stream_hold_props #(
    .W(LANES * (OutW + 1) + $bits(m_axis_tuser) + 1)
) u_m_axis_props (
    .clk_i,
    .rst_ni,
    .valid_i(m_axis_tvalid),
    .ready_i(m_axis_tready),
    .data_i ({m_axis_tdata, m_axis_tkeep, m_axis_tuser, m_axis_tlast})
);
