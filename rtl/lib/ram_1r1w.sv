/// A memory with one write port and one registered read port.
///
/// `rdata_o` shows `mem[raddr_i]` one cycle after `re_i` and holds while `re_i` is low. Reading
/// the word that is being written gives its old content; no user here does.
///
/// STYLE tells synthesis what to make of it where that matters: "distributed" for one whose output is
/// needed early in the cycle.
///
/// Latency: 1 cycle.
module ram_1r1w #(
    parameter int unsigned W = 8,
    parameter int unsigned DEPTH = 16,
    // verilator lint_off UNUSEDPARAM
    parameter string STYLE = "auto",
    // verilator lint_on UNUSEDPARAM
    localparam int unsigned AddrW = $clog2(DEPTH)
) (
    input  logic             clk_i,
    input  logic             we_i,
    input  logic [AddrW-1:0] waddr_i,
    input  logic [    W-1:0] wdata_i,
    input  logic             re_i,
    input  logic [AddrW-1:0] raddr_i,
    output logic [    W-1:0] rdata_o
);

  (* ram_style = STYLE *)
  logic [W-1:0] mem[DEPTH];

  always_ff @(posedge clk_i) begin
    if (we_i) mem[waddr_i] <= wdata_i;
    if (re_i) rdata_o <= mem[raddr_i];
  end

endmodule
