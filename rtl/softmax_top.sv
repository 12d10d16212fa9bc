/// The softmax accelerator: AXI4-Stream rows of scores in, rows of probabilities out.
///
/// Wiring only: beats are judged at the door, then go through the core of the method. Passes over
/// the row, at one beat a cycle each:
///
///   split                           two    softmax_split.sv
///   rexp, INDEX = "msb" or F = 0    two    softmax_rexp_two_pass.sv
///   rexp otherwise                  three  softmax_rexp.sv
///   lut2d                           three  softmax_lut2d.sv
///
/// With LOADABLE, `load_i` writes table entries of rexp and lut2d, at a time when no row is in
/// flight (softmax_regs.sv); otherwise the tables are constants and the port counts for nothing.
///
/// Latency from a row's first input beat to its last output beat, idle core, no stalls: that many
/// times ceil(L/LANES) plus the depth of the pipeline: golden/timing.py has the exact figures.
module softmax_top #(
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
    parameter bit LOADABLE = 1'b0,
    localparam int unsigned OutW = (W == 15) ? 16 : W
) (
    input  logic                                         clk_i,
    input  logic                                         rst_ni,
    input  softmax_pkg::load_t                           load_i = '0,
    input  logic                                         s_axis_tvalid,
    output logic                                         s_axis_tready,
    input  logic               [         LANES*IN_W-1:0] s_axis_tdata,
    input  logic               [              LANES-1:0] s_axis_tkeep,
    input  logic               [              LANES-1:0] s_axis_tuser,
    input  logic                                         s_axis_tlast,
    output logic                                         m_axis_tvalid,
    input  logic                                         m_axis_tready,
    output logic               [         LANES*OutW-1:0] m_axis_tdata,
    output logic               [              LANES-1:0] m_axis_tkeep,
    output logic               [softmax_pkg::USER_W-1:0] m_axis_tuser,
    output logic                                         m_axis_tlast
);

  if (METHOD != "rexp" && METHOD != "lut2d" && METHOD != "split") begin : gen_check_method
    $fatal(1, "METHOD must be \"rexp\", \"lut2d\" or \"split\"");
  end
  if (INDEX != "distance" && INDEX != "msb") begin : gen_check_index
    $fatal(1, "INDEX must be \"distance\" or \"msb\"");
  end
  if (SUM_INDEX != "nearest" && SUM_INDEX != "floor") begin : gen_check_sum_index
    $fatal(1, "SUM_INDEX must be \"nearest\" or \"floor\"");
  end
  if (IN_W < 4 || IN_W > 16) begin : gen_check_in_w
    $fatal(1, "IN_W must lie in 4..16");
  end
  if (F >= IN_W) begin : gen_check_f
    $fatal(1, "F must be smaller than IN_W");
  end
  if (W != 15 && W != 8 && W != 4 && W != 2) begin : gen_check_w
    $fatal(1, "W must be 15, 8, 4 or 2");
  end
  if (LANES < 1 || LANES > 32 || (LANES & (LANES - 1)) != 0) begin : gen_check_lanes
    $fatal(1, "LANES must be a power of two in 1..32");
  end
  if (MAX_LEN < 1 || MAX_LEN > 4096) begin : gen_check_max_len
    $fatal(1, "MAX_LEN must lie in 1..4096");
  end
  if (XS < 1 || XS > softmax_pkg::XS_LIMIT) begin : gen_check_xs
    $fatal(1, "XS must lie in 1..512");
  end
  if (KE < 2 || KE > softmax_pkg::KE_LIMIT) begin : gen_check_ke
    $fatal(1, "KE must lie in 2..128");
  end
  if (ROW_EXP && METHOD != "split") begin : gen_check_row_exp
    $fatal(1, "ROW_EXP goes with METHOD \"split\" alone");
  end
  if (BASE2 && METHOD != "split") begin : gen_check_base2
    $fatal(1, "BASE2 goes with METHOD \"split\" alone");
  end

  // In two passes of rexp the fraction bits never count: they are dropped at the door.
  localparam bit TwoPass = METHOD == "rexp" && (INDEX == "msb" || F == 0);
  localparam int unsigned Drop = TwoPass ? F : 0;
  localparam int unsigned QW = IN_W - Drop;

  logic in_valid, in_ready, in_last, in_bad, in_skip;
  logic [LANES-1:0][QW-1:0] in_q;
  logic [LANES-1:0] in_keep, in_live;

  softmax_ingress #(
      .IN_W(IN_W),
      .DROP(Drop),
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

  logic error;
  logic [softmax_pkg::USER_W-2:0] exponent;

  if (METHOD == "split") begin : gen_split
    logic unused_load;
    assign unused_load = ^load_i;

    softmax_split #(
        .IN_W(IN_W),
        .F(F),
        .W(W),
        .OUT_W(OutW),
        .LANES(LANES),
        .MAX_LEN(MAX_LEN),
        .ROW_EXP(ROW_EXP),
        .BASE2(BASE2)
    ) u_core (
        .clk_i,
        .rst_ni,
        .valid_i   (in_valid),
        .ready_o   (in_ready),
        .q_i       (in_q),
        .keep_i    (in_keep),
        .live_i    (in_live),
        .last_i    (in_last),
        .bad_i     (in_bad),
        .skip_i    (in_skip),
        .valid_o   (m_axis_tvalid),
        .ready_i   (m_axis_tready),
        .y_o       (m_axis_tdata),
        .keep_o    (m_axis_tkeep),
        .last_o    (m_axis_tlast),
        .bad_o     (error),
        .exponent_o(exponent)
    );
  end else if (TwoPass) begin : gen_rexp_two_pass
    softmax_rexp_two_pass #(
        .SUM_INDEX(SUM_INDEX),
        .QW(QW),
        .W(W),
        .OUT_W(OutW),
        .LANES(LANES),
        .MAX_LEN(MAX_LEN),
        .XS(XS),
        .LOADABLE(LOADABLE)
    ) u_core (
        .clk_i,
        .rst_ni,
        .load_i,
        .valid_i(in_valid),
        .ready_o(in_ready),
        .q_i    (in_q),
        .keep_i (in_keep),
        .live_i (in_live),
        .last_i (in_last),
        .bad_i  (in_bad),
        .skip_i (in_skip),
        .valid_o(m_axis_tvalid),
        .ready_i(m_axis_tready),
        .y_o    (m_axis_tdata),
        .keep_o (m_axis_tkeep),
        .last_o (m_axis_tlast),
        .bad_o  (error)
    );
    assign exponent = '0;
  end else if (METHOD == "rexp") begin : gen_rexp
    softmax_rexp #(
        .SUM_INDEX(SUM_INDEX),
        .QW(QW),
        .F(F),
        .W(W),
        .OUT_W(OutW),
        .LANES(LANES),
        .MAX_LEN(MAX_LEN),
        .XS(XS),
        .LOADABLE(LOADABLE)
    ) u_core (
        .clk_i,
        .rst_ni,
        .load_i,
        .valid_i(in_valid),
        .ready_o(in_ready),
        .q_i    (in_q),
        .keep_i (in_keep),
        .live_i (in_live),
        .last_i (in_last),
        .bad_i  (in_bad),
        .skip_i (in_skip),
        .valid_o(m_axis_tvalid),
        .ready_i(m_axis_tready),
        .y_o    (m_axis_tdata),
        .keep_o (m_axis_tkeep),
        .last_o (m_axis_tlast),
        .bad_o  (error)
    );
    assign exponent = '0;
  end else begin : gen_lut2d
    softmax_lut2d #(
        .SUM_INDEX(SUM_INDEX),
        .QW(QW),
        .F(F),
        .W(W),
        .OUT_W(OutW),
        .LANES(LANES),
        .MAX_LEN(MAX_LEN),
        .XS(XS),
        .KE(KE),
        .LOADABLE(LOADABLE)
    ) u_core (
        .clk_i,
        .rst_ni,
        .load_i,
        .valid_i(in_valid),
        .ready_o(in_ready),
        .q_i    (in_q),
        .keep_i (in_keep),
        .live_i (in_live),
        .last_i (in_last),
        .bad_i  (in_bad),
        .skip_i (in_skip),
        .valid_o(m_axis_tvalid),
        .ready_i(m_axis_tready),
        .y_o    (m_axis_tdata),
        .keep_o (m_axis_tkeep),
        .last_o (m_axis_tlast),
        .bad_o  (error)
    );
    assign exponent = '0;
  end

  assign m_axis_tuser = {exponent, error};

endmodule
