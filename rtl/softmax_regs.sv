/// The register file: identity, parameters, counters, faults, soft reset, loading of tables.
///
/// Its map is rtl/registers.toml (docs/registers.md). What cannot be done is answered with SLVERR,
/// and changes nothing but FAULTS and REFUSED.
///
/// A soft reset takes one cycle, behind that of its write: `soft_reset_o` clears the core, the
/// tables, and here everything that counts; the bus and SCRATCH go on.
///
/// Latency: an access is answered in its cycle; `load_o` and `soft_reset_o` follow a write by 1 cycle.
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
    parameter bit BASE2 = 1'b0,
    parameter bit LOADABLE = 1'b1,
    localparam int unsigned AddrW = softmax_regs_pkg::ADDR_W
) (
    input  logic                             clk_i,
    input  logic                             rst_ni,
    input  logic                             write_i,
    input  logic                 [AddrW-1:0] write_addr_i,
    input  logic                 [     31:0] write_data_i,
    input  logic                 [      3:0] write_strb_i,
    output logic                             write_error_o,
    input  logic                             read_i,
    input  logic                 [AddrW-1:0] read_addr_i,
    output logic                 [     31:0] read_data_o,
    output logic                             read_error_o,
    input  softmax_pkg::events_t             event_i,
    input  logic                             busy_i,
    input  logic                 [     31:0] latency_i,
    output softmax_pkg::load_t               load_o,
    output logic                             soft_reset_o
);

  import softmax_regs_pkg::FAULTS_ACCESS_LSB;
  import softmax_regs_pkg::FAULTS_BUSY_LSB;
  import softmax_regs_pkg::FAULTS_VALUE_LSB;

  logic [31:0] write_mask;

  always_comb begin
    for (int unsigned i = 0; i < 4; i++) write_mask[8*i+:8] = {8{write_strb_i[i]}};
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
    | (32'(BASE2) << softmax_regs_pkg::METHOD_BASE2_LSB)
    | (32'(Loadable) << softmax_regs_pkg::METHOD_LOADABLE_LSB);
  localparam logic [31:0] Format =
      (32'(IN_W) << softmax_regs_pkg::FORMAT_IN_W_LSB)
    | (32'(F) << softmax_regs_pkg::FORMAT_F_LSB)
    | (32'(W) << softmax_regs_pkg::FORMAT_W_LSB)
    | (32'(LANES) << softmax_regs_pkg::FORMAT_LANES_LSB);
  localparam logic [31:0] Tables =
      (32'(XS) << softmax_regs_pkg::TABLES_XS_LSB)
    | (32'(KE) << softmax_regs_pkg::TABLES_KE_LSB);

  logic count_here, count_read;
  logic [31:0] count;

  softmax_counters u_counters (
      .clk_i,
      .rst_ni      (rst_ni && !soft_reset_o),
      .event_i,
      .refused_i   (2'(write_i && write_error_o) + 2'(read_i && read_error_o)),
      .clear_i     (write_i && write_strb_i != '0),
      .clear_addr_i(write_addr_i),
      .clear_here_o(count_here),
      .read_addr_i,
      .read_here_o (count_read),
      .read_data_o (count)
  );

  // Writing: a register, a counter, a table's entry, or nothing that can be written.
  logic write_scratch, write_faults, write_control, no_register;
  logic no_entry, refused_busy, refused_value;
  softmax_pkg::load_t load;

  assign write_scratch = write_addr_i == softmax_regs_pkg::SCRATCH;
  assign write_faults  = write_addr_i == softmax_regs_pkg::FAULTS;
  assign write_control = write_addr_i == softmax_regs_pkg::CONTROL;
  assign no_register   = !write_scratch && !write_faults && !write_control && !count_here;

  softmax_load #(
      .METHOD(METHOD),
      .W(W),
      .XS(XS),
      .KE(KE),
      .LOADABLE(LOADABLE)
  ) u_load (
      .valid_i        (write_i),
      .addr_i         (write_addr_i),
      .data_i         (write_data_i),
      .strb_i         (write_strb_i),
      .busy_i,
      .load_o         (load),
      .refused_busy_o (refused_busy),
      .refused_value_o(refused_value),
      .no_entry_o     (no_entry)
  );

  assign write_error_o = (no_register && no_entry) || refused_busy || refused_value;

  logic [31:0] scratch_q, faults_d, faults_q;

  // Reading.
  always_comb begin
    read_error_o = 1'b0;
    read_data_o  = '0;
    case (read_addr_i)
      softmax_regs_pkg::ID: read_data_o = softmax_regs_pkg::ID_RESET;
      softmax_regs_pkg::VERSION: read_data_o = softmax_regs_pkg::VERSION_RESET;
      softmax_regs_pkg::METHOD: read_data_o = Method;
      softmax_regs_pkg::FORMAT: read_data_o = Format;
      softmax_regs_pkg::MAX_LEN: read_data_o = 32'(MAX_LEN);
      softmax_regs_pkg::TABLES: read_data_o = Tables;
      softmax_regs_pkg::CONTROL: read_data_o = '0;
      softmax_regs_pkg::STATUS: read_data_o = 32'(busy_i) << softmax_regs_pkg::STATUS_BUSY_LSB;
      softmax_regs_pkg::FAULTS: read_data_o = faults_q;
      softmax_regs_pkg::SCRATCH: read_data_o = scratch_q;
      softmax_regs_pkg::LATENCY: read_data_o = latency_i;
      default: begin
        read_error_o = !count_read;
        read_data_o  = count;
      end
    endcase
  end

  always_comb begin
    faults_d = faults_q;
    if (write_i && write_faults) faults_d = faults_d & ~(write_data_i & write_mask);
    if (write_i && no_register && no_entry) faults_d[FAULTS_ACCESS_LSB] = 1'b1;
    if (read_i && read_error_o) faults_d[FAULTS_ACCESS_LSB] = 1'b1;
    if (refused_busy) faults_d[FAULTS_BUSY_LSB] = 1'b1;
    if (refused_value) faults_d[FAULTS_VALUE_LSB] = 1'b1;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || soft_reset_o) begin
      faults_q <= softmax_regs_pkg::FAULTS_RESET;
    end else begin
      faults_q <= faults_d;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      scratch_q <= softmax_regs_pkg::SCRATCH_RESET;
      soft_reset_o <= 1'b0;
      load_o.valid <= 1'b0;
    end else begin
      if (write_i && write_scratch) begin
        scratch_q <= (scratch_q & ~write_mask) | (write_data_i & write_mask);
      end
      soft_reset_o <= write_i && write_control
          && (write_data_i[softmax_regs_pkg::CONTROL_SOFT_RESET_LSB] && write_strb_i[0]);
      load_o.valid <= load.valid;
    end
  end

  always_ff @(posedge clk_i) begin
    load_o.which <= load.which;
    load_o.entry <= load.entry;
    load_o.data  <= load.data;
  end

endmodule
