/// Proof, up to a depth, that a row's probabilities are those of its definition, in a small
/// configuration, under any stalls, any resets, any input.
///
/// Nothing is assumed but that the first cycle is one in reset. Of all rows the solver picks one,
/// any, and it is written down as it goes in; what comes out in its turn is compared with the
/// method's definition, which divides where the core looks up. That it is its turn, and that the
/// row has its shape, is what softmax_flow.sv proves.
module softmax_values_proof #(
    parameter string METHOD = "rexp",
    parameter string INDEX = "distance",
    parameter int unsigned IN_W = 4,
    parameter int unsigned F = 0,
    parameter int unsigned W = 2,
    parameter int unsigned LANES = 2,
    parameter int unsigned MAX_LEN = 4,
    parameter int unsigned XS = 4,
    parameter int unsigned KE = 8,
    parameter bit ROW_EXP = 1'b0,
    parameter bit BASE2 = 1'b0,
    parameter int unsigned ROWS = 31
) (
    input logic                       clk_i,
    input logic                       rst_ni,
    input logic                       pick_i,
    input logic                       s_axis_tvalid,
    input logic [LANES-1:0][IN_W-1:0] s_axis_tdata,
    input logic [LANES-1:0]           s_axis_tkeep,
    input logic [LANES-1:0]           s_axis_tuser,
    input logic                       s_axis_tlast,
    input logic                       m_axis_tready
);

  logic s_axis_tready, m_axis_tvalid, m_axis_tlast;
  logic [LANES-1:0][W-1:0] m_axis_tdata;
  logic [LANES-1:0] m_axis_tkeep;
  logic [softmax_pkg::USER_W-1:0] m_axis_tuser;

  softmax_top #(
      .METHOD(METHOD),
      .INDEX(INDEX),
      .IN_W(IN_W),
      .F(F),
      .W(W),
      .LANES(LANES),
      .MAX_LEN(MAX_LEN),
      .XS(XS),
      .KE(KE),
      .ROW_EXP(ROW_EXP),
      .BASE2(BASE2)
  ) u_top (
      .clk_i,
      .rst_ni,
      .s_axis_tvalid,
      .s_axis_tready,
      .s_axis_tdata,
      .s_axis_tkeep,
      .s_axis_tuser,
      .s_axis_tlast,
      .m_axis_tvalid,
      .m_axis_tready,
      .m_axis_tdata,
      .m_axis_tkeep,
      .m_axis_tuser,
      .m_axis_tlast
  );

  localparam int unsigned MaxBeats = (MAX_LEN + LANES - 1) / LANES;
  localparam int unsigned BeatW = $clog2(MaxBeats + 1);
  localparam int unsigned Length = MaxBeats * LANES;
  localparam int unsigned RowW = $clog2(ROWS + 1);

  logic s_fire, s_end, m_fire, m_end;
  assign s_fire = s_axis_tvalid && s_axis_tready;
  assign m_fire = m_axis_tvalid && m_axis_tready;
  assign s_end  = s_fire && s_axis_tlast;
  assign m_end  = m_fire && m_axis_tlast;

  // The picked row: `taken` while it goes in and until it is out, `whole` once it is in.
  logic started_q = 1'b0;
  logic taken_q, taken, whole_q, done_q, inside_q, bad_q, over_q;
  logic [RowW-1:0] owed_q, ahead_q;
  logic [BeatW-1:0] beat_q, out_beat_q;
  logic [MaxBeats-1:0][LANES-1:0][IN_W-1:0] q_q;
  logic [MaxBeats-1:0][LANES-1:0] live_q;
  logic bad;

  // Its result is at the output.
  logic ours, good;
  assign ours  = m_axis_tvalid && taken_q && ahead_q == '0;
  assign good  = ours && whole_q && !bad_q;

  assign taken = taken_q || (s_fire && !inside_q && pick_i && !done_q);

  // A row is as it should be when its beats are full, but for the last, and the elements not too
  // many.
  always_comb begin
    bad = over_q || 32'(beat_q) * LANES + 32'($countones(s_axis_tkeep)) > MAX_LEN;
    bad = bad || s_axis_tkeep == '0 || (!s_axis_tlast && s_axis_tkeep != '1);
    for (int unsigned i = 1; i < LANES; i++) begin
      if (s_axis_tkeep[i] && !s_axis_tkeep[i-1]) bad = 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    if (!started_q) assume (!rst_ni);
    if (!rst_ni) begin
      taken_q <= 1'b0;
      whole_q <= 1'b0;
      done_q <= 1'b0;
      inside_q <= 1'b0;
      bad_q <= 1'b0;
      over_q <= 1'b0;
      owed_q <= '0;
      ahead_q <= '0;
      beat_q <= '0;
      out_beat_q <= '0;
    end else begin
      owed_q <= owed_q + RowW'(s_end) - RowW'(m_end);
      if (s_fire) begin
        inside_q <= !s_axis_tlast;
        over_q   <= bad && !s_axis_tlast;
        if (s_axis_tlast) beat_q <= '0;
        else if (32'(beat_q) < MaxBeats) beat_q <= beat_q + BeatW'(1);
      end
      if (taken && s_fire && !whole_q) begin
        taken_q <= 1'b1;
        whole_q <= s_axis_tlast;
        bad_q   <= bad;
        for (int unsigned b = 0; b < MaxBeats; b++) begin
          if (32'(beat_q) == b) begin
            q_q[b] <= s_axis_tdata;
            live_q[b] <= s_axis_tkeep & ~s_axis_tuser;
          end else if (beat_q == '0) begin
            live_q[b] <= '0;
          end
        end
      end
      if (!taken_q) ahead_q <= owed_q - RowW'(m_end);
      else if (m_end) ahead_q <= ahead_q - RowW'(1);
      if (m_fire) out_beat_q <= m_axis_tlast ? '0 : out_beat_q + BeatW'(1);
      if (ours && m_end) begin
        taken_q <= 1'b0;
        whole_q <= 1'b0;
        done_q  <= 1'b1;
      end
    end
  end

  localparam int unsigned M = (1 << W) - 1;
  localparam softmax_pkg::lut_1e_t T = softmax_pkg::lut_1e(W);
  localparam softmax_pkg::lut_exp_t E = softmax_pkg::lut_exp(W);

  logic [Length-1:0][IN_W-1:0] q;
  logic [Length-1:0] live;
  assign q = q_q;
  assign live = live_q;

  // The definition, in integers of 32 bits. `k` of `rexp` with INDEX = msb is a difference of
  // integer parts.
  int unsigned k[Length];
  int unsigned term[Length];
  int unsigned y[Length];
  int score, top;
  int unsigned sum, j;

  function automatic int number(logic [IN_W-1:0] q);
    int n = 32'(q) - (q[IN_W-1] ? 32'(1 << IN_W) : 32'd0);
    return (INDEX == "msb") ? n >>> F : n;
  endfunction

  always_comb begin
    top = -(1 << IN_W);
    sum = 0;
    for (int unsigned i = 0; i < Length; i++) begin
      score = number(q[i]);
      if (live[i] && score > top) top = score;
    end
    for (int unsigned i = 0; i < Length; i++) begin
      k[i] = 32'(top - number(q[i]));
      if (METHOD == "lut2d") begin
        k[i] = (k[i] * 10) >> F;
        term[i] = (k[i] < KE) ? 32'(E[k[i]]) : 32'(E[KE-1]);
      end else begin
        if (INDEX == "distance") k[i] = k[i] >> F;
        term[i] = (k[i] < softmax_pkg::T_LIMIT) ? 32'(T[k[i]]) : 0;
      end
      if (live[i]) sum = sum + term[i];
    end
    j = (2 * sum + M) / (2 * M);
    if (j < 1) j = 1;
    if (j > XS) j = XS;
    for (int unsigned i = 0; i < Length; i++) begin
      if (METHOD == "lut2d") y[i] = M * ((20 * term[i] + M) / (2 * M)) / (10 * j);
      else y[i] = term[i] * (M / j) / M;
      if (!live[i]) y[i] = 0;
    end
  end

  for (genvar b = 0; b < MaxBeats; b++) begin : gen_beat
    for (genvar i = 0; i < LANES; i++) begin : gen_lane
      a_value :
      assert property (@(posedge clk_i) disable iff (!rst_ni)
          !good || 32'(out_beat_q) != b || 32'(m_axis_tdata[i]) == y[b*LANES+i]);
    end
  end

endmodule
