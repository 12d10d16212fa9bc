"""Builds of a toy design: what makes a new one, what does not, and what a failure says."""

import os
import re
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from softmax_cosim import configs
from softmax_cosim.configs import UsageError
from softmax_cosim.simulation import toolchain
from softmax_cosim.simulation.build import PROFILES, build, parameters_of, rtl_sources
from softmax_cosim.simulation.cache import Read
from softmax_cosim.simulation.compile import Job
from tests.runtime import share_runtime

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
    share_runtime(folder / "build")
    return folder


@pytest.fixture
def unbuilt(monkeypatch):
    """Builds are folders of nothing, made of the files that are given."""
    key = Job.key
    monkeypatch.setattr(Job, "make", lambda job, work: Read([*job.files, *job.cpp]))
    monkeypatch.setattr(Job, "key", lambda job: f"of nothing: {key(job)}")  # nobody else's build


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
    left = set((toys / "build").glob("*.partial"))  # by tests of builds that fail
    first = make(toys)
    before = first.executable.stat().st_mtime_ns
    assert make(toys) == first
    assert first.executable.stat().st_mtime_ns == before
    assert set((toys / "build").glob("*.partial")) == left


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
@pytest.mark.usefixtures("unbuilt")
def test_a_changed_option_makes_another_build(toys, change):
    assert make(toys, **change).folder != make(toys).folder


@pytest.mark.usefixtures("unbuilt")
def test_another_tool_version_makes_another_build(toys, monkeypatch):
    before = make(toys)
    monkeypatch.setattr(toolchain, "fingerprint", lambda: "another verilator")
    assert make(toys) != before


def test_another_program_of_the_same_version_makes_another_build(monkeypatch, tmp_path):
    """As a wrapper that adds an option."""
    wrapper = tmp_path / "g++"
    wrapper.write_text('#!/bin/sh\nexec /usr/bin/env -S g++ "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setattr(toolchain.shutil, "which", lambda name: str(tmp_path / name))
    monkeypatch.setattr(toolchain, "version_of", lambda name: "12.2")
    before = toolchain.fingerprint()
    assert toolchain.fingerprint() == before
    wrapper.write_text('#!/bin/sh\nexec /usr/bin/env -S g++ -Dodd "$@"\n')
    assert toolchain.fingerprint() != before


def test_further_suffixes_are_those_that_verilator_is_told_of():
    job = Job("t", [], {}, [], ["-y", "a", "+libext+.core+soft", "+libext+v"], "test")
    assert job.suffixes == [".core", ".soft", ".v"]


@pytest.fixture(scope="module")
def with_headers(tmp_path_factory, toys):
    """A real build that read headers of all kinds, none of which was named to it."""
    folder = tmp_path_factory.mktemp("headers #1, 'odd' ü")
    files = {
        "rtl/toy.sv": '`include "step.svh"\n`include "../far/away.anything"\n' + TOY,
        "rtl/step.svh": "// a header in its own folder\n",
        "far/away.anything": '`include "inner.v"\n',
        "late/extra.sv": "module extra; endmodule\n",
        "late/inner.v": "// found in a folder that is searched\n",
        "cpp/part.cpp": '#include "one.hpp"\nint part() { return VALUE; }\n',
        "cpp/one.hpp": '#include "../far/two words.inc"\n',
        "far/two words.inc": "#define VALUE 1\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    options = {
        "sources": [folder / "rtl" / "toy.sv"],
        "extra_sources": [folder / "late" / "extra.sv"],
        "args": [f"-I{folder}/late"],
        "cpp": [folder / "cpp" / "part.cpp"],
        "build_root": toys / "build",
    }
    return folder, options, make(folder, **options)


class BuiltAgainError(Exception):
    pass


@pytest.fixture
def no_building(monkeypatch):
    def refuse(job, work):
        raise BuiltAgainError

    monkeypatch.setattr(Job, "make", refuse)


@pytest.mark.usefixtures("no_building")
@pytest.mark.parametrize(
    "name",
    [
        *("rtl/toy.sv", "rtl/step.svh", "far/away.anything", "late/extra.sv", "late/inner.v"),
        *("cpp/part.cpp", "cpp/one.hpp", "far/two words.inc"),
    ],
)
def test_whatever_the_tools_read_is_an_input(name, with_headers):
    folder, options, built = with_headers
    assert make(folder, **options) == built
    before = (folder / name).read_text()
    (folder / name).write_text(before + "// another\n")
    with pytest.raises(BuiltAgainError):
        make(folder, **options)
    (folder / name).write_text(before)
    assert make(folder, **options) == built


@pytest.mark.usefixtures("no_building")
@pytest.mark.parametrize("name", ["far/inner.v", "cpp/verilated.h"])
def test_a_file_that_would_be_found_first_is_an_input(name, with_headers):
    folder, options, built = with_headers
    (folder / name).write_text("")
    with pytest.raises(BuiltAgainError):
        make(folder, **options)
    (folder / name).unlink()
    assert make(folder, **options) == built


def test_a_build_of_a_folder_with_odd_characters_runs(with_headers, toys):
    folder, _, built = with_headers
    simulate(built, toys, 41, hidden=True)
    assert "ü" in str(folder)


def test_folders_with_odd_characters(toys, tmp_path):
    """The folder of the builds as well: nothing asks a shell or make."""
    odd = tmp_path / "my $HOME \"builds\" 'ü' #1; (%d)"
    share_runtime(odd, toys / "build")
    simulate(make(toys, build_root=odd), toys, 41, hidden=True)


@pytest.mark.parametrize("odd", ["$HOME", '"', "\\", "\n"])
def test_a_source_that_verilator_cannot_open_is_named(odd, toys, tmp_path):
    folder = tmp_path / f"a{odd}b"
    folder.mkdir()
    (folder / "toy.sv").write_text(TOY)
    with pytest.raises(UsageError, match=r"^Verilator cannot read .*toy\.sv.*: its path has a "):
        make(folder, build_root=toys / "build")


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


def test_an_unknown_profile(toys):
    with pytest.raises(KeyError):
        make(toys, profile="slow")
    assert set(PROFILES) == {"sanitize", "once", "test", "fast"}


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
