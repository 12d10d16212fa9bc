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

endpackage
