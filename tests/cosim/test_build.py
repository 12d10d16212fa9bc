"""Builds of a toy design: what makes a new one, what does not, and what a failure says."""

import os
import re
import subprocess
import xml.etree.ElementTree as ET
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from softmax_cosim import configs
from softmax_cosim.configs import UsageError
from softmax_cosim.simulation import toolchain
from softmax_cosim.simulation.build import PROFILES, build, parameters_of, rtl_sources

TOY = """
module toy #(parameter string KIND = "plus", parameter int STEP = 1) (
    input logic clk_i,
    input logic [7:0] data_i,
    output logic [7:0] data_o
);
  logic [7:0] hidden_q;
  always_ff @(posedge clk_i) hidden_q <= (KIND == "plus") ? data_i + 8'(STEP) : data_i - 8'(STEP);
  assign data_o = hidden_q;
endmodule
"""
TOY_TEST = """
import os
import cocotb
from cocotb.triggers import Timer

@cocotb.test()
async def steps(dut):
    dut.clk_i.value = 0
    dut.data_i.value = 40
    await Timer(1, "ns")
    dut.clk_i.value = 1
    await Timer(1, "ns")
    assert dut.data_o.value == int(os.environ["EXPECTED"])
    assert hasattr(dut, "hidden_q") == bool(os.environ["HIDDEN"])

@cocotb.test()
async def other(dut):
    raise RuntimeError("must not be chosen")
"""


@pytest.fixture(scope="module")
def toys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toys")
    (folder / "toy.sv").write_text(TOY)
    (folder / "toy_test.py").write_text(TOY_TEST)
    return folder


def make(toys: Path, **options):
    options = {"top": "toy", "sources": [toys / "toy.sv"], "build_root": toys / "build"} | options
    return build(**options)


def simulate(result, toys: Path, expected: int, hidden: bool, waves: Path | None = None) -> None:
    """Run the toy's test, and see that exactly that one ran and passed."""
    file = toys / "results.xml"
    file.unlink(missing_ok=True)
    environment = result.environment("toy_test", seed=7, tests="steps", results=file)
    environment["PYTHONPATH"] += os.pathsep + str(toys)
    environment |= {"EXPECTED": str(expected), "HIDDEN": "1" if hidden else ""}
    command = result.command(waves=waves)
    run = subprocess.run(
        command, env=environment, cwd=toys, capture_output=True, text=True, check=True
    )
    assert "Seeding Python random module with 7" in run.stdout
    cases = [case for case in ET.parse(file).iter("testcase") if case.find("skipped") is None]
    assert [case.get("name") for case in cases] == ["steps"], run.stdout
    assert all(case.find("failure") is None for case in cases), run.stdout


def test_a_simulation_runs_with_all_signals_visible(toys):
    simulate(make(toys, parameters={"STEP": 2}), toys, 42, hidden=True)


def test_a_simulation_runs_with_the_ports_alone_and_writes_a_waveform(toys):
    result = make(toys, parameters={"KIND": "minus"}, public=False, waves=True)
    simulate(result, toys, 39, hidden=False, waves=toys / "toy.vcd")
    assert "hidden_q" in (toys / "toy.vcd").read_text()


def test_the_same_inputs_are_built_once(toys):
    first = make(toys)
    before = first.executable.stat().st_mtime_ns
    assert make(toys) == first
    assert first.executable.stat().st_mtime_ns == before
    # A cut-short build lies beside, and is not taken for a good one.
    assert not list(first.folder.parent.glob("*.partial"))


@pytest.mark.parametrize(
    "change",
    [
        {"parameters": {"STEP": 3}},
        {"public": False},
        {"waves": True},
        {"profile": "fast"},
        {"args": ["-Wno-WIDTH"]},
        {"name": "other"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_option_makes_another_build(toys, change, monkeypatch):
    monkeypatch.setattr("softmax_cosim.simulation.build._compile", lambda job, work: None)
    assert make(toys, **change).folder != make(toys).folder


@pytest.mark.parametrize("kind", ["source", "extra", "cpp", "header"])
def test_changed_contents_make_another_build(tmp_path, kind, monkeypatch):
    monkeypatch.setattr("softmax_cosim.simulation.build._compile", lambda job, work: None)
    files = {"source": "toy.sv", "extra": "extra.sv", "cpp": "part.cpp", "header": "part.h"}
    for name in files.values():
        (tmp_path / name).write_text("// one\n")
    options = {
        "sources": [tmp_path / "toy.sv"],
        "extra_sources": [tmp_path / "extra.sv"],
        "cpp": [tmp_path / "part.cpp"],
    }
    before = make(tmp_path, **options)
    assert make(tmp_path, **options) == before
    (tmp_path / files[kind]).write_text("// two\n")
    assert make(tmp_path, **options) != before


def test_another_tool_version_makes_another_build(toys, monkeypatch):
    monkeypatch.setattr("softmax_cosim.simulation.build._compile", lambda job, work: None)
    before = make(toys)
    monkeypatch.setattr(toolchain, "fingerprint", lambda: "another verilator")
    assert make(toys) != before


def count_build(folder: str) -> str:
    """In a process of its own: build, and note each real compilation."""
    import softmax_cosim.simulation.build as module

    def compile_it(job, work):
        with Path(folder, "compiled").open("a") as file:
            file.write("x")
        (work / "simulation").write_text("")

    module._compile = compile_it
    return str(make(Path(folder)).folder)


def test_parallel_processes_build_once(tmp_path):
    (tmp_path / "toy.sv").write_text(TOY)
    with ProcessPoolExecutor(4) as pool:
        folders = set(pool.map(count_build, [str(tmp_path)] * 8))
    assert len(folders) == 1
    assert (tmp_path / "compiled").read_text() == "x"


def test_a_failed_build_says_the_first_error_and_is_tried_again(toys, tmp_path):
    (tmp_path / "toy.sv").write_text(TOY.replace("data_i + ", "dato_i + "))
    with pytest.raises(UsageError, match=r"building toy failed: %Error.*'dato_i'.*log: ") as info:
        make(tmp_path, build_root=toys / "build")
    log = Path(str(info.value).rsplit("log: ", 1)[1].rstrip(")"))
    assert "dato_i" in log.read_text()
    (tmp_path / "toy.sv").write_text(TOY)
    assert make(tmp_path, build_root=toys / "build").executable.is_file()


def test_a_compiler_error_is_found(toys, tmp_path):
    (tmp_path / "toy.sv").write_text(TOY)
    (tmp_path / "part.cpp").write_text("int broken() { return missing_name; }\n")
    with pytest.raises(UsageError, match=r"building toy failed: .*error: .*missing_name"):
        make(tmp_path, cpp=[tmp_path / "part.cpp"], build_root=toys / "build")


def test_a_missing_source(tmp_path):
    with pytest.raises(UsageError, match=r"cannot read the source .*toy\.sv: No such file"):
        make(tmp_path)


def test_a_folder_that_cannot_be_made(toys, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot build in .*file: "):
        make(toys, build_root=tmp_path / "file")


def test_a_folder_with_a_space(toys, tmp_path):
    with pytest.raises(UsageError, match=r"move the project to a path without spaces"):
        make(toys, build_root=tmp_path / "my builds")


def test_an_unknown_profile(toys):
    with pytest.raises(KeyError):
        make(toys, profile="slow")
    assert set(PROFILES) == {"test", "fast"}


def test_the_parameters_are_those_of_the_top():
    text = next(path for path in rtl_sources() if path.stem == "softmax_top").read_text()
    header = text[: text.index(") (")]
    for name in configs.names():
        values = parameters_of(configs.load(name))
        for key, value in values.items():
            kind = "string" if isinstance(value, str) else "(int unsigned|bit)"
            assert re.search(f"parameter {kind} {key} =", " ".join(header.split())), key


def test_every_rtl_file_is_listed():
    folder = rtl_sources()[0].parents[1]
    properties = {path.name for path in (folder / "sva").glob("*.sv")}
    there = {path.name for path in folder.rglob("*.sv")}
    assert there - properties == {path.name for path in rtl_sources()}
