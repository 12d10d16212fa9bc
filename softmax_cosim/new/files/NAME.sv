// Softmax to base 2, an element a cycle: a row is stored while its maximum is found, read again
// for its sum, and once more for its quotients. 2**-x is 1 - x/2 between whole numbers.
module @NAME@ #(
    parameter int DEPTH = 64
) (
    input  logic              clk,
    input  logic              rst_n,
    input  logic              in_valid,
    output logic              in_ready,
    input  logic signed [7:0] in_data,   // q4.4
    input  logic              in_last,
    output logic              out_valid,
    input  logic              out_ready,
    output logic        [7:0] out_data,  // uq0.8
    output logic              out_last
);

  typedef enum logic [1:0] {LOAD, SUM, DIVIDE} state_t;
  localparam int AW = $clog2(DEPTH);

  state_t state;
  logic signed [7:0] row[DEPTH];
  logic signed [7:0] top;
  logic [AW-1:0] at, last;
  logic [AW+15:0] sum;

  wire [7:0] distance = top - row[at];
  wire [15:0] power = {11'd32 - 11'(distance[3:0]), 5'd0} << 5 >> distance[7:4];
  wire [AW+23:0] share = (AW + 24)'(power) * 256 / (AW + 24)'(sum);

  assign in_ready  = state == LOAD;
  assign out_valid = state == DIVIDE;
  assign out_last  = at == last;
  assign out_data  = (share > 255) ? 8'd255 : share[7:0];

  always_ff @(posedge clk) begin
    if (!rst_n) begin
      state <= LOAD;
      at    <= '0;
    end else if (state == LOAD && in_valid) begin
      row[at] <= in_data;
      if (at == 0 || in_data > top) top <= in_data;
      at  <= in_last ? '0 : at + 1'b1;
      sum <= '0;
      if (in_last) begin
        last  <= at;
        state <= SUM;
      end
    end else if (state == SUM) begin
      sum <= sum + (AW + 16)'(power);
      at  <= out_last ? '0 : at + 1'b1;
      if (out_last) state <= DIVIDE;
    end else if (state == DIVIDE && out_ready) begin
      at <= out_last ? '0 : at + 1'b1;
      if (out_last) state <= LOAD;
    end
  end

endmodule
