/// A table that is read combinationally: constants, or constants that can be written over.
///
/// CONTENT has CONTENT_W bits an entry; the low W are stored.
///
/// With LOADABLE every entry has a flag that says whether it was written since reset, and reads as
/// CONTENT until then: all defaults are back in the cycle after a reset, though the memory has
/// none. The alternative, a flip-flop with a reset value for each bit, costs W of them an entry.
///
/// Latency: 0 cycles from address to data; an entry reads as written from the next cycle on.
module lookup_table #(
    parameter int unsigned W = 8,
    parameter int unsigned CONTENT_W = W,
    parameter int unsigned DEPTH = 8,
    parameter int unsigned PORTS = 1,
    parameter bit LOADABLE = 1'b0,
    parameter logic [DEPTH-1:0][CONTENT_W-1:0] CONTENT = '0,
    localparam int unsigned AddrW = $clog2(DEPTH)
) (
    input  logic                        clk_i,
    input  logic                        rst_ni,
    input  logic                        we_i,
    input  logic [AddrW-1:0]            waddr_i,
    input  logic [    W-1:0]            wdata_i,
    input  logic [PORTS-1:0][AddrW-1:0] raddr_i,
    output logic [PORTS-1:0][    W-1:0] rdata_o
);

  typedef logic [DEPTH-1:0][W-1:0] content_t;

  function automatic content_t cut();
    content_t cut_content;
    for (int unsigned i = 0; i < DEPTH; i++) cut_content[i] = W'(CONTENT[i]);
    return cut_content;
  endfunction

  localparam content_t Content = cut();

  if (LOADABLE) begin : gen_loadable
    logic [W-1:0] mem[DEPTH];
    logic [DEPTH-1:0] written_q;

    always_ff @(posedge clk_i) begin
      if (!rst_ni) written_q <= '0;
      else if (we_i) written_q[waddr_i] <= 1'b1;
    end

    always_ff @(posedge clk_i) begin
      if (we_i) mem[waddr_i] <= wdata_i;
    end

    always_comb begin
      for (int unsigned i = 0; i < PORTS; i++) begin
        rdata_o[i] = written_q[raddr_i[i]] ? mem[raddr_i[i]] : Content[raddr_i[i]];
      end
    end
  end else begin : gen_constant
    logic unused;
    assign unused = &{1'b0, clk_i, rst_ni, we_i, waddr_i, wdata_i};

    always_comb begin
      for (int unsigned i = 0; i < PORTS; i++) rdata_o[i] = Content[raddr_i[i]];
    end
  end

endmodule
