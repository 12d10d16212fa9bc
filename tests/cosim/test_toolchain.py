"""Each quirk of the toolchain is there or not, handled or not, and a test would see it."""

import os
import shutil
import sys
from pathlib import Path

import cocotb
import pytest

from softmax_cosim.configs import UsageError
from softmax_cosim.paths import PACKAGE
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
        ("makefile", "compiler", lambda: ["make"]),
        ("working folder", "run_environment", lambda *_: {"PYGPI_USERS": "x:_run_regression"}),
        ("coroutine", "verilator_arguments", lambda arguments: list(arguments)),
        ("coverage", "verilator_arguments", lambda arguments: list(arguments)),
        ("inherited", "build_environment", lambda: {"STRAY": "-j8"}),
        ("PATH", "build_environment", lambda: {"VERILATOR_ROOT": "/usr/share/verilator"}),
        ("version", "fingerprint", lambda: "verilator vUNKNOWN"),
    ],
)
def test_a_lost_remedy_is_noticed(name, function, broken, monkeypatch):
    monkeypatch.setenv("STRAY", "-j8")
    assert quirk(name).applied()
    monkeypatch.setattr(toolchain, function, broken)
    assert not quirk(name).applied()


def test_the_traps_of_this_wheel_are_seen():
    for name in ("version", "makefile", "coroutine", "working folder"):
        assert quirk(name).present(), f"gone from this Verilator: drop the quirk {name!r}?"


#: Each of these made the simulator or a tool crash, or do something else.
STRAY = {
    "COVERAGE": "1",
    "COCOTB_USER_COVERAGE": "1",
    "COCOTB_LOG_LEVEL": "LOUD",
    "COCOTB_TEST_FILTER": "none",
    "COCOTB_RESOLVE_X": "odd",
    "COCOTB_ATTACH": "60",
    "PYGPI_USERS": "nobody",
    "GPI_USERS": "nobody",
    "GPI_EXTRA": "nobody",
    "GPI_LOG_LEVEL": "LOUD",
    "PYTHONHOME": "/nowhere",
    "PYTHONSTARTUP": "/nowhere",
    "PYTHONWARNINGS": "error",
    "PYTHONINSPECT": "1",
    "LD_PRELOAD": "/nowhere.so",
    "VERILATOR_ROOT": "/nowhere",
    "VERILATOR_BIN": "nothing",
    "VERILATOR_SOLVER": "nothing",
    "MAKEFLAGS": "--dry-run",
    "GNUMAKEFLAGS": "--dry-run",
    "MAKEFILES": "/nowhere",
    "CXX": "false",
    "CXXFLAGS": "-nonsense",
    "CPPFLAGS": "-nonsense",
    "LDFLAGS": "-nonsense",
    "CPATH": "/nowhere",
    "CPLUS_INCLUDE_PATH": "/nowhere",
    "GCC_EXEC_PREFIX": "/nowhere",
    "COMPILER_PATH": "/nowhere",
    "LD_BIND_NOT": "1",
    "TOPLEVEL": "odd",
    "MODULE": "odd",
    "TESTCASE": "odd",
    "RANDOM_SEED": "odd",
}


def test_nothing_of_the_callers_environment_comes_through_unasked(monkeypatch):
    for name in STRAY:
        monkeypatch.setenv(name, "stray")
    assert quirk("inherited").present()
    kept = toolchain.build_environment()
    assert "stray" not in {*kept.values(), *toolchain.run_environment("module", "top").values()}
    for name in ("PATH", "HOME"):
        assert kept[name] == os.environ[name]
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/lib")
    assert toolchain.build_environment()["LC_ALL"] == "C"
    assert toolchain.run_environment("module", "top")["LD_LIBRARY_PATH"] == "/opt/lib"


def test_a_simulation_imports_from_where_we_do_and_from_nowhere_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend("")
    environment = toolchain.run_environment("module", "top")
    path = [Path(entry) for entry in environment["PYTHONPATH"].split(os.pathsep)]
    assert all(entry.is_absolute() for entry in path)
    assert tmp_path not in path
    assert PACKAGE.parent in path
    assert Path(cocotb.__file__).parents[1] in path
    assert environment["PYTHONSAFEPATH"] == "1"


def test_the_environment_of_a_simulation(tmp_path):
    environment = toolchain.run_environment(
        ["a", "b"], "top", seed=5, tests="^x$", results=tmp_path / "r.xml", root=tmp_path
    )
    assert environment["COCOTB_TEST_MODULES"] == "a,b"
    assert environment["COCOTB_TOPLEVEL"] == "top"
    assert environment["COCOTB_RANDOM_SEED"] == "5"
    assert environment["COCOTB_TEST_FILTER"] == "^x$"
    assert environment["COCOTB_RESULTS_FILE"] == str(tmp_path / "r.xml")
    assert environment["PYTHONPATH"].endswith(str(tmp_path))
    assert environment["PYGPI_PYTHON_BIN"] == sys.executable


def test_a_missing_compiler(monkeypatch):
    monkeypatch.setattr(toolchain, "version_of", lambda name: None)
    with pytest.raises(UsageError, match=r"^g\+\+ is not on the PATH; install it \(Debian: "):
        toolchain.check()


@pytest.mark.parametrize(
    ("place", "folder", "sentence"),
    [
        ("verilator_root", 'a"b', "Verilator cannot read "),
        ("verilator_root", "a$b", "Verilator cannot read "),
        ("cocotb_libs", "a,b", "cocotb cannot load "),
        ("cocotb_libs", "a;b", "cocotb cannot load "),
    ],
)
def test_an_environment_that_cannot_be_used(place, folder, sentence, tmp_path, monkeypatch):
    root = tmp_path / folder
    shutil.copytree(getattr(toolchain, place)(), root, copy_function=os.symlink)
    monkeypatch.setattr(toolchain, place, lambda: root)
    with pytest.raises(UsageError, match=f"^{sentence}.*its path has a "):
        toolchain.check()


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
    monkeypatch.setattr(toolchain, "compiler", lambda: ["make"])
    monkeypatch.setattr(doctor, "pins", lambda: iter([("", "cocotb", "==1.9.0")]))
    monkeypatch.setattr(doctor, "_trial", lambda: iter(()))  # built or not, by who came before
    assert doctor.run() == 2
    text = capsys.readouterr().out
    assert "problem: cocotb is 2.1.0, not 1.9.0; run `make setup`" in text
    assert "problem: the wheel's makefile: " in text
    assert "cosim doctor: 2 to mend" in text


def test_a_simulation_enters_cocotb_where_cocotb_says():
    import cocotb_tools.config

    users = toolchain.run_environment("tests", "top")["GPI_USERS"]
    assert users.partition(";")[2] == cocotb_tools.config.pygpi_entry_point()
