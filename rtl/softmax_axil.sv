/// The softmax accelerator with its register file: the core's two streams and an AXI4-Lite port.
///
/// Wiring only. The streams pass through in no time, so cycles are those of softmax_top; in the
/// cycle of a soft reset both stand still.
module softmax_axil #(
    parameter string METHOD = "rexp",
    parameter string INDEX = "distance",
    parameter string SUM_INDEX = "nearest",
    parameter int unsigned IN_W = 16,
    parameter int unsigned F = 8,
    parameter int unsigned W = 8,
    parameter int unsigned LANES = 8,
    parameter int unsigned MAX_LEN = 1024,
    parameter int unsigned XS = 256,
    parameter int unsigned KE = 101,
    parameter bit ROW_EXP = 1'b0,
    parameter bit BASE2 = 1'b0,
    parameter bit LOADABLE = 1'b1,
    localparam int unsigned OutW = (W == 15) ? 16 : W
) (
    input  logic                                clk_i,
    input  logic                                rst_ni,
    input  logic [softmax_regs_pkg::ADDR_W-1:0] s_axil_awaddr,
    input  logic                                s_axil_awvalid,
    output logic                                s_axil_awready,
    input  logic [                        31:0] s_axil_wdata,
    input  logic [                         3:0] s_axil_wstrb,
    input  logic                                s_axil_wvalid,
    output logic                                s_axil_wready,
    output logic [                         1:0] s_axil_bresp,
    output logic                                s_axil_bvalid,
    input  logic                                s_axil_bready,
    input  logic [softmax_regs_pkg::ADDR_W-1:0] s_axil_araddr,
    input  logic                                s_axil_arvalid,
    output logic                                s_axil_arready,
    output logic [                        31:0] s_axil_rdata,
    output logic [                         1:0] s_axil_rresp,
    output logic                                s_axil_rvalid,
    input  logic                                s_axil_rready,
    input  logic                                s_axis_tvalid,
    output logic                                s_axis_tready,
    input  logic [              LANES*IN_W-1:0] s_axis_tdata,
    input  logic [                   LANES-1:0] s_axis_tkeep,
    input  logic [                   LANES-1:0] s_axis_tuser,
    input  logic                                s_axis_tlast,
    output logic                                m_axis_tvalid,
    input  logic                                m_axis_tready,
    output logic [              LANES*OutW-1:0] m_axis_tdata,
    output logic [                   LANES-1:0] m_axis_tkeep,
    output logic [     softmax_pkg::USER_W-1:0] m_axis_tuser,
    output logic                                m_axis_tlast
);

  // Every row in flight has a beat in one of two row stores or in a register between.
  localparam int unsigned Registers = 16;
  localparam int unsigned Beats = (MAX_LEN + LANES - 1) / LANES + softmax_pkg::IN_FLIGHT;
  localparam int unsigned RowsInFlight = 2 * Beats + Registers;

  logic soft_reset, core_rst_n;
  logic s_ready, m_valid;

  assign core_rst_n = rst_ni && !soft_reset;
  assign s_axis_tready = s_ready && !soft_reset;
  assign m_axis_tvalid = m_valid && !soft_reset;

  softmax_pkg::load_t load;
  softmax_pkg::events_t events;
  logic busy;
  logic [31:0] latency;

  logic write, write_error, read, read_error;
  logic [softmax_regs_pkg::ADDR_W-1:0] write_addr, read_addr;
  logic [31:0] write_data, read_data;
  logic [3:0] write_strb;

  axil_slave #(
      .ADDR_W(softmax_regs_pkg::ADDR_W)
  ) u_bus (
      .clk_i,
      .rst_ni,
      .s_axil_awaddr,
      .s_axil_awvalid,
      .s_axil_awready,
      .s_axil_wdata,
      .s_axil_wstrb,
      .s_axil_wvalid,
      .s_axil_wready,
      .s_axil_bresp,
      .s_axil_bvalid,
      .s_axil_bready,
      .s_axil_araddr,
      .s_axil_arvalid,
      .s_axil_arready,
      .s_axil_rdata,
      .s_axil_rresp,
      .s_axil_rvalid,
      .s_axil_rready,
      .write_o      (write),
      .write_addr_o (write_addr),
      .write_data_o (write_data),
      .write_strb_o (write_strb),
      .write_error_i(write_error),
      .read_o       (read),
      .read_addr_o  (read_addr),
      .read_data_i  (read_data),
      .read_error_i (read_error)
  );

  softmax_regs #(
      .METHOD(METHOD),
      .INDEX(INDEX),
      .SUM_INDEX(SUM_INDEX),
      .IN_W(IN_W),
      .F(F),
      .W(W),
      .LANES(LANES),
      .MAX_LEN(MAX_LEN),
      .XS(XS),
      .KE(KE),
      .ROW_EXP(ROW_EXP),
      .BASE2(BASE2),
      .LOADABLE(LOADABLE)
  ) u_regs (
      .clk_i,
      .rst_ni,
      .write_i      (write),
      .write_addr_i (write_addr),
      .write_data_i (write_data),
      .write_strb_i (write_strb),
      .write_error_o(write_error),
      .read_i       (read),
      .read_addr_i  (read_addr),
      .read_data_o  (read_data),
      .read_error_o (read_error),
      .event_i      (events),
      .busy_i       (busy),
      .latency_i    (latency),
      .load_o       (load),
      .soft_reset_o (soft_reset)
  );

  softmax_monitor #(
      .ROWS_IN_FLIGHT(RowsInFlight)
  ) u_monitor (
      .clk_i,
      .rst_ni   (core_rst_n),
      .s_axis_tvalid,
      .s_axis_tready,
      .s_axis_tlast,
      .m_axis_tvalid,
      .m_axis_tready,
      .m_axis_tlast,
      .error_i  (m_axis_tuser[0]),
      .event_o  (events),
      .busy_o   (busy),
      .latency_o(latency)
  );

  softmax_top #(
      .METHOD(METHOD),
      .INDEX(INDEX),
      .SUM_INDEX(SUM_INDEX),
      .IN_W(IN_W),
      .F(F),
      .W(W),
      .LANES(LANES),
      .MAX_LEN(MAX_LEN),
      .XS(XS),
      .KE(KE),
      .ROW_EXP(ROW_EXP),
      .BASE2(BASE2),
      .LOADABLE(LOADABLE)
  ) u_core (
      .clk_i,
      .rst_ni       (core_rst_n),
      .load_i       (load),
      .s_axis_tvalid,
      .s_axis_tready(s_ready),
      .s_axis_tdata,
      .s_axis_tkeep,
      .s_axis_tuser,
      .s_axis_tlast,
      .m_axis_tvalid(m_valid),
      .m_axis_tready,
      .m_axis_tdata,
      .m_axis_tkeep,
      .m_axis_tuser,
      .m_axis_tlast
  );

endmodule
