/// How far an element stands below its row's maximum, with a fault that a file chooses.
///
/// One build has them all: `fault.hex` beside the configuration holds the fault's number.
module faulty #(
    parameter int unsigned DEPTH = 16
) (
    input  logic       clk,
    input  logic       rst_n,
    input  logic       in_valid,
    output logic       in_ready,
    input  logic [7:0] in_data,
    input  logic       in_last,
    output logic       out_valid,
    input  logic       out_ready,
    output logic [7:0] out_data,
    output logic       out_last
);

  localparam int NONE = 0, OFF_BY_ONE = 1, LAST_ROW = 2, STALE = 3, VALUE = 4, CYCLE = 5;
  localparam int WITHDRAWN = 6, ASSERTION = 7, RESET = 8;

  logic [7:0] fault[1];
  initial $readmemh("fault.hex", fault);

  logic signed [7:0] store[DEPTH];
  logic signed [7:0] max_q, top;
  logic [$clog2(DEPTH)-1:0] write_q, read_q, last_q;
  logic emit_q, first_q, waited_q, shy_q;
  logic unset_q;  // nobody resets it
  logic go;
  logic [7:0] distance;

  assign go = (32'(fault[0]) != LAST_ROW || in_valid) &&
      (32'(fault[0]) != CYCLE || !unset_q || waited_q);
  assign in_ready = !emit_q;
  assign out_valid = emit_q && go && !(32'(fault[0]) == WITHDRAWN && shy_q);
  assign out_last = read_q == last_q;
  assign top = (first_q && 32'(fault[0]) != STALE || $signed(in_data) > max_q) ?
      $signed(in_data) : max_q;
  assign distance = 8'(max_q - store[read_q]);

  always_comb begin
    out_data = ~distance;
    if (32'(fault[0]) == OFF_BY_ONE && read_q == '1 && out_data != 0) out_data--;
    if (32'(fault[0]) == VALUE && unset_q) out_data[0] = !out_data[0];
  end

  always_ff @(posedge clk) begin
    if (in_valid && in_ready) begin
      store[write_q] <= in_data;
      max_q <= top;
      first_q <= in_last;
      write_q <= in_last ? '0 : write_q + 1'b1;
      last_q <= write_q;
      emit_q <= in_last;
    end
    waited_q <= emit_q;
    shy_q <= out_valid && !out_ready;
    if (out_valid && out_ready) begin
      read_q <= out_last ? '0 : read_q + 1'b1;
      emit_q <= !out_last;
      if (out_last) unset_q <= 1'b0;
    end
    if (!rst_n) begin
      first_q <= 1'b1;
      write_q <= '0;
      shy_q <= 1'b0;
      if (32'(fault[0]) != RESET) begin
        read_q <= '0;
        emit_q <= 1'b0;
      end
      if (32'(fault[0]) == STALE) max_q <= -8'sd128;
    end
    a_never_full :
    assert (!(32'(fault[0]) == ASSERTION && in_valid && write_q == '1));
  end

endmodule
