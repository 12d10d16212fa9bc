"""Each quirk of the toolchain is there or not, handled or not, and a test would see it."""

import shutil
import sys

import pytest

from softmax_cosim.configs import UsageError
from softmax_cosim.simulation import doctor, toolchain


@pytest.mark.parametrize("quirk", toolchain.QUIRKS, ids=lambda quirk: quirk.name)
def test_every_trap_that_is_here_is_worked_around(quirk):
    assert isinstance(quirk.present(), bool)
    assert quirk.applied()
    assert quirk.symptom
    assert quirk.remedy


def quirk(name: str) -> toolchain.Quirk:
    return next(quirk for quirk in toolchain.QUIRKS if name in quirk.name)


@pytest.mark.parametrize(
    ("name", "function", "broken"),
    [
        ("precompiled", "make_arguments", lambda: []),
        ("python", "make_arguments", lambda: ["PYTHON3=python"]),
        ("coroutine", "verilator_arguments", lambda arguments: list(arguments)),
        ("coverage", "verilator_arguments", lambda arguments: list(arguments)),
        ("inherited", "build_environment", lambda: {"MAKEFLAGS": "-j8"}),
        ("PATH", "build_environment", lambda: {"VERILATOR_ROOT": "/usr/share/verilator"}),
        ("version", "fingerprint", lambda: "verilator vUNKNOWN"),
    ],
)
def test_a_lost_remedy_is_noticed(name, function, broken, monkeypatch):
    assert quirk(name).applied()
    monkeypatch.setattr(toolchain, function, broken)
    assert not quirk(name).applied()


def test_the_traps_of_this_wheel_are_seen():
    for name in ("version", "precompiled", "python", "coroutine"):
        assert quirk(name).present(), f"gone from this Verilator: drop the quirk {name!r}?"


def test_what_the_caller_left_behind_is_removed(monkeypatch):
    for name in ("MAKEFLAGS", "VERILATOR_ROOT", "CXXFLAGS", "GPI_USERS", "COCOTB_TEST_FILTER"):
        monkeypatch.setenv(name, "stray")
    assert quirk("inherited").present()
    assert "stray" not in toolchain.build_environment().values()
    assert "stray" not in toolchain.run_environment("module", "top").values()


def test_the_environment_of_a_simulation(tmp_path):
    environment = toolchain.run_environment(
        ["a", "b"], "top", seed=5, tests="^x$", results=tmp_path / "r.xml", root=tmp_path
    )
    assert environment["COCOTB_TEST_MODULES"] == "a,b"
    assert environment["COCOTB_TOPLEVEL"] == "top"
    assert environment["COCOTB_RANDOM_SEED"] == "5"
    assert environment["COCOTB_TEST_FILTER"] == "^x$"
    assert environment["COCOTB_RESULTS_FILE"] == str(tmp_path / "r.xml")
    assert environment["PYTHONPATH"].startswith(str(tmp_path))
    assert environment["PYGPI_PYTHON_BIN"] == sys.executable


@pytest.mark.parametrize("tool", ["g++", "make", "perl"])
def test_a_missing_tool(tool, monkeypatch):
    monkeypatch.setattr(toolchain, "version_of", lambda name: None if name == tool else "99.0")
    with pytest.raises(UsageError, match=r"is not on the PATH; install it \(Debian: ") as info:
        toolchain.check()
    assert str(info.value).startswith(f"{tool} ")


def test_an_old_compiler(monkeypatch):
    monkeypatch.setattr(toolchain, "version_of", lambda name: "9.4.0")
    with pytest.raises(UsageError, match=r"^g\+\+ 9\.4\.0 is too old"):
        toolchain.check()


def test_a_python_without_a_shared_library(monkeypatch):
    import find_libpython

    monkeypatch.setattr(find_libpython, "find_libpython", lambda: None)
    toolchain.libpython.cache_clear()
    try:
        with pytest.raises(UsageError, match=r"has no shared libpython .* \(Debian: libpython3\."):
            toolchain.check()
    finally:
        toolchain.libpython.cache_clear()


def test_a_tool_that_is_not_there_has_no_version():
    assert toolchain.version_of("no-such-tool") is None
    assert shutil.which("make") is None or toolchain.version_of("make")[0].isdigit()


def test_the_doctor_finds_this_machine_fit(capsys):
    assert doctor.run() == 0
    text = capsys.readouterr().out
    assert "PROBLEM" not in text
    assert "cosim doctor: ready to simulate" in text
    for word in ("g++", "verilator", "5.48.0", "cocotb", "2.1.0", "rexp_uint8"):
        assert word in text
    for trap in toolchain.QUIRKS:
        assert trap.name in text


def test_the_doctor_names_what_is_wrong(capsys, monkeypatch):
    monkeypatch.setattr(toolchain, "make_arguments", lambda: [f"PYTHON3={sys.executable}"])
    monkeypatch.setattr(doctor, "pins", lambda: iter([("", "cocotb", "==1.9.0")]))
    assert doctor.run() == 2
    text = capsys.readouterr().out
    assert "problem: cocotb is 2.1.0, not 1.9.0; run `make setup`" in text
    assert "problem: precompiled headers: " in text
    assert "cosim doctor: 2 to mend" in text
