/// The register file: identity, parameters, counters, faults, soft reset, loading of tables.
///
/// Its map is rtl/registers.toml (docs/registers.md). What cannot be done is answered with SLVERR,
/// and changes nothing but FAULTS and REFUSED.
///
/// A soft reset takes one cycle, behind that of its write: `soft_reset_o` clears the core, the
/// tables, and here everything that counts; the bus and SCRATCH go on.
///
/// Latency: as axil_slave; a table entry is written 2 cycles after its write was taken.
module softmax_regs #(
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
    parameter bit LOADABLE = 1'b1,
    localparam int unsigned AddrW = softmax_regs_pkg::ADDR_W
) (
    input  logic                             clk_i,
    input  logic                             rst_ni,
    input  logic                 [AddrW-1:0] s_axil_awaddr,
    input  logic                             s_axil_awvalid,
    output logic                             s_axil_awready,
    input  logic                 [     31:0] s_axil_wdata,
    input  logic                 [      3:0] s_axil_wstrb,
    input  logic                             s_axil_wvalid,
    output logic                             s_axil_wready,
    output logic                 [      1:0] s_axil_bresp,
    output logic                             s_axil_bvalid,
    input  logic                             s_axil_bready,
    input  logic                 [AddrW-1:0] s_axil_araddr,
    input  logic                             s_axil_arvalid,
    output logic                             s_axil_arready,
    output logic                 [     31:0] s_axil_rdata,
    output logic                 [      1:0] s_axil_rresp,
    output logic                             s_axil_rvalid,
    input  logic                             s_axil_rready,
    input  softmax_pkg::events_t             event_i,
    input  logic                             busy_i,
    input  logic                 [     31:0] latency_i,
    output softmax_pkg::load_t               load_o,
    output logic                             soft_reset_o
);

  import softmax_regs_pkg::FAULTS_ACCESS_LSB;
  import softmax_regs_pkg::FAULTS_BUSY_LSB;
  import softmax_regs_pkg::FAULTS_VALUE_LSB;

  logic write, write_error, read, read_error;
  logic [AddrW-1:0] write_addr, read_addr;
  logic [31:0] write_data, write_mask, read_data;
  logic [3:0] write_strb;

  axil_slave #(
      .ADDR_W(AddrW)
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

  always_comb begin
    for (int unsigned i = 0; i < 4; i++) write_mask[8*i+:8] = {8{write_strb[i]}};
  end

  // The parameters, as the registers show them; the tables of `split` do not depend on the scale
  // of the scores and are not loaded.
  localparam bit Loadable = LOADABLE && METHOD != "split";
  localparam logic [31:0] MethodCode =
      (METHOD == "split") ? 32'(softmax_regs_pkg::METHOD_METHOD_SPLIT)
    : (METHOD == "lut2d") ? 32'(softmax_regs_pkg::METHOD_METHOD_LUT2D)
    : 32'(softmax_regs_pkg::METHOD_METHOD_REXP);
  localparam logic [31:0] IndexCode =
      (INDEX == "msb") ? 32'(softmax_regs_pkg::METHOD_INDEX_MSB)
    : 32'(softmax_regs_pkg::METHOD_INDEX_DISTANCE);
  localparam logic [31:0] SumIndexCode =
      (SUM_INDEX == "floor") ? 32'(softmax_regs_pkg::METHOD_SUM_INDEX_FLOOR)
    : 32'(softmax_regs_pkg::METHOD_SUM_INDEX_NEAREST);
  localparam logic [31:0] Method =
      (MethodCode << softmax_regs_pkg::METHOD_METHOD_LSB)
    | (IndexCode << softmax_regs_pkg::METHOD_INDEX_LSB)
    | (SumIndexCode << softmax_regs_pkg::METHOD_SUM_INDEX_LSB)
    | (32'(ROW_EXP) << softmax_regs_pkg::METHOD_ROW_EXP_LSB)
    | (32'(Loadable) << softmax_regs_pkg::METHOD_LOADABLE_LSB);
  localparam logic [31:0] Format =
      (32'(IN_W) << softmax_regs_pkg::FORMAT_IN_W_LSB)
    | (32'(F) << softmax_regs_pkg::FORMAT_F_LSB)
    | (32'(W) << softmax_regs_pkg::FORMAT_W_LSB)
    | (32'(LANES) << softmax_regs_pkg::FORMAT_LANES_LSB);
  localparam logic [31:0] Tables =
      (32'(XS) << softmax_regs_pkg::TABLES_XS_LSB)
    | (32'(KE) << softmax_regs_pkg::TABLES_KE_LSB);

  // Counters: what each adds this cycle.
  localparam int unsigned Counters = 7;
  localparam logic [Counters-1:0][AddrW-1:0] CounterAddr = {
    softmax_regs_pkg::REFUSED,
    softmax_regs_pkg::STALLS_OUT,
    softmax_regs_pkg::STALLS_IN,
    softmax_regs_pkg::BEATS_OUT,
    softmax_regs_pkg::BEATS_IN,
    softmax_regs_pkg::ERRORS,
    softmax_regs_pkg::ROWS
  };
  logic [Counters-1:0][31:0] count_q;
  logic [Counters-1:0][1:0] add;
  logic [Counters-1:0] write_count;

  assign add[0] = 2'(event_i.row);
  assign add[1] = 2'(event_i.error);
  assign add[2] = 2'(event_i.beat_in);
  assign add[3] = 2'(event_i.beat_out);
  assign add[4] = 2'(event_i.stall_in);
  assign add[5] = 2'(event_i.stall_out);
  assign add[6] = 2'(write && write_error) + 2'(read && read_error);

  always_comb begin
    for (int unsigned i = 0; i < Counters; i++) write_count[i] = write_addr == CounterAddr[i];
  end

  // Writing: a register, a counter, a table's entry, or nothing that can be written.
  logic write_scratch, write_faults, write_control, no_register;
  logic no_entry, refused_busy, refused_value;
  softmax_pkg::load_t load;

  assign write_scratch = write_addr == softmax_regs_pkg::SCRATCH;
  assign write_faults  = write_addr == softmax_regs_pkg::FAULTS;
  assign write_control = write_addr == softmax_regs_pkg::CONTROL;
  assign no_register   = !write_scratch && !write_faults && !write_control && write_count == '0;

  softmax_load #(
      .METHOD(METHOD),
      .W(W),
      .XS(XS),
      .KE(KE),
      .LOADABLE(LOADABLE)
  ) u_load (
      .valid_i        (write),
      .addr_i         (write_addr),
      .data_i         (write_data),
      .strb_i         (write_strb),
      .busy_i,
      .load_o         (load),
      .refused_busy_o (refused_busy),
      .refused_value_o(refused_value),
      .no_entry_o     (no_entry)
  );

  assign write_error = (no_register && no_entry) || refused_busy || refused_value;

  logic [31:0] scratch_q, faults_d, faults_q;

  // Reading.
  always_comb begin
    read_error = 1'b0;
    read_data  = '0;
    case (read_addr)
      softmax_regs_pkg::ID: read_data = softmax_regs_pkg::ID_RESET;
      softmax_regs_pkg::VERSION: read_data = softmax_regs_pkg::VERSION_RESET;
      softmax_regs_pkg::METHOD: read_data = Method;
      softmax_regs_pkg::FORMAT: read_data = Format;
      softmax_regs_pkg::MAX_LEN: read_data = 32'(MAX_LEN);
      softmax_regs_pkg::TABLES: read_data = Tables;
      softmax_regs_pkg::CONTROL: read_data = '0;
      softmax_regs_pkg::STATUS: read_data = 32'(busy_i) << softmax_regs_pkg::STATUS_BUSY_LSB;
      softmax_regs_pkg::FAULTS: read_data = faults_q;
      softmax_regs_pkg::SCRATCH: read_data = scratch_q;
      softmax_regs_pkg::LATENCY: read_data = latency_i;
      default: begin
        read_error = 1'b1;
        for (int unsigned i = 0; i < Counters; i++) begin
          if (read_addr == CounterAddr[i]) begin
            read_error = 1'b0;
            read_data  = count_q[i];
          end
        end
      end
    endcase
  end

  always_comb begin
    faults_d = faults_q;
    if (write && write_faults) faults_d = faults_d & ~(write_data & write_mask);
    if (write && no_register && no_entry) faults_d[FAULTS_ACCESS_LSB] = 1'b1;
    if (read && read_error) faults_d[FAULTS_ACCESS_LSB] = 1'b1;
    if (refused_busy) faults_d[FAULTS_BUSY_LSB] = 1'b1;
    if (refused_value) faults_d[FAULTS_VALUE_LSB] = 1'b1;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || soft_reset_o) begin
      count_q  <= '0;
      faults_q <= softmax_regs_pkg::FAULTS_RESET;
    end else begin
      faults_q <= faults_d;
      for (int unsigned i = 0; i < Counters; i++) begin
        count_q[i] <= ((write && write_count[i] && write_strb != '0) ? '0 : count_q[i])
            + 32'(add[i]);
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      scratch_q <= softmax_regs_pkg::SCRATCH_RESET;
      soft_reset_o <= 1'b0;
      load_o.valid <= 1'b0;
    end else begin
      if (write && write_scratch) begin
        scratch_q <= (scratch_q & ~write_mask) | (write_data & write_mask);
      end
      soft_reset_o <= write && write_control
          && (write_data[softmax_regs_pkg::CONTROL_SOFT_RESET_LSB] && write_strb[0]);
      load_o.valid <= load.valid;
    end
  end

  always_ff @(posedge clk_i) begin
    load_o.which <= load.which;
    load_o.entry <= load.entry;
    load_o.data  <= load.data;
  end

endmodule
