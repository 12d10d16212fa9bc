/// What row_store_ghost says of its store to the proof around it.
package row_store_ghost_pkg;

  typedef logic [7:0] count_t;

  typedef struct packed {
    count_t      open;     // beats of the open row
    count_t      beats;    // beats of complete rows
    count_t      owed;     // complete rows
    count_t      waiting;  // of them, those whose info has not come
    count_t      infos;    // of them, those whose info has
    count_t      done;     // beats that have left of a row that has not left whole
    count_t      head;     // beats that have yet to leave of the oldest complete row
    logic        skipped;  // beats of the open row were skipped
    logic        full;     // the store takes nothing
    logic        picked;   // the picked beat is in the store
    logic        whole;    // its row is complete
    logic        last;     // it is the last of its row
    logic        bad;      // it stands for a bad row
    count_t      ahead;    // beats before it
    logic        leaves;   // it leaves the store in this cycle
    logic [31:0] word;
  } view_t;

endpackage
