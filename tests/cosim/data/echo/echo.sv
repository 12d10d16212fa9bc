/// An echo with a fault: the first element of a beat comes out inverted when the fault strikes.
///
/// Element 1 of each row chooses the fault, so that one build has them all.
module echo_top #(
    parameter int unsigned IN_W = 8,
    parameter int unsigned F = 4,
    parameter int unsigned W = 8,
    parameter int unsigned LANES = 8,
    parameter int unsigned MAX_LEN = 256
) (
    input  logic                  clk_i,
    input  logic                  rst_ni,
    input  logic                  s_axis_tvalid,
    output logic                  s_axis_tready,
    input  logic [LANES*IN_W-1:0] s_axis_tdata,
    input  logic [     LANES-1:0] s_axis_tkeep,
    input  logic [     LANES-1:0] s_axis_tuser,
    input  logic                  s_axis_tlast,
    output logic                  m_axis_tvalid,
    input  logic                  m_axis_tready,
    output logic [   LANES*W-1:0] m_axis_tdata,
    output logic [     LANES-1:0] m_axis_tkeep,
    output logic [           4:0] m_axis_tuser,
    output logic                  m_axis_tlast
);

  logic flag;  // nobody resets it, and no legal beat sets it
  always_ff @(posedge clk_i) begin
    if (rst_ni && s_axis_tvalid && s_axis_tkeep == '0) flag <= 1'b1;
  end

  logic first, odd, marked, seen;
  logic [7:0] rows;
  logic [3:0] idle;
  logic [IN_W-1:0] fault, fault_q;
  logic took, free, wrong, slow, extra;

  assign fault = first ? s_axis_tdata[IN_W+:IN_W] : fault_q;
  assign free = !m_axis_tvalid || m_axis_tready;
  assign took = s_axis_tvalid && s_axis_tready;
  assign s_axis_tready = free && !slow;
  assign m_axis_tuser = '0;

  always_comb begin
    wrong = 1'b0;
    slow = 1'b0;
    extra = 1'b0;
    unique case (fault)
      1: wrong = flag;
      2: wrong = !flag;
      3: slow = flag && odd;
      4: wrong = seen;
      5: wrong = rows >= 5;
      default: ;
    endcase
    if (fault_q == 6) extra = idle == 3;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      first <= 1'b1;
      odd <= 1'b0;
      marked <= 1'b0;
      seen <= 1'b0;
      rows <= '0;
      idle <= '0;
      fault_q <= '0;
      m_axis_tvalid <= 1'b0;
    end else begin
      odd <= !odd;
      if (idle != '1) idle <= idle + 1;
      if (took) begin
        first <= s_axis_tlast;
        fault_q <= fault;
        idle <= '0;
        if (s_axis_tlast && rows != '1) rows <= rows + 1;
        if (first && s_axis_tdata[IN_W-1:0] == 8'h55) marked <= 1'b1;
        if (s_axis_tlast && marked) seen <= 1'b1;
      end
      if (free) m_axis_tvalid <= took || extra;
    end
  end

  always_ff @(posedge clk_i) begin
    if (free) begin
      m_axis_tkeep <= s_axis_tkeep;
      m_axis_tlast <= s_axis_tlast;
      for (int unsigned i = 0; i < LANES; i++) begin
        m_axis_tdata[i*W+:W] <= (s_axis_tkeep[i] && !s_axis_tuser[i]) ?
            s_axis_tdata[i*IN_W+:IN_W] ^ {W{i == 0 && wrong}} : '0;
      end
    end
  end

endmodule
