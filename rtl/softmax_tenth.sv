/// The column of LUT_sigma for each element: golden `c`, the exponent value in nearest tenths.
///
///   c = floor((20*e + M) / (2*M)): as many tenths as thresholds e has reached,
///   and e reaches tenth t from (2*t - 1) * M / 20 upwards.
///
/// Comparing costs no table entry and stays right for whatever table e came from.
///
/// Worked value, w = 8: e = 93: 93/255 = 0.365: c = 4.
///
/// Combinational; the stage around it registers.
module softmax_tenth #(
    parameter int unsigned W = 8,
    parameter int unsigned LANES = 8,
    localparam int unsigned CW = $clog2(softmax_pkg::TENTHS)
) (
    input  logic [LANES-1:0][ W-1:0] value_i,
    output logic [LANES-1:0][CW-1:0] c_o
);

  localparam int unsigned M = (1 << W) - 1;

  function automatic logic [W-1:0] threshold(int unsigned tenth);
    return W'(((2 * tenth - 1) * M + 19) / 20);
  endfunction

  always_comb begin
    for (int unsigned i = 0; i < LANES; i++) begin
      c_o[i] = '0;
      for (int unsigned t = 1; t < softmax_pkg::TENTHS; t++) begin
        if (value_i[i] >= threshold(t)) c_o[i] = CW'(t);
      end
    end
  end

endmodule
