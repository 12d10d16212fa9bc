/// Proof of axil_slave: each request acts once and is answered once, whoever waits for whom.
///
/// Of the master it is assumed that what it offers stays until it is taken, which AXI4-Lite asks of
/// it, and of whoever decodes nothing. As a request is never taken before the answer to the one
/// before has been fetched, answers cannot change places.
module axil_slave_proof #(
    parameter int unsigned ADDR_W = 4
) (
    input logic              clk_i,
    input logic              rst_ni,
    input logic [ADDR_W-1:0] awaddr_i,
    input logic              awvalid_i,
    input logic [      31:0] wdata_i,
    input logic [       3:0] wstrb_i,
    input logic              wvalid_i,
    input logic              bready_i,
    input logic [ADDR_W-1:0] araddr_i,
    input logic              arvalid_i,
    input logic              rready_i,
    input logic              write_error_i,
    input logic [      31:0] read_data_i,
    input logic              read_error_i
);

  localparam logic [1:0] Okay = 2'b00;
  localparam logic [1:0] Slverr = 2'b10;

  logic awready, wready, bvalid, arready, rvalid, write, read;
  logic [1:0] bresp, rresp;
  logic [31:0] rdata, write_data;
  logic [3:0] write_strb;
  logic [ADDR_W-1:0] write_addr, read_addr;

  axil_slave #(
      .ADDR_W(ADDR_W)
  ) u_bus (
      .clk_i,
      .rst_ni,
      .s_axil_awaddr (awaddr_i),
      .s_axil_awvalid(awvalid_i),
      .s_axil_awready(awready),
      .s_axil_wdata  (wdata_i),
      .s_axil_wstrb  (wstrb_i),
      .s_axil_wvalid (wvalid_i),
      .s_axil_wready (wready),
      .s_axil_bresp  (bresp),
      .s_axil_bvalid (bvalid),
      .s_axil_bready (bready_i),
      .s_axil_araddr (araddr_i),
      .s_axil_arvalid(arvalid_i),
      .s_axil_arready(arready),
      .s_axil_rdata  (rdata),
      .s_axil_rresp  (rresp),
      .s_axil_rvalid (rvalid),
      .s_axil_rready (rready_i),
      .write_o       (write),
      .write_addr_o  (write_addr),
      .write_data_o  (write_data),
      .write_strb_o  (write_strb),
      .write_error_i,
      .read_o        (read),
      .read_addr_o   (read_addr),
      .read_data_i,
      .read_error_i
  );

  stream_hold_props #(
      .W(2)
  ) u_b_props (
      .clk_i,
      .rst_ni,
      .valid_i(bvalid),
      .ready_i(bready_i),
      .data_i (bresp)
  );

  stream_hold_props #(
      .W(34)
  ) u_r_props (
      .clk_i,
      .rst_ni,
      .valid_i(rvalid),
      .ready_i(rready_i),
      .data_i ({rresp, rdata})
  );

  // What the master keeps while it waits.
  logic started_q = 1'b0;
  logic aw_waits_q, w_waits_q, ar_waits_q;
  logic [ADDR_W-1:0] awaddr_q, araddr_q;
  logic [31:0] wdata_q;
  logic [ 3:0] wstrb_q;

  always_ff @(posedge clk_i) begin
    started_q  <= 1'b1;
    aw_waits_q <= rst_ni && awvalid_i && !awready;
    w_waits_q  <= rst_ni && wvalid_i && !wready;
    ar_waits_q <= rst_ni && arvalid_i && !arready;
    awaddr_q   <= awaddr_i;
    wdata_q    <= wdata_i;
    wstrb_q    <= wstrb_i;
    araddr_q   <= araddr_i;
    if (!started_q) assume (!rst_ni);
    if (rst_ni && aw_waits_q) assume (awvalid_i && awaddr_i == awaddr_q);
    if (rst_ni && w_waits_q) assume (wvalid_i && wdata_i == wdata_q && wstrb_i == wstrb_q);
    if (rst_ni && ar_waits_q) assume (arvalid_i && araddr_i == araddr_q);
  end

  // Requests that were taken and whose answer has not been fetched, and what it must be; whether
  // a request could have been taken in the cycle before.
  logic [1:0] aw_owed_q, w_owed_q, r_owed_q;
  logic [1:0] bresp_q, rresp_q;
  logic [31:0] rdata_q;
  logic quiet_q, write_waits_q, read_waits_q;
  logic b_fetched, r_fetched;

  assign b_fetched = bvalid && bready_i;
  assign r_fetched = rvalid && rready_i;

  always_ff @(posedge clk_i) begin
    quiet_q <= !rst_ni;
    write_waits_q <= rst_ni && awvalid_i && wvalid_i && (!bvalid || bready_i) && !write;
    read_waits_q <= rst_ni && arvalid_i && (!rvalid || rready_i) && !read;
    if (write) bresp_q <= write_error_i ? Slverr : Okay;
    if (read) begin
      rresp_q <= read_error_i ? Slverr : Okay;
      rdata_q <= read_error_i ? '0 : read_data_i;
    end
    if (!rst_ni) begin
      aw_owed_q <= '0;
      w_owed_q  <= '0;
      r_owed_q  <= '0;
    end else begin
      aw_owed_q <= aw_owed_q + 2'(awvalid_i && awready) - 2'(b_fetched);
      w_owed_q  <= w_owed_q + 2'(wvalid_i && wready) - 2'(b_fetched);
      r_owed_q  <= r_owed_q + 2'(arvalid_i && arready) - 2'(r_fetched);
    end
  end

  // A write acts when address and data are taken, a read when its address is, and then alone.
  a_write_once :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      write == (awvalid_i && awready) && write == (wvalid_i && wready));
  a_read_once :
  assert property (@(posedge clk_i) disable iff (!rst_ni) read == (arvalid_i && arready));
  a_write_means :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      !write || (write_addr == {awaddr_i[ADDR_W-1:2], 2'b00} && write_data == wdata_i &&
      write_strb == wstrb_i));
  a_read_means :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      !read || read_addr == {araddr_i[ADDR_W-1:2], 2'b00});

  // As many answers as requests, each in the cycle after its request is taken, and the right one.
  a_one_write :
  assert property (@(posedge clk_i) disable iff (!rst_ni) aw_owed_q <= 2'd1 && w_owed_q <= 2'd1);
  a_one_read :
  assert property (@(posedge clk_i) disable iff (!rst_ni) r_owed_q <= 2'd1);
  a_b_has_request :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      !bvalid || (aw_owed_q != '0 && w_owed_q != '0));
  a_r_has_request :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !rvalid || r_owed_q != '0);
  a_b_comes :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      bvalid || (aw_owed_q == '0 && w_owed_q == '0));
  a_r_comes :
  assert property (@(posedge clk_i) disable iff (!rst_ni) rvalid || r_owed_q == '0);
  a_b_answer :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !bvalid || bresp == bresp_q);
  a_r_answer :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      !rvalid || (rresp == rresp_q && rdata == rdata_q));

  // A request is taken in the cycle after it and room for its answer are there, whatever goes on
  // in the other direction.
  a_write_taken :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !write_waits_q || write);
  a_read_taken :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !read_waits_q || read);

  a_quiet_after_reset :
  assert property (@(posedge clk_i)
      !started_q || !quiet_q ||
      !(awready || wready || arready || bvalid || rvalid || write || read));

  // What can happen, or the above would say nothing of it.
  logic aw_first_q, w_first_q, b_late_q, r_late_q, wrote_q, wrote_before_q, read_q, read_before_q;

  always_ff @(posedge clk_i) begin
    wrote_q <= rst_ni && write;
    wrote_before_q <= rst_ni && wrote_q;
    read_q <= rst_ni && read;
    read_before_q <= rst_ni && read_q;
    if (!rst_ni || write) begin
      aw_first_q <= 1'b0;
      w_first_q  <= 1'b0;
      b_late_q   <= 1'b0;
    end else begin
      if (awvalid_i && !wvalid_i) aw_first_q <= 1'b1;
      if (wvalid_i && !awvalid_i) w_first_q <= 1'b1;
      if (awvalid_i && wvalid_i && bvalid && !bready_i) b_late_q <= 1'b1;
    end
    if (!rst_ni || read) r_late_q <= 1'b0;
    else if (arvalid_i && rvalid && !rready_i) r_late_q <= 1'b1;
  end

  c_address_first :
  cover property (@(posedge clk_i) disable iff (!rst_ni) write && aw_first_q && !w_first_q);
  c_data_first :
  cover property (@(posedge clk_i) disable iff (!rst_ni) write && w_first_q && !aw_first_q);
  c_together :
  cover property (@(posedge clk_i) disable iff (!rst_ni) write && !w_first_q && !aw_first_q);
  c_write_and_read :
  cover property (@(posedge clk_i) disable iff (!rst_ni) write && read);
  c_both_answered :
  cover property (@(posedge clk_i) disable iff (!rst_ni) b_fetched && r_fetched);
  c_write_before_b :
  cover property (@(posedge clk_i) disable iff (!rst_ni) write && b_late_q);
  c_read_before_r :
  cover property (@(posedge clk_i) disable iff (!rst_ni) read && r_late_q);
  c_write_in_two_cycles :
  cover property (@(posedge clk_i) disable iff (!rst_ni) write && wrote_before_q);
  c_read_in_two_cycles :
  cover property (@(posedge clk_i) disable iff (!rst_ni) read && read_before_q);
  c_no_strobe :
  cover property (@(posedge clk_i) disable iff (!rst_ni) write && wstrb_i == '0);
  c_write_refused :
  cover property (@(posedge clk_i) disable iff (!rst_ni) b_fetched && bresp == Slverr);
  c_read_refused :
  cover property (@(posedge clk_i) disable iff (!rst_ni) r_fetched && rresp == Slverr);
  c_reset_in_flight :
  cover property (@(posedge clk_i) started_q && !rst_ni && wrote_q && read_q);

endmodule
