"""Designs of somebody else, and libraries, through the real tools."""

from __future__ import annotations

import dataclasses
import gzip
import json
from pathlib import Path

import pytest

from softmax_cosim import cli, configs
from softmax_cosim.configs import UsageError
from softmax_cosim.configs.design import Rtl
from softmax_cosim.synth import area, flows, liberty, tools
from softmax_cosim.synth.figures import gates_of
from softmax_cosim.synth.unit import Unit, unit_of

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "synth" / "data" / "tiny.lib"
DISTANCE = str(ROOT / "examples" / "distance" / "distance.toml")

#: One flip-flop behind an AND, per bit; a table that is read from a file; a delay.
SOURCE = """
`include "size.svh"
module gate #(parameter int W = 1, parameter string MEMORY = "") (
    input logic clk, input logic [W-1:0] a, b, output logic [W-1:0] q, output logic [7:0] t
);
  logic [7:0] table_q[4];
  initial $readmemh(MEMORY, table_q);
  assign t = table_q[a[0]] `OFFSET;
  logic [W-1:0] y;
  for (genvar i = 0; i < W; i++) both u_both (.a(a[i]), .b(b[i]), .y(y[i]));
  always_ff @(posedge clk) q <= #1 y;
  if (W != `SIZE) $fatal(1, "W is not what the header says");
endmodule
"""
LIBRARY_MODULE = "module both(input a, b, output y); assign y = a & b; endmodule\n"
OLD = """
module old(clk, a, b, q);
  parameter W = 2;
  input clk; input [W-1:0] a, b; output [W-1:0] q; reg [W-1:0] q;
  wire [W-1:0] logic;
  assign logic = a & b;
  always @(posedge clk) q <= logic;
endmodule
"""


@pytest.fixture
def built_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a failure leaves is left in the test's own folder."""
    monkeypatch.setenv("SOFTMAX_COSIM_BUILD", str(tmp_path / "build"))


@pytest.fixture
def gate(tmp_path: Path, built_here: None) -> Unit:
    folder = tmp_path / "a b it's $x"
    (folder / "inc").mkdir(parents=True)
    (folder / "lib").mkdir()
    (folder / "lib" / "both.v").write_text(LIBRARY_MODULE)
    (folder / "gate.sv").write_text(SOURCE)
    (folder / "inc" / "size.svh").write_text("`define SIZE 3\n")
    (folder / "t.hex").write_text("ff\nff\n00\n00\n")
    rtl = Rtl(
        top="gate",
        files=(str(folder / "gate.sv"),),
        parameters={"W": "3", "MEMORY": '"t.hex"'},
        include_dirs=(str(folder / "inc"),),
        libraries=(str(folder / "lib"),),
        suffixes=(".v",),
        defines={"OFFSET": "+ 8'd1"},
    )
    return Unit("gate", rtl, folder)


@pytest.fixture
def old(tmp_path: Path, built_here: None) -> Unit:
    (tmp_path / "old.v").write_text(OLD)
    rtl = Rtl("old", (str(tmp_path / "old.v"),), language="1364-2001")
    return Unit("old", rtl, tmp_path)


def test_sources_are_read_as_the_design_says(gate):
    with flows.gates(gate) as folder:
        found = gates_of(folder)
        text = (folder / "netlist.v").read_text()
    # Of the table only the two words that a[0] can choose count, and 255 + 1 is 0.
    assert (found.gate_ff, found.memory_bits) == (3, 0)
    assert "assign t = 8'h00" in text
    assert not folder.exists()


def test_a_design_of_verilog_2001_says_so(old):
    with flows.gates(old) as folder:
        assert gates_of(folder).gate_ff == 2


def test_what_slang_refuses_is_one_sentence_with_file_and_line(old):
    refused = dataclasses.replace(old, rtl=dataclasses.replace(old.rtl, language=""))
    with pytest.raises(UsageError) as raised, flows.gates(refused):
        pass
    said = str(raised.value)
    assert f"{old.rtl.files[0]}:5: ERROR: expected a declaration name" in said
    log = Path(said.rpartition("the whole log: ")[2].rstrip(")"))
    assert log.is_file()


def test_cells_and_delay_of_a_library(old):
    found = liberty.synthesise(old, LIBRARY)
    assert found.cells == {"NAND2": 2, "INV": 2, "DFF": 2}
    assert (found.area, found.sequential_area) == (2 * (2.25 + 1.5 + 8), 16)
    assert (found.delay_ps, found.depth) == (20 + 10, 2)
    assert (found.generic.nand_nor, found.generic.gate_ff) == (2, 2)


def test_a_packed_library_and_cells_that_are_not_to_be_used(old, tmp_path):
    packed = tmp_path / "tiny.lib.gz"
    packed.write_bytes(gzip.compress(LIBRARY.read_bytes()))
    liberty.check(packed)
    found = liberty.synthesise(old, packed, ["NAND*"])
    assert found.cells == {"INV": 4, "NOR2": 2, "DFF": 2}
    assert (found.delay_ps, found.depth) == (10 + 30, 2)


def test_the_example_in_cells_of_a_library(tmp_path, capsys):
    before = area.AREA.read_bytes()
    out = tmp_path / "figures.json"
    assert cli.main(["synth", DISTANCE, "--liberty", str(LIBRARY), "--out", str(out)]) == 0
    (design,) = json.loads(out.read_text())["designs"]
    assert (design["name"], design["top"]) == ("distance", "distance_top")
    figures = design["figures"]
    cost = {"INV": 1.5, "BUF": 2, "NAND2": 2.25, "NOR2": 2.5, "DFF": 8}
    cells = figures["cells"]
    assert figures["area"] == sum(cost[name] * count for name, count in cells.items())
    assert figures["sequential_area"] == 8 * cells["DFF"]
    assert cells["DFF"] == figures["generic"]["gate_ff"] > 200
    assert figures["generic"]["memory_bits"] > 1000
    assert figures["delay_ps"] > 200
    assert figures["delay_ps"] % 10 == 0
    assert f"area {figures['area']:,.7g}" in capsys.readouterr().out
    assert area.AREA.read_bytes() == before


def test_a_configuration_of_ours_in_cells_of_a_library(tmp_path):
    out = tmp_path / "figures.json"
    words = ["synth", "rexp_uint8_in8", "--liberty", str(LIBRARY), "--out", str(out)]
    assert cli.main(words) == 0
    (design,) = json.loads(out.read_text())["designs"]
    recorded = area.committed()["rexp_uint8_in8"]
    assert design["figures"]["generic"]["gate_ff"] == recorded.gate_ff
    assert design["figures"]["cells"]["DFF"] == recorded.gate_ff


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("hello", "is no Liberty file: "),
        ("", "is no Liberty file: No entries found"),
        ("module a(input b); endmodule", "is no Liberty file: Syntax error"),
        ("library (x) {\n cell (A) { area : 1;\n", "is no Liberty file: Syntax error"),
        ("library (x) { }\n", "is a Liberty file without any cell"),
    ],
)
def test_what_is_no_library_is_one_sentence(tmp_path, capsys, text, why):
    library = tmp_path / "x.lib"
    library.write_text(text)
    assert cli.main(["synth", DISTANCE, "--liberty", str(library)]) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert sentence.startswith(f"cosim: {library} {why}")


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("DFF", "lacks a cell that the design needs: D flip-flops are not supported"),
        ("BUF", "it wants an inverter, a buffer and gates of two inputs"),
    ],
)
def test_a_library_that_lacks_a_cell(old, tmp_path, cell, why):
    before, after = LIBRARY.read_text().split(f"  cell ({cell}) {{")
    library = tmp_path / "x.lib"
    library.write_text(before + after.partition("\n  }\n")[2])
    liberty.check(library)
    with pytest.raises(UsageError, match=why):
        liberty.synthesise(old, library)


def test_the_example_on_an_ecp5(tmp_path, capsys):
    before = area.AREA.read_bytes()
    out = tmp_path / "figures.json"
    assert cli.main(["synth", DISTANCE, "--out", str(out)]) == 0
    (design,) = json.loads(out.read_text())["designs"]
    figures = design["figures"]
    assert (figures["lut4"] > 500, figures["ff"] > 200, figures["fmax_mhz"] > 50) == (True,) * 3
    assert " levels" in figures["critical"]
    assert f"{figures['lut4']:,} LUT4" in capsys.readouterr().out
    assert area.AREA.read_bytes() == before


@pytest.mark.parametrize(
    "path", sorted((ROOT / "examples").glob("*/*.toml")), ids=lambda path: path.stem
)
def test_every_example_is_read(path, tmp_path):
    """And its loops unrolled; what follows takes minutes for some."""
    unit = unit_of(configs.load(str(path)))
    tools.yosys(tools.read(unit, tmp_path) + "write_rtlil read.il\n", tmp_path, "read")
    assert f"module \\{unit.rtl.top}" in (tmp_path / "read.il").read_text()


def test_the_example_stage_by_stage(capsys):
    assert cli.main(["synth", DISTANCE, "--stages"]) == 0
    said = capsys.readouterr().out
    assert "distance: NAND + NOR, NOT, FF of each stage alone" in said
    assert " softmax_max$distance_top.u_max" in said


def test_a_design_without_a_clock_has_no_fmax(tmp_path):
    source = tmp_path / "wire.sv"
    source.write_text("module wires(input a, b, output y); assign y = a ^ b; endmodule\n")
    found = flows.synthesise(Unit("wires", Rtl("wires", (str(source),)), tmp_path))
    assert (found.ff, found.gate_ff, found.critical) == (0, 0, "")
    assert found.fmax_mhz != found.fmax_mhz  # NaN
    assert found.nand_nor == 3
