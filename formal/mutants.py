"""Broken lines of the streams' parts and of the cores."""

from __future__ import annotations

from formal.mutant import Mutant
from formal.proofs import Change

__all__ = ["MUTANTS"]

MUTANTS = {
    "a stalled word overwritten": Mutant(
        "stream_reg",
        "a_word",
        Change("stream_reg.sv", "if (ready_o && valid_i)", "if (valid_i)"),
        6,
    ),
    "a stalled word withdrawn": Mutant(
        "stream_reg",
        "a_offered",
        Change("stream_reg.sv", "else if (ready_o) valid_q", "else valid_q"),
        6,
    ),
    "a register that never closes up": Mutant(
        "stream_reg, elastic",
        "a_takes",
        Change("stream_reg.sv", "ready_i || (ELASTIC && !valid_q)", "ready_i"),
        6,
    ),
    "a register that takes a word its chain does not move": Mutant(
        "stream_reg",
        "a_takes",
        Change("stream_reg.sv", "(ELASTIC && !valid_q)", "!valid_q"),
        6,
    ),
    "words overtaken": Mutant(
        "fall_through_fifo",
        "a_word",
        Change("fall_through_fifo.sv", "second_valid_q ? second_q :", "1'b0 ? second_q :"),
        10,
    ),
    "a word not shown at once": Mutant(
        "fall_through_fifo",
        "a_through",
        Change(
            "fall_through_fifo.sv", "(first_valid_q || !FALL_THROUGH) ? first_q : data_i", "first_q"
        ),
        6,
    ),
    "a word lost": Mutant(
        "fall_through_fifo",
        "a_valid",
        Change(
            "fall_through_fifo.sv",
            ": queued_q || write;",
            ": queued_q;",
        ),
        10,
    ),
    "a word read and not taken": Mutant(
        "fall_through_fifo",
        "a_word",
        Change("fall_through_fifo.sv", "third_read_q ? read : third_q", "third_q"),
        12,
    ),
    "a row given before its info": Mutant(
        "row_store",
        "a_info",
        Change("row_store.sv", "read_q && row_valid", "read_q"),
        10,
    ),
    "a row given before it is whole": Mutant(
        "row_store",
        "a_whole",
        Change("row_store.sv", "more = rd_q != start_q", "more = rd_q != wr_q"),
        10,
    ),
    "a last beat not marked as such": Mutant(
        "row_store",
        "a_beat",
        Change(
            "row_store.sv", "{push_last_i, push_last_i &&", "{push_last_i && !store, push_last_i &&"
        ),
        12,
    ),
    "a bad row's room kept": Mutant(
        "row_store",
        "a_room",
        Change("row_store.sv", "used_q - open_q + FillW'(!pop_q)", "used_q"),
        12,
    ),
    "a beat read before it is there": Mutant(
        "row_store", "a_data", Change("row_store.sv", "more = rd_q != start_q", "more = 1'b1"), 10
    ),
    "a beat that waits overwritten": Mutant(
        "row_store",
        "a_data",
        Change("row_store.sv", "read = more && (!read_q || pop)", "read = more"),
        10,
    ),
    "a row that waits for nothing": Mutant(
        "row_store",
        "a_offers",
        Change("row_store.sv", "read_q <= more;", "read_q <= more && !pop;"),
        12,
    ),
    "a beat too many": Mutant(
        "row_store", "a_data", Change("row_store.sv", "!pop_q && (full_q || fills)", "1'b0"), 14
    ),
    "a store full unseen, of a bad row": Mutant(
        "row_store", "a_ring", Change("row_store.sv", " && open_q != '0);", ");"), 14
    ),
    "an input open after reset": Mutant(
        "flow of rexp, two passes",
        "a_quiet_after_reset",
        Change("softmax_ingress.sv", "accepting_q <= 1'b0;", "accepting_q <= 1'b1;"),
        6,
    ),
    "an offer withdrawn": Mutant(
        "flow of rexp, two passes",
        "a_valid_holds",
        Change("stream_reg.sv", "else if (ready_o) valid_q", "else valid_q"),
        20,
    ),
    "an offer changed": Mutant(
        "flow of rexp, two passes",
        "a_beat_holds",
        Change("stream_reg.sv", "if (ready_o && valid_i)", "if (valid_i)"),
        24,
    ),
    "a beat repeated": Mutant(
        "flow of rexp, two passes",
        "a_result_has_row",
        Change("stream_reg.sv", "valid_q <= valid_i;", "valid_q <= valid_q || valid_i;"),
        20,
    ),
    "a row cut short": Mutant(
        "flow of rexp, two passes",
        "a_row_shape",
        Change("row_store.sv", "{push_last_i, push_last_i", "{1'b1, push_last_i"),
        24,
    ),
    "a result before its row": Mutant(
        "flow of rexp, two passes",
        "a_row_is_in",
        Change(
            "row_store.sv",
            "read_q && row_valid;\n  assign pop = pop_valid_o && pop_ready_i;\n"
            "  assign more = rd_q != start_q",
            "read_q;\n  assign pop = pop_valid_o && pop_ready_i;\n  assign more = rd_q != wr_q",
        ),
        20,
    ),
    "a hole in tkeep taken": Mutant(
        "flow of rexp, two passes",
        "a_error_flag",
        Change("softmax_ingress.sv", "if ((keep_i & (keep_i + LANES'(1))) != '0) bad = 1'b1;", ""),
        20,
    ),
    "a row too long taken": Mutant(
        "flow of split",
        "a_error_flag",
        Change("softmax_ingress.sv", "if (in_tail && (keep_i & ~TailLanes) != '0) bad = 1'b1;", ""),
        24,
    ),
    "an error beat with elements": Mutant(
        "flow of lut2d",
        "a_error_beat",
        Change("softmax_select.sv", "bad_i ? LANES'(0) : keep_i", "keep_i"),
        24,
    ),
    "rows overtaken": Mutant(
        "flow of rexp, three passes",
        "a_row_shape",
        Change(
            "row_store.sv",
            "rd_q <= next(rd_q)",
            "rd_q <= (pop && pop_last_o) ? start_q : next(rd_q)",
        ),
        30,
    ),
    "a row swallowed": Mutant(
        "flow of rexp, two passes",
        "a_progress",
        Change("softmax_sum_index.sv", ".data_i(valid_i)", ".data_i(1'b0)"),
        30,
    ),
    "a masked element counted": Mutant(
        "values of rexp", "a_value", Change("softmax_count.sv", "run_live[i] && ", ""), 20
    ),
    "a sum off by one": Mutant(
        "values of lut2d",
        "a_value",
        Change("softmax_sum.sv", "(first_q ? '0 :", "(first_q ? SumW'(1) :"),
        22,
    ),
    "a sum that starts anywhere": Mutant(
        "X of lut2d",
        "a_known_beat",
        Change("softmax_sum.sv", "(first_q ? '0 : sum_o)", "sum_o"),
        20,
    ),
    "an offer from nowhere": Mutant(
        "X of lut2d",
        "a_known_handshakes",
        Change(
            "fall_through_fifo.sv", "first_valid_q  <= 1'b0;", "first_valid_q  <= first_valid_q;"
        ),
        20,
    ),
}
