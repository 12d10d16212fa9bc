// 2^(-f/8) in UQ1.11.
function [`SM_POWER_W-1:0] power;
  input [2:0] f;
  case (f)
    3'd0: power = 12'd2048;
    3'd1: power = 12'd1878;
    3'd2: power = 12'd1722;
    3'd3: power = 12'd1579;
    3'd4: power = 12'd1448;
    3'd5: power = 12'd1328;
    3'd6: power = 12'd1218;
    3'd7: power = 12'd1117;
  endcase
endfunction
