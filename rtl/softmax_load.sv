/// Judges a write into a table's window: which entry it means, and whether it may be written.
///
/// A table of another method, an entry past the table's end and the unused entry (or row) 0 of the
/// reciprocal tables do not exist. An entry is written whole, with a value of W bits; the last one
/// of LUT_1/e is the weight of everything farther away and stays 0, which saves softmax_count a
/// counter. While a row is in flight nothing is written, so no row sees two tables.
///
/// Combinational.
module softmax_load #(
    parameter string METHOD = "rexp",
    parameter int unsigned W = 8,
    parameter int unsigned XS = 256,
    parameter int unsigned KE = 101,
    parameter bit LOADABLE = 1'b1
) (
    input  logic                                              valid_i,
    input  logic               [softmax_regs_pkg::ADDR_W-1:0] addr_i,
    input  logic               [                        31:0] data_i,
    input  logic               [                         3:0] strb_i,
    input  logic                                              busy_i,
    output softmax_pkg::load_t                                load_o,
    output logic                                              refused_busy_o,
    output logic                                              refused_value_o,
    output logic                                              no_entry_o
);

  import softmax_regs_pkg::*;

  localparam int unsigned EntryW = ADDR_W - 2;
  localparam int unsigned K = softmax_pkg::entries_1e(W);
  localparam logic [31:0] M = (32'd1 << W) - 32'd1;

  // Windows are as large as a power of two and stand at a multiple of their size, so the low
  // address bits count within one.
  function automatic logic inside_window(logic [ADDR_W-1:0] addr, logic [ADDR_W-1:0] base,
                                         int unsigned words);
    return (addr & ~ADDR_W'(4 * words - 1)) == base;
  endfunction

  logic [EntryW-1:0] word, row, column;

  assign word = EntryW'(addr_i >> 2);
  assign row = (word & EntryW'(LUT_SIGMA_WORDS - 1)) >> softmax_pkg::SIGMA_STRIDE_W;
  assign column = word & EntryW'((1 << softmax_pkg::SIGMA_STRIDE_W) - 1);

  softmax_pkg::table_e which;
  logic [EntryW-1:0] entry;
  logic exists, fits;

  always_comb begin
    which  = softmax_pkg::TABLE_1E;
    entry  = '0;
    exists = 1'b0;
    if (METHOD == "rexp" && inside_window(addr_i, LUT_1E, LUT_1E_WORDS)) begin
      entry  = word & EntryW'(LUT_1E_WORDS - 1);
      exists = 32'(entry) < K;
    end
    if (METHOD == "rexp" && inside_window(addr_i, LUT_ALPHA, LUT_ALPHA_WORDS)) begin
      which  = softmax_pkg::TABLE_ALPHA;
      entry  = word & EntryW'(LUT_ALPHA_WORDS - 1);
      exists = entry != '0 && 32'(entry) <= XS;
    end
    if (METHOD == "lut2d" && inside_window(addr_i, LUT_EXP, LUT_EXP_WORDS)) begin
      which  = softmax_pkg::TABLE_EXP;
      entry  = word & EntryW'(LUT_EXP_WORDS - 1);
      exists = 32'(entry) < KE;
    end
    if (METHOD == "lut2d" && inside_window(addr_i, LUT_SIGMA, LUT_SIGMA_WORDS)) begin
      which  = softmax_pkg::TABLE_SIGMA;
      entry  = word & EntryW'(LUT_SIGMA_WORDS - 1);
      exists = row != '0 && 32'(row) <= XS && 32'(column) < softmax_pkg::TENTHS;
    end
  end

  always_comb begin
    fits = strb_i == '1 && data_i <= M;
    if (which == softmax_pkg::TABLE_1E && 32'(entry) == K - 1 && data_i != '0) fits = 1'b0;
  end

  assign no_entry_o = !LOADABLE || !exists;
  assign refused_busy_o = valid_i && !no_entry_o && busy_i;
  assign refused_value_o = valid_i && !no_entry_o && !busy_i && !fits;

  assign load_o.valid = valid_i && !no_entry_o && !busy_i && fits;
  assign load_o.which = which;
  assign load_o.entry = entry;
  assign load_o.data = softmax_pkg::ENTRY_W'(data_i);

endmodule
