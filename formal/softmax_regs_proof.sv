/// Proof of softmax_regs: what every address answers, and what every access leaves behind.
///
/// The solver picks one address, any; `word_q` is what must stand there by the register map
/// (softmax_map_pkg, read off the model that simulations are held to). Accesses, events and the
/// core's state are free, but that addresses are of words, as axil_slave is proven to make them.
module softmax_regs_proof #(
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
    input logic                             clk_i,
    input logic                             rst_ni,
    input logic                             write_i,
    input logic                 [AddrW-1:0] write_addr_i,
    input logic                 [     31:0] write_data_i,
    input logic                 [      3:0] write_strb_i,
    input logic                             read_i,
    input logic                 [AddrW-1:0] read_addr_i,
    input softmax_pkg::events_t             event_i,
    input logic                             busy_i,
    input logic                 [     31:0] latency_i,
    input logic                 [AddrW-1:0] pick_i
);

  import softmax_map_pkg::*;

  logic write_error, read_error, soft_reset;
  logic [31:0] read_data;
  softmax_pkg::load_t load;

  softmax_regs #(
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
      .BASE2(BASE2),
      .LOADABLE(LOADABLE)
  ) u_regs (
      .clk_i,
      .rst_ni,
      .write_i,
      .write_addr_i,
      .write_data_i,
      .write_strb_i,
      .write_error_o(write_error),
      .read_i,
      .read_addr_i,
      .read_data_o  (read_data),
      .read_error_o (read_error),
      .event_i,
      .busy_i,
      .latency_i,
      .load_o       (load),
      .soft_reset_o (soft_reset)
  );

  logic started_q = 1'b0;
  logic [AddrW-1:0] place, place_q;

  assign place = started_q ? place_q : {pick_i[AddrW-1:2], 2'b00};

  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    if (!started_q) begin
      assume (!rst_ni);
      place_q <= place;
    end
    assume (write_addr_i[1:0] == '0 && read_addr_i[1:0] == '0);
  end

  // Which accesses are refused, and why.
  logic no_write, no_read, no_busy, no_value, loads, resets;
  logic [31:0] mask, faults;
  kind_e write_kind, read_kind, place_kind;
  entry_t entry;
  logic [31:0] place_reset;

  always_comb begin
    write_kind = kind(write_addr_i);
    read_kind = kind(read_addr_i);
    place_kind = kind(place_q);
    place_reset = reset_value(place);
    entry = softmax_map_pkg::entry(write_addr_i);
    for (int unsigned i = 0; i < 4; i++) mask[8*i+:8] = {8{write_strb_i[i]}};
    no_write = write_kind == NONE || write_kind == RO;
    no_busy  = write_kind == ENTRY && busy_i;
    no_value = write_kind == ENTRY && !busy_i;
    if (write_strb_i == '1 && write_data_i <= entry.largest) no_value = 1'b0;
    no_read = read_kind == NONE || read_kind == ENTRY;
    loads = write_i && write_kind == ENTRY && !no_busy && !no_value;
    resets = write_i && write_addr_i == softmax_regs_pkg::CONTROL &&
        write_data_i[softmax_regs_pkg::CONTROL_SOFT_RESET_LSB] && write_strb_i[0];
    faults = '0;
    faults[softmax_regs_pkg::FAULTS_ACCESS_LSB] = (write_i && no_write) || (read_i && no_read);
    faults[softmax_regs_pkg::FAULTS_BUSY_LSB] = write_i && no_busy;
    faults[softmax_regs_pkg::FAULTS_VALUE_LSB] = write_i && no_value;
  end

  // What stands at the address that was picked, and what it is read as.
  logic [31:0] word_q, kept, seen;
  logic [1:0] add;
  logic here;

  always_comb begin
    here = write_i && write_addr_i == place_q;
    case (place_q)
      softmax_regs_pkg::ROWS: add = 2'(event_i.row);
      softmax_regs_pkg::ERRORS: add = 2'(event_i.error);
      softmax_regs_pkg::BEATS_IN: add = 2'(event_i.beat_in);
      softmax_regs_pkg::BEATS_OUT: add = 2'(event_i.beat_out);
      softmax_regs_pkg::STALLS_IN: add = 2'(event_i.stall_in);
      softmax_regs_pkg::STALLS_OUT: add = 2'(event_i.stall_out);
      softmax_regs_pkg::REFUSED:
      add = 2'(write_i && (no_write || no_busy || no_value)) + 2'(read_i && no_read);
      default: add = '0;
    endcase
    kept = word_q;
    if (here && place_kind == RW) kept = (word_q & ~mask) | (write_data_i & mask);
    if (here && place_kind == W1C) kept = word_q & ~(write_data_i & mask);
    if (here && place_kind == CLEAR && write_strb_i != '0) kept = '0;
    if (place_kind == W1C) kept = kept | faults;
    kept = kept + 32'(add);
    // Nothing but SCRATCH outlives a soft reset.
    if (soft_reset && place_kind != RW) kept = place_reset;
    case (place_q)
      softmax_regs_pkg::STATUS: seen = 32'(busy_i) << softmax_regs_pkg::STATUS_BUSY_LSB;
      softmax_regs_pkg::LATENCY: seen = latency_i;
      default: seen = word_q;
    endcase
  end

  logic loads_q, resets_q;
  entry_t entry_q;
  logic [31:0] data_q;

  always_ff @(posedge clk_i) begin
    word_q   <= rst_ni ? kept : place_reset;
    loads_q  <= rst_ni && loads;
    resets_q <= rst_ni && resets;
    entry_q  <= entry;
    data_q   <= write_data_i;
  end

  a_write_answer :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      !write_i || write_error == (no_write || no_busy || no_value));
  a_read_answer :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !read_i || read_error == no_read);
  a_read_value :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      !read_i || read_addr_i != place_q || no_read || read_data == seen);
  a_load :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      load.valid == loads_q && (!loads_q || (load.which == entry_q.which &&
      load.entry == entry_q.entry && 32'(load.data) == data_q)));
  a_soft_reset :
  assert property (@(posedge clk_i) disable iff (!rst_ni) soft_reset == resets_q);

  // Where that word stands inside, which makes the rest inductive.
  logic [31:0] stands;

  always_comb begin
    stands = place_reset;
    if (place_q == softmax_regs_pkg::SCRATCH) stands = u_regs.scratch_q;
    if (place_q == softmax_regs_pkg::FAULTS) stands = u_regs.faults_q;
    for (int unsigned i = 0; i < 7; i++) begin
      if (place_q == u_regs.u_counters.Addr[i]) stands = u_regs.u_counters.count_q[i];
    end
  end

  a_stands :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !started_q || word_q == stands);

  // What can happen, or the above would say nothing of it.
  logic [3:0] strobes_q;
  logic first_q;

  always_ff @(posedge clk_i) begin
    first_q <= rst_ni && here && word_q == '0;
    if (here) strobes_q <= write_strb_i;
  end

  c_some_strobes :
  cover property (@(posedge clk_i) disable iff (!rst_ni)
      read_i && read_addr_i == place_q && first_q && strobes_q == 4'b0110 &&
      read_data == 32'h00AA5500);
  c_both_refused :
  cover property (@(posedge clk_i) disable iff (!rst_ni)
      read_i && read_addr_i == softmax_regs_pkg::REFUSED && read_addr_i == place_q &&
      read_data == 32'd4);
  c_every_fault :
  cover property (@(posedge clk_i) disable iff (!rst_ni)
      place_q == softmax_regs_pkg::FAULTS && word_q == 32'd7);
  c_load :
  cover property (@(posedge clk_i) disable iff (!rst_ni) load.valid);
  c_soft_reset :
  cover property (@(posedge clk_i) disable iff (!rst_ni) soft_reset && kind(
      place_q
  ) == CLEAR && word_q != '0);

endmodule
