// Sizes, and the states of sm_top.
`ifndef SM_DEFS
`define SM_DEFS

`define SM_POWER_W 12      // UQ1.11
`define SM_OUT_W   16      // UQ1.15

`define SM_LOAD    2'd0
`define SM_SUM     2'd1
`define SM_DIVIDE  2'd2

`endif
