/// What the proofs of softmax_flow.sv say of a pipeline register of the core.
package softmax_flow_pkg;

  localparam int unsigned MAX_LANES = 4;

  typedef struct packed {
    logic                 valid;
    logic                 last;
    logic                 bad;
    logic                 skip;   // in front of the first store alone
    logic                 moves;  // it may hand its beat on
    logic [MAX_LANES-1:0] keep;
  } stage_t;

endpackage
