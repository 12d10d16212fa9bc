/// Where the sum's leading one stands, and the reciprocal of what follows it: golden `top` and `r`.
///
///   sum = 2^(top - window * 2^WINDOW_LOG2) * s, s in [1, 2)        r = M / 2^w / s, in (1/2, 1)
///
/// R is one line a segment. At int16 a Newton step follows, r * (1 + unity - s * r): the square of
/// the table's error is what is left, at 36 bytes instead of 4 KiB.
///
/// Worked value, uint8: sum = 196864, leading one 17, 9 bits behind it: s = 769/512, r = 679/1024:
/// 255/256 / 1.502 = .6632.
///
/// Latency: 4 cycles (leading one, shift, table, line); with the Newton step 5, table and line in one.
module softmax_reciprocal #(
    parameter int unsigned W = 8,
    parameter bit ROW_EXP = 1'b0,
    parameter bit BASE2 = 1'b0,
    parameter int unsigned SUM_W = 45,
    parameter int unsigned WIN_W = 1,
    parameter int unsigned WINDOW_LOG2 = 5,
    parameter int unsigned SUM_FRAC = 9,
    parameter int unsigned TOP_W = 7,
    localparam softmax_tables_pkg::split_format_t Form = softmax_pkg::split_format(
        W, ROW_EXP, BASE2
    )
) (
    input  logic              clk_i,
    input  logic              rst_ni,
    input  logic              valid_i,
    input  logic [ WIN_W-1:0] window_i,
    input  logic [ SUM_W-1:0] sum_i,
    output logic              valid_o,
    output logic [ TOP_W-1:0] top_o,
    output logic [Form.r-1:0] r_o
);

  localparam int unsigned S = Form.s;
  localparam int unsigned Bytes = (SUM_W + 7) / 8;
  localparam int unsigned ByteW = (Bytes > 1) ? $clog2(Bytes) : 1;
  localparam int unsigned Segments = 1 << Form.r_seg;
  localparam int unsigned RestW = Form.r_in - Form.r_seg;
  localparam int unsigned LineW = softmax_pkg::LINE_W + Form.r_shift;
  localparam softmax_pkg::lines_t FullEntry = softmax_pkg::reciprocal_entries(W, ROW_EXP, BASE2);
  localparam softmax_pkg::lines_t FullSlope = softmax_pkg::reciprocal_slopes(W, ROW_EXP, BASE2);
  localparam logic [Segments-1:0][softmax_pkg::LINE_W-1:0] Entry = FullEntry[Segments-1:0];
  localparam logic [Segments-1:0][softmax_pkg::LINE_W-1:0] Slope = FullSlope[Segments-1:0];
  localparam int unsigned Latency = (Form.newton != 0) ? 5 : 4;
  localparam int unsigned TableStages = (Form.newton != 0) ? 0 : 1;

  // The byte with the leading one, and what follows it: below bit 0 there are zeros.
  logic [8*Bytes-1:0] padded;
  logic [S+7:0] head_d, head_q;
  logic [ByteW-1:0] byte_d, byte_q;
  logic [WIN_W-1:0] window_q;

  assign padded = (8 * Bytes)'(sum_i);

  always_comb begin
    byte_d = '0;
    for (int unsigned i = 0; i < Bytes; i++) if (padded[8*i+:8] != '0) byte_d = ByteW'(i);
    head_d = (S + 8)'({padded, S'(0)} >> {byte_d, 3'd0});
  end

  // The sum normalised: s without its leading one.
  logic [2:0] bit_d;
  logic [S-1:0] s_q;
  logic [TOP_W-1:0] top_q;

  always_comb begin
    bit_d = '0;
    for (int unsigned i = 0; i < 8; i++) if (head_q[S+i]) bit_d = 3'(i);
  end

  always_ff @(posedge clk_i) begin
    byte_q <= byte_d;
    head_q <= head_d;
    window_q <= window_i;
    s_q <= S'(head_q >> bit_d);
    top_q    <= TOP_W'({window_q, WINDOW_LOG2'(0)}) + TOP_W'({byte_q, bit_d})
        - TOP_W'(SUM_FRAC);
  end

  // The table's line.
  logic [ Form.r_in-1:0] seen;
  logic [Form.r_seg-1:0] segment;
  logic [Form.r_out-1:0] line_d, line_q;
  logic [softmax_pkg::LINE_W-1:0] entry, slope;
  logic [LineW-1:0] line;
  logic [RestW-1:0] rest;

  assign seen = s_q[S-1-:Form.r_in];
  assign segment = seen[Form.r_in-1-:Form.r_seg];

  delay_line #(
      .W(2 * softmax_pkg::LINE_W + RestW),
      .STAGES(TableStages)
  ) u_table (
      .clk_i,
      .rst_ni,
      .data_i({Entry[segment], Slope[segment], seen[RestW-1:0]}),
      .data_o({entry, slope, rest})
  );

  always_comb begin
    // entry - floor(slope * rest / 2^r_shift), in one go.
    line = {entry, {Form.r_shift{1'b1}}};
    for (int unsigned n = 0; n < RestW; n++) begin
      line = line - (LineW'(slope & {softmax_pkg::LINE_W{rest[n]}}) << n);
    end
    line_d = Form.r_out'(line >> Form.r_shift);
  end

  always_ff @(posedge clk_i) line_q <= line_d;

  if (Form.newton != 0) begin : gen_newton
    localparam int unsigned ProductW = S + Form.r_out + 1;
    localparam int unsigned ErrorShift = S + Form.r_out - Form.newton;
    // The line is good to 2^-10, and so is the error's magnitude (tests/golden/test_split.py).
    localparam int unsigned ErrorW = Form.newton - 9;
    localparam int unsigned Drop = Form.r_out + Form.newton - Form.r;
    localparam int unsigned RefinedW = Form.r_out + Form.newton + 1;

    logic signed [S:0] minus_q;
    logic signed [ProductW-1:0] product;
    logic [ProductW-1:0] leading;
    logic signed [ErrorW-1:0] error_d, error_q;
    logic [Form.r_out-1:0] start_q;
    logic signed [RefinedW-1:0] refined;

    // unity - s * line: the product has what follows s's leading one alone. Unity is so little less
    // than a power of two that the leading one's part changes no bit of it below its own.
    assign leading = {1'b0, ~line_q, S'(Form.unity)};
    assign product = ProductW'(minus_q) * $signed(ProductW'(line_q));
    assign error_d = ErrorW'((product + $signed(leading)) >>> ErrorShift);
    // A half of what is dropped lies below the start's last bit.
    assign refined = $signed(
        {1'b0, start_q, Form.newton'(1 << (Drop - 1))}
    ) + $signed(
        RefinedW'(start_q)
    ) * RefinedW'(error_q);

    always_ff @(posedge clk_i) begin
      minus_q <= -$signed({1'b0, s_q});
      error_q <= error_d;
      start_q <= line_q;
      r_o     <= Form.r'(refined >>> Drop);
    end
  end else begin : gen_table
    assign r_o = line_q;
  end

  delay_line #(
      .W(1),
      .STAGES(Latency),
      .RESET(1'b1)
  ) u_valid (
      .clk_i,
      .rst_ni,
      .data_i(valid_i),
      .data_o(valid_o)
  );

  delay_line #(
      .W(TOP_W),
      .STAGES(Latency - 2)
  ) u_top (
      .clk_i,
      .rst_ni,
      .data_i(top_q),
      .data_o(top_o)
  );

endmodule
