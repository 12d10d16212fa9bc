/// Two copies of the core side by side: what registers and memories held before reset never shows.
///
/// Verilator knows no X and a prover draws one value for it, so "no X after reset" is said this
/// way: the copies, whose registers wake up with different values, are indistinguishable. Ports
/// and parameters are those of softmax_top; what comes out is the first copy's.
module softmax_twin_proof #(
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
    localparam int unsigned OutW = (W == 15) ? 16 : W,
    localparam int unsigned BeatW = LANES * (OutW + 1) + softmax_pkg::USER_W + 1
) (
    input  logic                           clk_i,
    input  logic                           rst_ni,
    input  logic                           s_axis_tvalid,
    output logic                           s_axis_tready,
    input  logic [         LANES*IN_W-1:0] s_axis_tdata,
    input  logic [              LANES-1:0] s_axis_tkeep,
    input  logic [              LANES-1:0] s_axis_tuser,
    input  logic                           s_axis_tlast,
    output logic                           m_axis_tvalid,
    input  logic                           m_axis_tready,
    output logic [         LANES*OutW-1:0] m_axis_tdata,
    output logic [              LANES-1:0] m_axis_tkeep,
    output logic [softmax_pkg::USER_W-1:0] m_axis_tuser,
    output logic                           m_axis_tlast
);

  logic [1:0] ready, valid;
  logic [1:0][BeatW-1:0] beat;

  for (genvar c = 0; c < 2; c++) begin : gen_copy
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
        .BASE2(BASE2)
    ) u_top (
        .clk_i,
        .rst_ni,
        .s_axis_tvalid,
        .s_axis_tready(ready[c]),
        .s_axis_tdata,
        .s_axis_tkeep,
        .s_axis_tuser,
        .s_axis_tlast,
        .m_axis_tvalid(valid[c]),
        .m_axis_tready,
        .m_axis_tdata (beat[c][BeatW-1-:LANES*OutW]),
        .m_axis_tkeep (beat[c][softmax_pkg::USER_W+1+:LANES]),
        .m_axis_tuser (beat[c][1+:softmax_pkg::USER_W]),
        .m_axis_tlast (beat[c][0])
    );
  end

  assign s_axis_tready = ready[0];
  assign m_axis_tvalid = valid[0];
  assign {m_axis_tdata, m_axis_tkeep, m_axis_tuser, m_axis_tlast} = beat[0];

  logic started_q = 1'b0;

  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    if (!started_q) assume (!rst_ni);
  end

  a_known_handshakes :
  assert property (@(posedge clk_i) !started_q || (ready[0] == ready[1] && valid[0] == valid[1]));
  a_known_beat :
  assert property (@(posedge clk_i) !started_q || !valid[0] || beat[0] == beat[1]);

endmodule
