// quotient = numerator / denominator in UQ1.15, one bit a cycle; at most 1.0.
module sm_divide (clk, reset, start, numerator, denominator, done, quotient);

`include "sm_defs.vh"

  parameter SUM_W = 20;

  input                     clk;
  input                     reset;
  input                     start;
  input  [SUM_W-1:0]        numerator;
  input  [SUM_W-1:0]        denominator;
  output                    done;
  output [`SM_OUT_W-1:0]    quotient;

  reg                       done;
  reg    [`SM_OUT_W-1:0]    quotient;
  reg    [SUM_W:0]          rest;
  reg    [4:0]              bits;

  wire                      bit = rest >= {1'b0, denominator};  // a keyword of SystemVerilog
  wire   [SUM_W:0]          next = bit ? rest - {1'b0, denominator} : rest;

  always @(posedge clk) begin
    if (reset) begin
      bits <= #1 0;
      done <= #1 1'b0;
    end else begin
      done <= #1 bits == 1;
      if (start) bits <= #1 `SM_OUT_W;
      else if (bits != 0) bits <= #1 bits - 1;
    end
    if (start) rest <= #1 {1'b0, numerator};
    else if (bits != 0) begin
      rest <= #1 {next[SUM_W-1:0], 1'b0};
      quotient <= #1 {quotient[`SM_OUT_W-2:0], bit};
    end
  end

endmodule
