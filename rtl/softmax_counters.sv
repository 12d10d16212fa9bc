/// The counters of the register file: rows, errors, beats, stalls, refused accesses.
///
/// A write of any byte clears a counter (`clear_i` at `clear_addr_i`); what happens in that cycle
/// counts from there. `clear_here_o` and `read_here_o` say whether an address is a counter's.
///
/// Latency: 0 cycles from an address to `read_data_o`; what happens shows in the cycle after.
module softmax_counters #(
    localparam int unsigned AddrW = softmax_regs_pkg::ADDR_W
) (
    input  logic                             clk_i,
    input  logic                             rst_ni,
    input  softmax_pkg::events_t             event_i,
    input  logic                 [      1:0] refused_i,
    input  logic                             clear_i,
    input  logic                 [AddrW-1:0] clear_addr_i,
    output logic                             clear_here_o,
    input  logic                 [AddrW-1:0] read_addr_i,
    output logic                             read_here_o,
    output logic                 [     31:0] read_data_o
);

  localparam int unsigned Counters = 7;
  localparam logic [Counters-1:0][AddrW-1:0] Addr = {
    softmax_regs_pkg::REFUSED,
    softmax_regs_pkg::STALLS_OUT,
    softmax_regs_pkg::STALLS_IN,
    softmax_regs_pkg::BEATS_OUT,
    softmax_regs_pkg::BEATS_IN,
    softmax_regs_pkg::ERRORS,
    softmax_regs_pkg::ROWS
  };

  logic [Counters-1:0][31:0] count_q;
  logic [Counters-1:0] clear_here, read_here;

  // What each adds this cycle.
  logic [Counters-1:0][1:0] add;

  assign add[0] = 2'(event_i.row);
  assign add[1] = 2'(event_i.error);
  assign add[2] = 2'(event_i.beat_in);
  assign add[3] = 2'(event_i.beat_out);
  assign add[4] = 2'(event_i.stall_in);
  assign add[5] = 2'(event_i.stall_out);
  assign add[6] = refused_i;

  assign clear_here_o = clear_here != '0;
  assign read_here_o = read_here != '0;

  always_comb begin
    read_data_o = '0;
    for (int unsigned i = 0; i < Counters; i++) begin
      clear_here[i] = clear_addr_i == Addr[i];
      read_here[i]  = read_addr_i == Addr[i];
      if (read_here[i]) read_data_o = count_q[i];
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      count_q <= '0;
    end else begin
      for (int unsigned i = 0; i < Counters; i++) begin
        count_q[i] <= ((clear_i && clear_here[i]) ? '0 : count_q[i]) + 32'(add[i]);
      end
    end
  end

endmodule
