/// Proof of row_store: each row comes out once, whole, in order, beside its own info; of a bad row
/// one beat comes out and its room is given back.
module row_store_proof #(
    parameter int unsigned DATA_W = 1,
    parameter int unsigned INFO_W = 1,
    parameter int unsigned DEPTH = 5,
    parameter bit FALL_THROUGH = 1'b1
) (
    input logic              clk_i,
    input logic              rst_ni,
    input logic              push_valid_i,
    input logic [DATA_W-1:0] push_data_i,
    input logic              push_last_i,
    input logic              push_bad_i,
    input logic              push_skip_i,
    input logic              info_valid_i,
    input logic [INFO_W-1:0] info_i,
    input logic              pop_ready_i
);

  logic push_ready, pop_valid, pop_last, pop_bad;
  logic [DATA_W-1:0] pop_data;
  logic [INFO_W-1:0] pop_info;

  row_store #(
      .DATA_W(DATA_W),
      .INFO_W(INFO_W),
      .DEPTH(DEPTH),
      .FALL_THROUGH(FALL_THROUGH)
  ) u_store (
      .clk_i,
      .rst_ni,
      .push_valid_i,
      .push_ready_o(push_ready),
      .push_data_i,
      .push_last_i,
      .push_bad_i,
      .push_skip_i,
      .info_valid_i,
      .info_i,
      .pop_valid_o (pop_valid),
      .pop_ready_i,
      .pop_data_o  (pop_data),
      .pop_info_o  (pop_info),
      .pop_last_o  (pop_last),
      .pop_bad_o   (pop_bad)
  );

  stream_hold_props #(
      .W(DATA_W + INFO_W + 2)
  ) u_props (
      .clk_i,
      .rst_ni,
      .valid_i(pop_valid),
      .ready_i(pop_ready_i),
      .data_i ({pop_data, pop_info, pop_last, pop_bad})
  );

  logic started_q = 1'b0;

  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    if (!started_q) assume (!rst_ni);
    assume (u_store.u_ghost.contract);
  end

endmodule
