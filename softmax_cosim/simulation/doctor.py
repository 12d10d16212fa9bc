"""``cosim doctor``: what was found on this machine, which traps are worked around, and a trial."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import sys
import time
import tomllib
from collections.abc import Iterator

from softmax_cosim import configs
from softmax_cosim.configs.errors import UsageError
from softmax_cosim.golden.rows import Rows
from softmax_cosim.golden.softmax import softmax
from softmax_cosim.paths import INSTALLED, ROOT, RTL, build_folder
from softmax_cosim.simulation import toolchain
from softmax_cosim.simulation.build import rtl_sources
from softmax_cosim.simulation.simulator import Broken, Simulator, SimulatorCrash

__all__ = ["pins", "run"]

_OPTIONAL_TOOLS = ("ccache",)
_REMEDY = "run: pip install softmax-cosim" if INSTALLED else "run `make setup`"
_REQUIRED = re.compile(r"""([\w.-]+)\s*([^;]*?)\s*(?:; extra == ['"](\w+)['"])?""")


def run() -> int:
    """Print everything; 0 when a simulation can be built and run, else 2."""
    problems = [
        *_section("Machine", _machine()),
        *_section("Packages", _packages()),
        *_section("Project", _project()),
        *_section("Known traps", _traps()),
        *_section("Trial", _trial()),
    ]
    print()
    for problem in problems:
        print(f"problem: {problem}")
    print("cosim doctor:", f"{len(problems)} to mend" if problems else "ready to simulate")
    return 2 if problems else 0


#: What a section yields: a name, what was found, and a sentence when it is a problem.
Finding = tuple[str, str, str | None]


def _section(title: str, findings: Iterator[Finding]) -> list[str]:
    print(f"\n{title}")
    problems = []
    for name, found, problem in findings:
        print(f"  {'PROBLEM ' if problem else ''}{name:<16} {found}")
        if problem:
            problems.append(problem)
    return problems


def _machine() -> Iterator[Finding]:
    problem = None
    try:
        toolchain.check()
    except UsageError as error:
        problem = str(error)
    yield "system", f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores", problem
    yield "python", f"{platform.python_version()} ({sys.executable})", None
    yield "g++", toolchain.version_of("g++") or "missing", None
    for tool in _OPTIONAL_TOOLS:
        yield tool, toolchain.version_of(tool) or "not there (optional: faster builds)", None


def pins() -> Iterator[tuple[str, str, str]]:
    """Extra (or ""), package and version specifier of each requirement in pyproject.toml.

    Installed, what was in it then is taken from the package's metadata.
    """
    if INSTALLED:
        for line in importlib.metadata.requires("softmax-cosim") or ():
            name, specifier, extra = _REQUIRED.fullmatch(line).groups()  # type: ignore[union-attr]
            yield extra or "", name, specifier
        return
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = {"": project["dependencies"], **project["optional-dependencies"]}
    for extra, requirements in groups.items():
        for requirement in requirements:
            name, specifier, _ = _REQUIRED.fullmatch(requirement).groups()  # type: ignore[union-attr]
            yield extra, name, specifier


def _packages() -> Iterator[Finding]:
    for extra, name, specifier in pins():
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            missing = f"{name} is not installed; {_REMEDY}"
            yield name, f"not installed{extra and f' (extra: {extra})'}", None if extra else missing
            continue
        public = found.partition("+")[0]  # torch 2.13.0+cpu is a build of 2.13.0
        pinned = specifier.removeprefix("==") if specifier.startswith("==") else public
        wrong = f"{name} is {found}, not {pinned}; {_REMEDY}" if public != pinned else None
        yield name, f"{found} {specifier and f'(wanted: {specifier})'}".strip(), wrong


def _project() -> Iterator[Finding]:
    yield "configurations", ", ".join(configs.names()), None
    try:
        yield "RTL", f"{len(rtl_sources())} files in {RTL}", None
    except UsageError as error:
        yield "RTL", "incomplete", str(error)
    if INSTALLED:
        yield "traces", "none: they come with a checkout of the project", None
    else:
        traces = sorted(path.stem for path in (ROOT / "traces").glob("*.safetensors"))
        yield "traces", ", ".join(traces) or "none", None
    folder = build_folder("sim")
    builds = [path for path in folder.glob("*") if path.is_dir()]
    yield "builds", f"{len(builds)} in {folder}", None


def _traps() -> Iterator[Finding]:
    for quirk in toolchain.QUIRKS:
        try:
            there, handled = quirk.present(), quirk.applied()
        except (OSError, UsageError) as error:
            yield quirk.name, f"cannot tell: {error}", None
            continue
        state = "worked around" if handled else "NOT worked around"
        text = f"{'here' if there else 'not here'}, {state}: {quirk.remedy}"
        problem = f"{quirk.name}: {quirk.symptom}" if there and not handled else None
        yield f"{quirk.name}\n{'':<18}", text, problem


def _trial() -> Iterator[Finding]:
    """Build a small core, or find it built, and play two rows."""
    cfg = configs.load("split_uint2").replace(lanes=1, max_len=16)
    rows = Rows.of([[0, 100, 300], [5]])
    begun = time.perf_counter()
    try:
        with Simulator(cfg, optimise="test") as simulator:
            built = time.perf_counter() - begun
            right = bool((simulator.run(rows).y == softmax(cfg, rows).y).all())
    except (UsageError, SimulatorCrash, Broken) as error:
        yield "simulation", "failed", str(error)
        return
    played = time.perf_counter() - begun - built
    found = f"built or found built in {built:.1f} s, started and played in {played:.1f} s"
    yield "simulation", found, None if right else "the RTL does not give what the golden model says"
