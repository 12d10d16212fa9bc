/// What several stages need to know: names of the symbols follow the golden model.
///
/// The functions pick the generated table of an output width, so that no module names a
/// precision. They run at elaboration only.
package softmax_pkg;

  import softmax_tables_pkg::*;

  localparam int unsigned ENTRY_W = 16;
  localparam int unsigned T_LIMIT = 16;
  localparam int unsigned XS_LIMIT = 512;
  localparam int unsigned KE_LIMIT = 128;
  localparam int unsigned TENTHS = 11;
  localparam int unsigned USER_W = 5;
  /// Beats that may come in between a row's last and its first of the next pass (row_store.sv): the
  /// most is that of two passes at int16 and 32 lanes, 13 to the row's info.
  localparam int unsigned IN_FLIGHT = 14;

  /// Row `j` of LUT_sigma takes 2^SIGMA_STRIDE_W words of address space.
  localparam int unsigned SIGMA_STRIDE_W = $clog2(softmax_regs_pkg::LUT_SIGMA_STRIDE);

  typedef enum logic [1:0] {
    TABLE_1E,
    TABLE_ALPHA,
    TABLE_EXP,
    TABLE_SIGMA
  } table_e;

  /// One entry of one table to be written; `entry` counts words in the table's window.
  typedef struct packed {
    logic valid;
    table_e which;
    logic [softmax_regs_pkg::ADDR_W-3:0] entry;
    logic [ENTRY_W-1:0] data;
  } load_t;

  /// What happens on the streams in a cycle.
  typedef struct packed {
    logic row;
    logic error;
    logic beat_in;
    logic beat_out;
    logic stall_in;
    logic stall_out;
  } events_t;

  typedef logic [T_LIMIT-1:0][ENTRY_W-1:0] lut_1e_t;
  typedef logic [XS_LIMIT:0][ENTRY_W-1:0] lut_alpha_t;
  typedef logic [KE_LIMIT-1:0][ENTRY_W-1:0] lut_exp_t;
  typedef logic [XS_LIMIT:0][TENTHS-1:0][ENTRY_W-1:0] lut_sigma_t;

  /// Entries of LUT_1/e: K of method `rexp`.
  function automatic int unsigned entries_1e(int unsigned w);
    case (w)
      15: return T_LEN_INT16;
      8: return T_LEN_UINT8;
      4: return T_LEN_UINT4;
      default: return T_LEN_UINT2;
    endcase
  endfunction

  /// T[k] = floor(M * e^-k), zeros behind.
  function automatic lut_1e_t lut_1e(int unsigned w);
    case (w)
      15: return lut_1e_t'(T_INT16);
      8: return lut_1e_t'(T_UINT8);
      4: return lut_1e_t'(T_UINT4);
      default: return lut_1e_t'(T_UINT2);
    endcase
  endfunction

  /// A[j] = floor(M / j).
  function automatic lut_alpha_t lut_alpha(int unsigned w);
    case (w)
      15: return A_INT16;
      8: return A_UINT8;
      4: return A_UINT4;
      default: return A_UINT2;
    endcase
  endfunction

  /// E[k] = floor(M * e^(-k/10)).
  function automatic lut_exp_t lut_exp(int unsigned w);
    case (w)
      15: return E_INT16;
      8: return E_UINT8;
      4: return E_UINT4;
      default: return E_UINT2;
    endcase
  endfunction

  /// L[j][c] = floor(M * (c/10) / j).
  function automatic lut_sigma_t lut_sigma(int unsigned w);
    case (w)
      15: return L_INT16;
      8: return L_UINT8;
      4: return L_UINT4;
      default: return L_UINT2;
    endcase
  endfunction

  // Method split, see golden/split.py.

  /// log2 of the octaves that one column of the sum can hold, where scores have no more.
  localparam int unsigned ONE_WINDOW_LOG2 = 5;
  localparam int unsigned LINE_W = 20;
  localparam int unsigned SEGMENTS_LIMIT = 64;

  typedef logic [SEGMENTS_LIMIT-1:0][LINE_W-1:0] lines_t;

  typedef enum logic [2:0] {
    INT16,
    INT16_BASE2,
    UINT8,
    UINT8_BASE2,
    UINT8_ROWEXP,
    UINT4,
    UINT2
  } format_e;

  /// Golden `format_name`: a row exponent takes longer words at uint8, base 2 shorter ones.
  function automatic format_e format_of(int unsigned w, bit row_exp, bit base2);
    case (w)
      15: return (base2 && !row_exp) ? INT16_BASE2 : INT16;
      8: return row_exp ? UINT8_ROWEXP : base2 ? UINT8_BASE2 : UINT8;
      4: return UINT4;
      default: return UINT2;
    endcase
  endfunction

  /// Word lengths.
  function automatic split_format_t split_format(int unsigned w, bit row_exp, bit base2);
    case (format_of(
        w, row_exp, base2
    ))
      INT16: return SPLIT_INT16;
      INT16_BASE2: return SPLIT_INT16_BASE2;
      UINT8: return SPLIT_UINT8;
      UINT8_BASE2: return SPLIT_UINT8_BASE2;
      UINT8_ROWEXP: return SPLIT_UINT8_ROWEXP;
      UINT4: return SPLIT_UINT4;
      default: return SPLIT_UINT2;
    endcase
  endfunction

  /// P: where each segment's line starts, zeros behind.
  function automatic lines_t power_entries(int unsigned w, bit row_exp, bit base2);
    case (format_of(
        w, row_exp, base2
    ))
      INT16: return lines_t'(P_ENTRY_INT16);
      INT16_BASE2: return lines_t'(P_ENTRY_INT16_BASE2);
      UINT8: return lines_t'(P_ENTRY_UINT8);
      UINT8_BASE2: return lines_t'(P_ENTRY_UINT8_BASE2);
      UINT8_ROWEXP: return lines_t'(P_ENTRY_UINT8_ROWEXP);
      UINT4: return lines_t'(P_ENTRY_UINT4);
      default: return lines_t'(P_ENTRY_UINT2);
    endcase
  endfunction

  /// P: how much each line rises.
  function automatic lines_t power_slopes(int unsigned w, bit row_exp, bit base2);
    case (format_of(
        w, row_exp, base2
    ))
      INT16: return lines_t'(P_SLOPE_INT16);
      INT16_BASE2: return lines_t'(P_SLOPE_INT16_BASE2);
      UINT8: return lines_t'(P_SLOPE_UINT8);
      UINT8_BASE2: return lines_t'(P_SLOPE_UINT8_BASE2);
      UINT8_ROWEXP: return lines_t'(P_SLOPE_UINT8_ROWEXP);
      UINT4: return lines_t'(P_SLOPE_UINT4);
      default: return lines_t'(P_SLOPE_UINT2);
    endcase
  endfunction

  /// R: where each segment's line starts, zeros behind.
  function automatic lines_t reciprocal_entries(int unsigned w, bit row_exp, bit base2);
    case (format_of(
        w, row_exp, base2
    ))
      INT16: return lines_t'(R_ENTRY_INT16);
      INT16_BASE2: return lines_t'(R_ENTRY_INT16_BASE2);
      UINT8: return lines_t'(R_ENTRY_UINT8);
      UINT8_BASE2: return lines_t'(R_ENTRY_UINT8_BASE2);
      UINT8_ROWEXP: return lines_t'(R_ENTRY_UINT8_ROWEXP);
      UINT4: return lines_t'(R_ENTRY_UINT4);
      default: return lines_t'(R_ENTRY_UINT2);
    endcase
  endfunction

  /// R: how much each line falls.
  function automatic lines_t reciprocal_slopes(int unsigned w, bit row_exp, bit base2);
    case (format_of(
        w, row_exp, base2
    ))
      INT16: return lines_t'(R_SLOPE_INT16);
      INT16_BASE2: return lines_t'(R_SLOPE_INT16_BASE2);
      UINT8: return lines_t'(R_SLOPE_UINT8);
      UINT8_BASE2: return lines_t'(R_SLOPE_UINT8_BASE2);
      UINT8_ROWEXP: return lines_t'(R_SLOPE_UINT8_ROWEXP);
      UINT4: return lines_t'(R_SLOPE_UINT4);
      default: return lines_t'(R_SLOPE_UINT2);
    endcase
  endfunction

  /// Base-4 digits of a power, its leading one included.
  function automatic int unsigned digits(int unsigned mant);
    return (mant + 2) / 2;
  endfunction

  /// Bits of a power times the reciprocal, the last CUT of which are not added.
  function automatic int unsigned product_w(int unsigned mant, int unsigned r, int unsigned cut);
    return mant + 1 + r - cut;
  endfunction

  /// How scores become octaves, golden `Octaves`: (score * factor + bias) >> shift.
  typedef struct packed {
    logic [31:0] factor;
    logic [31:0] shift;
    logic [63:0] bias;
    logic [31:0] last;    // octave of the highest score
  } octaves_t;

  /// The score is in offset binary: what that adds is in `bias`, beside a half for rounding and
  /// what puts the lowest score into octave 1.
  function automatic octaves_t octaves(int unsigned w, bit row_exp, bit base2, int unsigned f,
                                       int unsigned in_w);
    // verilator lint_off UNUSEDSIGNAL
    split_format_t form = split_format(w, row_exp, base2);  // of which some fields count here
    // verilator lint_on UNUSEDSIGNAL
    octaves_t found;
    int unsigned fraction = f + (base2 ? 0 : form.k);
    int unsigned left = (fraction < form.g) ? form.g - fraction : 0;
    int unsigned unit;
    logic [63:0] half, lowest;
    found.factor = (base2 ? 32'd1 : form.log2e) << left;
    found.shift = (fraction > form.g) ? fraction - form.g : 0;
    unit = found.shift + form.g;
    half = (64'd1 << found.shift) >> 1;
    lowest = half - (64'(found.factor) << (in_w - 1));
    found.bias = (lowest & ((64'd1 << unit) - 64'd1)) + (64'd1 << unit);
    found.last = 32'((64'(found.factor) * ((64'd1 << in_w) - 64'd1) + found.bias) >> unit);
    return found;
  endfunction

endpackage
