/// What AXI4-Stream asks of whoever drives a stream: an offered beat stays until it is taken.
///
/// Written without operators over time, so that the simulator and the prover both read it: what
/// was seen a cycle ago stands in registers.
module stream_hold_props #(
    parameter int unsigned W = 8
) (
    input logic         clk_i,
    input logic         rst_ni,
    input logic         valid_i,
    input logic         ready_i,
    input logic [W-1:0] data_i
);

  logic stalled_q;
  logic [W-1:0] data_q;

  always_ff @(posedge clk_i) begin
    stalled_q <= rst_ni && valid_i && !ready_i;
    data_q    <= data_i;
  end

  a_valid_holds :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !stalled_q || valid_i);
  a_beat_holds :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !stalled_q || data_i == data_q);

endmodule
