// Copyright 2026 the softmax-cosim authors
// SPDX-License-Identifier: Apache-2.0

/// Testbench of the bulk transport: the design between a source and a sink in C++.
///
/// At every rising edge one DPI call hands over what the design shows and fetches what to drive
/// until the next: reset, a beat of input, readiness for output. `done_o` changes when a batch is
/// over, which is all that Python has to wait for. Only the two ports are visible to it: every
/// further signal it could see would cost as much as the model.

module softmax_tb #(
    parameter string METHOD = "rexp",
    parameter string INDEX = "distance",
    parameter string SUM_INDEX = "nearest",
    parameter int IN_W = 16,
    parameter int F = 8,
    parameter int W = 8,
    parameter int LANES = 8,
    parameter int MAX_LEN = 1024,
    parameter int XS = 256,
    parameter int KE = 101,
    parameter bit ROW_EXP = 1'b0,
    parameter bit BASE2 = 1'b0
) (
    input  logic clk_i,
    output logic done_o
);

  // A lane of output: the next power of two.
  localparam int OutW = 1 << $clog2(W < 2 ? 2 : W);
  localparam int UserW = 5;

  import "DPI-C" function void softmax_cycle(
    input bit s_ready,
    input bit m_valid,
    input bit m_last,
    input bit [LANES-1:0] m_keep,
    input int unsigned m_user,
    input bit [LANES*OutW-1:0] m_data,
    output bit reset_n,
    output bit s_valid,
    output bit s_last,
    output bit [LANES-1:0] s_keep,
    output bit [LANES-1:0] s_user,
    output bit [LANES*IN_W-1:0] s_data,
    output int unsigned s_length,
    output bit m_ready,
    output bit done
  );

  // Nothing is asked of the design before the first batch resets it.
  logic reset_n = 1'b0;
  logic done_q = 1'b0;
  logic source_valid, source_ready, source_last;
  logic [LANES*IN_W-1:0] source_data;
  logic [LANES-1:0] source_keep, source_user;
  logic [31:0] source_length;  // of the whole row, for designs that want to know
  logic sink_valid, sink_ready, sink_last;
  logic [LANES*OutW-1:0] sink_data;
  logic [LANES-1:0] sink_keep;
  logic [UserW-1:0] sink_user;

  always_ff @(posedge clk_i) begin : play
    bit next_reset_n, next_valid, next_last, next_ready, next_done;
    bit [LANES-1:0] next_keep, next_user;
    bit [LANES*IN_W-1:0] next_data;
    int unsigned next_length;
    softmax_cycle(source_ready, sink_valid, sink_last, sink_keep, 32'(sink_user), sink_data,
                  next_reset_n, next_valid, next_last, next_keep, next_user, next_data, next_length,
                  next_ready, next_done);
    reset_n <= next_reset_n;
    source_valid <= next_valid;
    source_last <= next_last;
    source_keep <= next_keep;
    source_user <= next_user;
    source_data <= next_data;
    source_length <= next_length;
    sink_ready <= next_ready;
    done_q <= next_done;
  end

  assign done_o = done_q;

`ifndef COSIM_LENGTH
  logic unused_length;
  assign unused_length = ^source_length;
`endif

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
  ) dut (
      .clk_i(clk_i),
      .rst_ni(reset_n),
      .s_axis_tvalid(source_valid),
      .s_axis_tready(source_ready),
      .s_axis_tdata(source_data),
      .s_axis_tkeep(source_keep),
      .s_axis_tuser(source_user),
      .s_axis_tlast(source_last),
`ifdef COSIM_LENGTH
      .s_axis_tlength(source_length),
`endif
      .m_axis_tvalid(sink_valid),
      .m_axis_tready(sink_ready),
      .m_axis_tdata(sink_data),
      .m_axis_tkeep(sink_keep),
      .m_axis_tlast(sink_last),
      .m_axis_tuser(sink_user)
  );

endmodule
