/// Where a beat stands in the sum: its highest window, and that beside the row's highest so far.
///
/// Windows are groups of octaves (softmax_total.sv). Bit n of `falls_o` says that the beat's highest
/// lies n below the row's highest so far, bit 0 also that it lies above. Bit n of `rises_o` says that
/// the row's highest rises by n, bit 0 that it stays. Where no bit is set it is COLUMNS or more: then
/// no column is left to one of the two. A row's first beat leaves nothing of the row before.
///
/// Worked value, windows of 16 octaves, 3 columns: beats whose highest octaves are 40, 70, 20:
/// windows 2, 4, 1; rises none, 2, 0; falls 0, 0, none.
///
/// Latency: 1 cycle from the octaves, beside a register that takes a beat when `move_i`; `valid_i`
/// and `last_i` are of the beat that stands there.
module softmax_window #(
    parameter int unsigned OCT_W = 9,
    parameter int unsigned WINDOW_LOG2 = 4,
    parameter int unsigned WIN_W = 5,
    parameter int unsigned COLUMNS = 3,
    parameter int unsigned LANES = 8
) (
    input  logic                          clk_i,
    input  logic                          rst_ni,
    input  logic                          move_i,
    input  logic [  LANES-1:0][OCT_W-1:0] octave_i,
    input  logic                          valid_i,
    input  logic                          last_i,
    output logic [  WIN_W-1:0]            window_o,
    output logic [  WIN_W-1:0]            top_o,
    output logic [COLUMNS-1:0]            falls_o,
    output logic [COLUMNS-1:0]            rises_o
);

  // At most four groups, of four lanes at least.
  localparam int unsigned Group = (LANES > 16) ? (LANES + 3) / 4 : 4;

  logic [Group-1:0][Group-1:0][WIN_W-1:0] windows;
  logic [Group-1:0][WIN_W-1:0] group_q;
  logic [Group-1:0][WIN_W:0] group_fall;
  logic [Group-1:0] group_wins;
  logic [WIN_W-1:0] top_q;
  logic [WIN_W:0] fall;
  logic first_q, rises;

  // Every two are compared at once, and the one that loses to none is taken: a tree would compare
  // twice in the cycle.
  function automatic logic [Group-1:0] wins(logic [Group-1:0][WIN_W-1:0] of);
    wins = '1;
    for (int unsigned a = 0; a < Group; a++) begin
      for (int unsigned b = a + 1; b < Group; b++) begin
        if (of[b] > of[a]) wins[a] = 1'b0;
        else wins[b] = 1'b0;
      end
    end
  endfunction

  function automatic logic [WIN_W-1:0] highest(logic [Group-1:0][WIN_W-1:0] of,
                                               logic [Group-1:0] which);
    highest = '0;
    for (int unsigned a = 0; a < Group; a++) highest |= of[a] & {WIN_W{which[a]}};
  endfunction

  always_comb begin
    windows = '0;
    for (int unsigned i = 0; i < LANES; i++) begin
      windows[i/Group][i%Group] = WIN_W'(32'(octave_i[i]) >> WINDOW_LOG2);
    end
  end

  always_ff @(posedge clk_i) begin
    for (int unsigned g = 0; g < Group; g++) begin
      if (move_i) group_q[g] <= highest(windows[g], wins(windows[g]));
    end
  end

  assign group_wins = wins(group_q);
  assign window_o   = highest(group_q, group_wins);

  always_comb begin
    fall = '0;
    for (int unsigned g = 0; g < Group; g++) begin
      group_fall[g] = (WIN_W + 1)'(top_q) - (WIN_W + 1)'(group_q[g]);
      fall |= group_fall[g] & {(WIN_W + 1) {group_wins[g]}};
    end
    rises = first_q || fall[WIN_W];
    top_o = rises ? window_o : top_q;
    for (int unsigned n = 0; n < COLUMNS; n++) begin
      falls_o[n] = rises ? n == 0 : fall == (WIN_W + 1)'(n);
      rises_o[n] = !first_q && ((n == 0) ? !rises : fall == -(WIN_W + 1)'(n));
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) first_q <= 1'b1;
    else if (move_i && valid_i) first_q <= last_i;
  end

  always_ff @(posedge clk_i) begin
    if (move_i && valid_i) top_q <= top_o;
  end

endmodule
