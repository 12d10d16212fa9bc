/// The AXI4-Lite side of a register file: five channels in, one write and one read strobe out.
///
/// `write_o` and `read_o` are high for one cycle an access; whoever decodes the address answers in
/// that very cycle with data and whether it refuses (SLVERR). Addresses are of words: the two low
/// bits say nothing that the strobes do not say better. One access at a time in each direction, so
/// nothing can be overtaken; a full-rate slave needs a skid buffer a channel, which no register
/// file is worth.
///
/// Latency: a response 2 cycles after address and data are there; one access in 2 cycles.
module axil_slave #(
    parameter int unsigned ADDR_W = 12
) (
    input  logic              clk_i,
    input  logic              rst_ni,
    input  logic [ADDR_W-1:0] s_axil_awaddr,
    input  logic              s_axil_awvalid,
    output logic              s_axil_awready,
    input  logic [      31:0] s_axil_wdata,
    input  logic [       3:0] s_axil_wstrb,
    input  logic              s_axil_wvalid,
    output logic              s_axil_wready,
    output logic [       1:0] s_axil_bresp,
    output logic              s_axil_bvalid,
    input  logic              s_axil_bready,
    input  logic [ADDR_W-1:0] s_axil_araddr,
    input  logic              s_axil_arvalid,
    output logic              s_axil_arready,
    output logic [      31:0] s_axil_rdata,
    output logic [       1:0] s_axil_rresp,
    output logic              s_axil_rvalid,
    input  logic              s_axil_rready,
    output logic              write_o,
    output logic [ADDR_W-1:0] write_addr_o,
    output logic [      31:0] write_data_o,
    output logic [       3:0] write_strb_o,
    input  logic              write_error_i,
    output logic              read_o,
    output logic [ADDR_W-1:0] read_addr_o,
    input  logic [      31:0] read_data_i,
    input  logic              read_error_i
);

  typedef enum logic [1:0] {
    OKAY   = 2'b00,
    SLVERR = 2'b10
  } resp_e;

  if (ADDR_W < 3) begin : gen_check_addr_w
    $fatal(1, "ADDR_W must be 3 at least: one word needs no bus");
  end

  // Registered ready: high for one cycle, in which the access happens.
  logic write_q, read_q;

  assign s_axil_awready = write_q;
  assign s_axil_wready = write_q;
  assign s_axil_arready = read_q;

  assign write_o = write_q;
  assign write_addr_o = {s_axil_awaddr[ADDR_W-1:2], 2'b00};
  assign write_data_o = s_axil_wdata;
  assign write_strb_o = s_axil_wstrb;
  assign read_o = read_q;
  assign read_addr_o = {s_axil_araddr[ADDR_W-1:2], 2'b00};

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      write_q <= 1'b0;
      read_q <= 1'b0;
      s_axil_bvalid <= 1'b0;
      s_axil_rvalid <= 1'b0;
    end else begin
      write_q <= !write_q && s_axil_awvalid && s_axil_wvalid && (!s_axil_bvalid || s_axil_bready);
      read_q  <= !read_q && s_axil_arvalid && (!s_axil_rvalid || s_axil_rready);
      if (write_q) s_axil_bvalid <= 1'b1;
      else if (s_axil_bready) s_axil_bvalid <= 1'b0;
      if (read_q) s_axil_rvalid <= 1'b1;
      else if (s_axil_rready) s_axil_rvalid <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (write_q) s_axil_bresp <= write_error_i ? SLVERR : OKAY;
    if (read_q) begin
      s_axil_rresp <= read_error_i ? SLVERR : OKAY;
      s_axil_rdata <= read_error_i ? '0 : read_data_i;
    end
  end

  logic [3:0] unused_low;
  assign unused_low = {s_axil_awaddr[1:0], s_axil_araddr[1:0]};

  a_write_has_address :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !write_q || s_axil_awvalid);
  a_write_has_data :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !write_q || s_axil_wvalid);
  a_read_has_address :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !read_q || s_axil_arvalid);

endmodule
