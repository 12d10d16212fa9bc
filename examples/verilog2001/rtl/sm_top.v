// Softmax to base 2, an element at a time, in Verilog-2001: length with the row, busy while it is
// worked on, and a pulse with each output. Nobody wrote a model of it.
//
// 2^-d is a table of eight for the fraction and a shift; a serial divider does the rest.
module sm_top (clk, reset, din, din_valid, din_length, busy, dout, dout_valid);

`include "sm_defs.vh"

  parameter MAX_LEN = 64;
  parameter INDEX_W = 6;
  parameter SUM_W   = 20;

  input                         clk;
  input                         reset;       // active high
  input  signed [`SM_WIDTH-1:0] din;         // Q5.3
  input                         din_valid;
  input  [INDEX_W:0]            din_length;
  output                        busy;
  output [`SM_OUT_W-1:0]        dout;
  output                        dout_valid;

  reg    signed [`SM_WIDTH-1:0] row [0:MAX_LEN-1];
  reg    signed [`SM_WIDTH-1:0] top;
  reg    [1:0]                  state;
  reg    [INDEX_W:0]            at;
  reg    [INDEX_W:0]            length;
  reg    [SUM_W-1:0]            sum;
  reg                           start;

  wire   signed [`SM_WIDTH-1:0] element = row[at[INDEX_W-1:0]];
  wire   [`SM_WIDTH-1:0]        distance = top - element;
  wire   [`SM_POWER_W-1:0]      term = power(distance[2:0]) >> distance[`SM_WIDTH-1:3];
  wire                          last = at + 1 == (state == `SM_LOAD ? din_length : length);

`include "sm_power.vh"

  assign busy = state != `SM_LOAD;

  always @(posedge clk)
    if (reset) begin
      state <= #1 `SM_LOAD;
      at    <= #1 0;
      start <= #1 1'b0;
    end else begin
      start <= #1 1'b0;
      case (state)
        `SM_LOAD:
        if (din_valid) begin
          row[at[INDEX_W-1:0]] <= #1 din;
          length <= #1 din_length;
          at <= #1 last ? 0 : at + 1;
          if (at == 0 || din > top) top <= #1 din;
          if (last) state <= #1 `SM_SUM;
        end
        `SM_SUM: begin
          sum <= #1 (at == 0 ? 0 : sum) + term;
          at <= #1 last ? 0 : at + 1;
          start <= #1 last;
          if (last) state <= #1 `SM_DIVIDE;
        end
        `SM_DIVIDE:
        if (dout_valid) begin
          at <= #1 last ? 0 : at + 1;
          start <= #1 !last;
          if (last) state <= #1 `SM_LOAD;
        end
      endcase
    end

  sm_divide #(
      .SUM_W(SUM_W)
  ) u_divide (
      .clk        (clk),
      .reset      (reset),
      .start      (start),
      .numerator  ({{(SUM_W - `SM_POWER_W) {1'b0}}, term}),
      .denominator(sum),
      .done       (dout_valid),
      .quotient   (dout)
  );

endmodule
