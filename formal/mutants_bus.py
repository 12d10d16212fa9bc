"""Broken lines of the AXI4-Lite side and of the register file."""

from __future__ import annotations

from formal.mutant import Mutant
from formal.proofs import Change

__all__ = ["MUTANTS"]


def _slave(property: str, lines: str, become: str) -> Mutant:
    return Mutant("axil_slave", property, Change("axil_slave.sv", lines, become), 12)


def _regs(property: str, file: str, lines: str, become: str) -> Mutant:
    return Mutant("registers of rexp", property, Change(f"softmax_{file}.sv", lines, become), 10)


MUTANTS = {
    "an address taken without its data": _slave(
        "a_write_once", "s_axil_wready = write_q", "s_axil_wready = write_q && s_axil_wstrb != '0"
    ),
    "a write that acts again": _slave(
        "a_write_once", "assign write_o = write_q;", "assign write_o = write_q || s_axil_bvalid;"
    ),
    "a write without its data": _slave(
        "a_write_once", "s_axil_awvalid && s_axil_wvalid", "s_axil_awvalid"
    ),
    "a read that acts again": _slave("a_read_once", "read_q  <= !read_q &&", "read_q  <="),
    "strobes of no write": _slave("a_write_means", "= s_axil_wstrb;", "= s_axil_wstrb | 4'd1;"),
    "data of no write": _slave(
        "a_write_means", "= s_axil_wdata;", "= {s_axil_wdata[15:0], s_axil_wdata[31:16]};"
    ),
    "a write to the read's address": _slave(
        "a_write_means", "{s_axil_awaddr[ADDR_W-1:2]", "{s_axil_araddr[ADDR_W-1:2]"
    ),
    "a read from the write's address": _slave(
        "a_read_means", "{s_axil_araddr[ADDR_W-1:2]", "{s_axil_awaddr[ADDR_W-1:2]"
    ),
    "a write taken too early": _slave("a_one_write", " && (!s_axil_bvalid || s_axil_bready)", ""),
    "a read taken too early": _slave("a_one_read", " && (!s_axil_rvalid || s_axil_rready)", ""),
    "a write's answer repeated": _slave(
        "a_b_has_request", "else if (s_axil_bready) s_axil_bvalid <= 1'b0;", ""
    ),
    "a read's answer repeated": _slave(
        "a_r_has_request", "else if (s_axil_rready) s_axil_rvalid <= 1'b0;", ""
    ),
    "a write's answer lost": _slave(
        "a_b_comes", "if (write_q) s_axil_bvalid", "if (write_q && !read_q) s_axil_bvalid"
    ),
    "a read's answer lost": _slave(
        "a_r_comes", "if (read_q) s_axil_rvalid", "if (read_q && !write_q) s_axil_rvalid"
    ),
    "a write never refused": _slave("a_b_answer", "write_error_i ? SLVERR", "1'b0 ? SLVERR"),
    "a refused read with data": _slave(
        "a_r_answer", "read_error_i ? '0 : read_data_i", "read_data_i"
    ),
    "an answer withdrawn": _slave(
        "a_valid_holds", "else if (s_axil_bready) s_axil_bvalid", "else s_axil_bvalid"
    ),
    "an answer changed": _slave("a_beat_holds", "    if (read_q) begin", "    begin"),
    "a write that waits for reads": _slave(
        "a_write_taken",
        "s_axil_awvalid && s_axil_wvalid",
        "s_axil_awvalid && s_axil_wvalid && !s_axil_arvalid",
    ),
    "a read that waits for answers to writes": _slave(
        "a_read_taken", "!read_q && s_axil_arvalid", "!read_q && s_axil_arvalid && !s_axil_bvalid"
    ),
    "a read that waits for writes": Mutant(
        "axil_slave, what can happen",
        "c_write_and_read",
        Change("axil_slave.sv", "!read_q && s_axil_arvalid", "!read_q && !s_axil_awvalid"),
        10,
    ),
    "an access taken in reset": _slave(
        "a_quiet_after_reset", "read_q <= 1'b0;", "read_q <= read_q;"
    ),
    "strobes that count for nothing": _regs(
        "a_read_value", "regs", "{8{write_strb_i[i]}}", "8'hFF"
    ),
    "a strobe of another byte": _regs(
        "a_read_value", "regs", "{8{write_strb_i[i]}}", "{8{write_strb_i[3-i]}}"
    ),
    "a counter cleared without a strobe": _regs(
        "a_read_value", "regs", "write_i && write_strb_i != '0", "write_i"
    ),
    "a counter cleared by whole words alone": _regs(
        "a_read_value", "regs", "write_strb_i != '0", "write_strb_i == '1"
    ),
    "a counter cleared by a refused write": _regs(
        "a_read_value",
        "counters",
        "clear_i && clear_here[i]",
        "clear_i && clear_addr_i[6:2] == Addr[i][6:2]",
    ),
    "an event lost in a clear": _regs(
        "a_read_value",
        "counters",
        "'0 : count_q[i]) + 32'(add[i])",
        "'0 : count_q[i] + 32'(add[i]))",
    ),
    "two refusals that count once": _regs(
        "a_read_value",
        "regs",
        "2'(write_i && write_error_o) + 2'",
        "2'(write_i && write_error_o) | 2'",
    ),
    "a fault that hides another": _regs(
        "a_read_value",
        "regs",
        "    if (refused_busy)",
        "    else if (refused_busy)",
    ),
    "a fault lost in its clearing": _regs(
        "a_read_value",
        "regs",
        "if (write_i && write_faults)",
        "if (write_i && write_faults && !(read_i && read_error_o))",
    ),
    "a register that a soft reset clears": _regs(
        "a_read_value",
        "regs",
        "!rst_ni) begin\n      scratch_q",
        "!rst_ni || soft_reset_o) begin\n      scratch_q",
    ),
    "a counter that outlives a soft reset": _regs(
        "a_read_value", "regs", "rst_ni && !soft_reset_o", "rst_ni"
    ),
    "a parameter of another build": _regs("a_read_value", "regs", "(32'(F) <<", "(32'(IN_W) <<"),
    "a write to what is only read": _regs(
        "a_write_answer",
        "regs",
        "== softmax_regs_pkg::CONTROL;",
        "[16:3] == softmax_regs_pkg::CONTROL[16:3];",
    ),
    "an entry past the table": _regs(
        "a_write_answer", "load", "32'(entry) <= XS;", "32'(entry) <= XS + 1;"
    ),
    "an entry before the table": _regs("a_write_answer", "load", "entry != '0 && ", ""),
    "an entry in flight": _regs(
        "a_write_answer", "load", "!no_entry_o && busy_i;", "!no_entry_o && busy_i && strb_i[0];"
    ),
    "an entry too large": _regs("a_write_answer", "load", "data_i <= M;", "data_i <= M + 1;"),
    "an entry written in part": _regs("a_write_answer", "load", "strb_i == '1", "strb_i != '0"),
    "a last entry that is not 0": _regs("a_write_answer", "load", "== K - 1", "== K"),
    "a window that is read": _regs(
        "a_read_answer",
        "regs",
        "read_error_o = !count_read;",
        "read_error_o = !count_read && read_addr_i < softmax_regs_pkg::LUT_1E;",
    ),
    "a refused entry written": _regs(
        "a_load", "load", "valid_i && !no_entry_o && !busy_i && fits;", "valid_i && !no_entry_o;"
    ),
    "an entry of the other table": _regs(
        "a_load", "load", "which  = softmax_pkg::TABLE_ALPHA;", ""
    ),
    "the entry beside": _regs(
        "a_load",
        "regs",
        "load_o.entry <= load.entry;",
        "load_o.entry <= load.entry ^ 15'(load_o.valid);",
    ),
    "a soft reset of another byte": _regs(
        "a_soft_reset",
        "regs",
        "CONTROL_SOFT_RESET_LSB] && write_strb_i[0]",
        "CONTROL_SOFT_RESET_LSB] && write_strb_i != '0",
    ),
}
