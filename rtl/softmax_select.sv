/// Each lane picks its probability from the row's possible outputs: golden `y`, element by element.
///
/// Dead lanes give 0. A bad row gives one beat without an element.
///
/// Latency: 1 cycle; the output register of the core.
module softmax_select #(
    parameter int unsigned W = 8,
    parameter int unsigned OUT_W = 8,
    parameter int unsigned LANES = 8,
    parameter int unsigned ENTRIES = 8,
    localparam int unsigned CodeW = $clog2(ENTRIES)
) (
    input  logic                          clk_i,
    input  logic                          rst_ni,
    input  logic                          valid_i,
    output logic                          ready_o,
    input  logic [ENTRIES-1:0][    W-1:0] y_i,
    input  logic [  LANES-1:0][CodeW-1:0] code_i,
    input  logic [  LANES-1:0]            keep_i,
    input  logic [  LANES-1:0]            live_i,
    input  logic                          last_i,
    input  logic                          bad_i,
    output logic                          valid_o,
    input  logic                          ready_i,
    output logic [  LANES-1:0][OUT_W-1:0] y_o,
    output logic [  LANES-1:0]            keep_o,
    output logic                          last_o,
    output logic                          bad_o
);

  // Padded with zeros to a power of two, so that every code names an output.
  logic [2**CodeW-1:0][W-1:0] outputs;
  logic [LANES-1:0][OUT_W-1:0] y;

  always_comb begin
    outputs = '0;
    for (int unsigned k = 0; k < ENTRIES; k++) outputs[k] = y_i[k];
    for (int unsigned i = 0; i < LANES; i++) begin
      y[i] = (live_i[i] && !bad_i) ? OUT_W'(outputs[code_i[i]]) : '0;
    end
  end

  stream_reg #(
      .W(LANES * (OUT_W + 1) + 2),
      .ELASTIC(1'b1)
  ) u_reg (
      .clk_i,
      .rst_ni,
      .valid_i,
      .ready_o,
      .data_i({y, bad_i ? LANES'(0) : keep_i, last_i, bad_i}),
      .valid_o,
      .ready_i,
      .data_o({y_o, keep_o, last_o, bad_o})
  );

endmodule
