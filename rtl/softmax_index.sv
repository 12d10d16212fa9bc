/// The table index of each element from its distance to the row maximum: golden `k`.
///
///   rexp:  k = min(d >> F, ENTRIES - 1)          lut2d: k = min((d * 10) >> F, ENTRIES - 1)
///
/// Worked value, rexp, F = 8: maximum 3.25, score 0.5: d = 2.75, k = 2.
///
/// Combinational; the stage around it registers.
module softmax_index #(
    parameter string METHOD = "rexp",
    parameter int unsigned QW = 16,
    parameter int unsigned F = 8,
    parameter int unsigned LANES = 8,
    parameter int unsigned ENTRIES = 8,
    localparam int unsigned KW = $clog2(ENTRIES)
) (
    input  logic [   QW-1:0]         max_i,
    input  logic [LANES-1:0][QW-1:0] q_i,
    output logic [LANES-1:0][KW-1:0] k_o
);

  // Tenths by shift and add: a multiplier would be slower than the whole rest of the stage.
  localparam bit Tenths = METHOD == "lut2d";
  localparam int unsigned ScaledW = QW + 4;
  // From this distance on the last entry, told beside the multiplication and not after it.
  localparam int unsigned Far = Tenths ? (((ENTRIES - 1) << F) + 9) / 10 : (ENTRIES - 1) << F;

  logic [LANES-1:0][QW-1:0] distance;
  logic [LANES-1:0][ScaledW-1:0] scaled;

  always_comb begin
    for (int unsigned i = 0; i < LANES; i++) begin
      distance[i] = max_i - q_i[i];
      scaled[i]   = ScaledW'(distance[i]);
      if (Tenths) scaled[i] = (scaled[i] << 3) + (scaled[i] << 1);
      k_o[i] = (32'(distance[i]) >= Far) ? KW'(ENTRIES - 1) : KW'(scaled[i] >> F);
    end
  end

endmodule
