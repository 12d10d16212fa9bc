/// Softmax of ROWS rows at a time: each beat has one element of every row, as a systolic array of
/// ROWS rows gives them. Lane r is row r; the rows of a block are of one length.
///
/// A block is read three times: for the maxima, for the sums, and to be put out. In between each
/// lane divides, one bit a cycle. The next block waits.
///
/// e^-d is the product of two tables, e^-(j/4) and e^-(k/256), for d = j/4 + k/256 below 8; it is
/// 0 from there on. Both are read from files.
module block_softmax #(
    parameter int unsigned ROWS = 4,
    parameter int unsigned MAX_LEN = 64
) (
    input  logic                         clk_i,
    input  logic                         rst_ni,
    input  logic                         in_valid_i,
    output logic                         in_ready_o,
    input  logic                         in_last_i,
    input  logic signed [ROWS-1:0][15:0] in_data_i,    // Q8.8
    output logic                         out_valid_o,
    input  logic                         out_ready_i,
    output logic                         out_last_o,
    output logic        [ROWS-1:0][ 7:0] out_data_o    // of 255
);

  localparam int unsigned QuotientBits = 15;

  typedef enum logic [1:0] {
    LOAD,
    SUM,
    DIVIDE,
    OUT
  } state_t;

  logic [15:0] coarse[32], fine[64];  // UQ0.16
  initial $readmemh("coarse.hex", coarse);
  initial $readmemh("fine.hex", fine);

  state_t state;
  logic [$clog2(MAX_LEN)-1:0] beat, final_beat;
  logic step, last;

  assign in_ready_o = state == LOAD;
  assign out_valid_o = state == OUT;
  assign out_last_o = last;
  assign step = state == LOAD ? in_valid_i : state != OUT || out_ready_i;

  always_comb begin
    last = beat == final_beat;
    if (state == LOAD) last = in_last_i;
    if (state == DIVIDE) last = 32'(beat) == QuotientBits - 1;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state <= LOAD;
      beat  <= '0;
    end else if (step) begin
      beat <= last ? '0 : beat + 1'b1;
      if (last) begin
        case (state)
          LOAD: state <= SUM;
          SUM: state <= DIVIDE;
          DIVIDE: state <= OUT;
          default: state <= LOAD;
        endcase
      end
      if (last && state == LOAD) final_beat <= beat;
    end
  end

  for (genvar r = 0; r < ROWS; r++) begin : gen_rows
    logic signed [15:0] row[MAX_LEN], x, top;
    logic [15:0] distance, power;
    logic [31:0] product;
    logic [22:0] sum, remainder;
    logic [QuotientBits-1:0] reciprocal;
    logic fits;

    assign x = row[beat];
    assign distance = 16'(top - x);
    assign product = 32'(coarse[distance[10:6]]) * 32'(fine[distance[5:0]]);
    assign power = (distance < 16'd2048) ? product[31:16] : '0;
    assign fits = {remainder, 1'b0} >= {1'b0, sum};
    // Rounded: power / sum * 255, with the reciprocal being 2^30 / sum.
    assign out_data_o[r] = 8'((38'(power) * 38'(reciprocal) * 38'd255 + 38'(1 << 29)) >> 30);

    always_ff @(posedge clk_i) begin
      if (step) begin
        unique case (state)
          LOAD: begin
            row[beat] <= in_data_i[r];
            if (beat == '0 || $signed(in_data_i[r]) > top) top <= in_data_i[r];
          end
          SUM: begin
            sum <= (beat == '0 ? '0 : sum) + 23'(power);
            remainder <= 23'd32768;
          end
          DIVIDE: begin
            reciprocal <= {reciprocal[QuotientBits-2:0], fits};
            remainder  <= 23'({remainder, 1'b0} - (fits ? {1'b0, sum} : '0));
          end
          default: ;
        endcase
      end
    end
  end

endmodule
