"""Mutants of the RTL: the regression's simulations that have the module, until a case fails.

Most mutants share a build (:mod:`.shared`). The others are overlays: the list of sources with one
path replaced. Verilator reads it first. A build that it refuses says nothing of the regression, and
one of which it makes the same C++ cannot be told from the design. Nobody else's word counts: a case
that fails must pass without the mutant.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pyslang.ast import InstanceSymbol
from pyslang.driver import Driver

from mutation.campaign import Found, campaign
from mutation.mutant import Mutant
from mutation.shared import Made, Shared
from mutation.verdict import KILLED, SAME, SURVIVED, UNBUILT, Ending
from softmax_cosim.configs import Config, UsageError
from softmax_cosim.paths import ROOT
from softmax_cosim.simulation import toolchain
from softmax_cosim.simulation.build import (
    Build,
    literal,
    parameters_of,
    property_sources,
    rtl_sources,
)
from softmax_cosim.simulation.cache import Interrupted, stopping
from softmax_cosim.simulation.compile import Job
from softmax_cosim.simulation.regression import PROBE, Outcome, built, run
from softmax_cosim.tb.axil import BUILT_LOADABLE
from softmax_cosim.tb.catalogue import listed, of_registers
from tests.sim.parameter_sets import PARAMETER_SETS, REGISTER_SETS

__all__ = ["Judge", "Setting", "settings"]

#: A mutant may well want a signal that nobody reads.
_LENIENT = ("-Wno-fatal",)
_TIME_LIMIT = 600.0
#: Of a simulation of all cases; without a mutant the slowest takes a quarter of it.
_CPU_LIMIT = 120
_NAMED = re.compile(r"[\w.]*(Error|Exception): |.*Assertion failed")


@dataclass(frozen=True)
class Setting:
    """A parameter set under a top module, and its cases."""

    cfg: Config
    top: str
    loadable: bool | None = None
    """Whether tables can be loaded, where that can be chosen."""

    @property
    def cases(self) -> Sequence[str]:
        """What the regression plays there."""
        if self.top == "softmax_axil":
            return of_registers()
        return [case for case, left_out in listed(self.cfg) if not left_out]

    @property
    def cost(self) -> int:
        """A measure of what a build and a run take; rows of one element see little, and wait."""
        core = self.cfg.lanes * (self.cfg.in_w + self.cfg.w) + self.cfg.max_len // 4
        core += 100 * (self.cfg.max_len == 1)
        return core if self.top == "softmax_top" else 2 * core

    @property
    def values(self) -> Mapping[str, str | int]:
        """Parameters of the top."""
        return parameters_of(self.cfg) | dict(self.further)

    @property
    def further(self) -> Mapping[str, int]:
        """Of those, what is not of the configuration."""
        return {} if self.loadable is None else {"LOADABLE": int(self.loadable)}

    @property
    def extra(self) -> list[Path]:
        """Sources besides the RTL."""
        return property_sources() if self.top == "softmax_top" else []


@cache
def settings() -> list[Setting]:
    """All of the regression, the cheapest first."""
    axil = [Setting(cfg, "softmax_axil", loadable) for cfg, loadable in REGISTER_SETS.values()]
    core = [Setting(cfg, "softmax_top") for cfg in PARAMETER_SETS]
    return sorted([*axil, *core], key=lambda setting: setting.cost)


@cache
def instances(top: str, values: str) -> frozenset[str]:
    """The modules below a top with these parameters."""
    driver = Driver()
    driver.addStandardArgs()
    files = " ".join(f'"{path}"' for path in rtl_sources())
    if not driver.parseCommandLine(f"slang --top {top} {values} {files}"):
        raise UsageError(f"slang does not understand {values}")
    driver.processOptions()
    driver.parseAllSources()
    found: set[str] = set()

    def visit(symbol: object) -> None:
        if isinstance(symbol, InstanceSymbol):
            found.add(symbol.definition.name)

    for each in driver.createCompilation().getRoot().topInstances:
        each.visit(visit)
    return frozenset(found)


class Judge:
    """Plays the regression on mutants of the RTL; every thread has a folder of its own."""

    def __init__(
        self, scratch: Path, mutants: Sequence[Mutant] = (), at_most: int = 0, seed: int = 1
    ) -> None:
        """A judge that tries each mutant in ``at_most`` parameter sets, 0 for all that see it.

        Those of ``mutants`` that can, share their builds.
        """
        self.scratch, self.at_most, self.seed = scratch, at_most, seed
        self._base: dict[tuple[Setting, str], str | None] = {}
        self._passed: dict[tuple[Setting, str], bool] = {}
        self._lock = threading.Lock()
        self._shared = Shared(scratch / "shared", mutants)

    def shares(self, mutant: Mutant) -> bool:
        """Whether a mutant needs no build of its own."""
        return mutant.name in self._shared.numbers

    def together(self, mutants: Iterable[Mutant], at_once: int) -> Iterator[tuple[Mutant, Ending]]:
        """Try those that share builds, one setting after the other; each as it ends."""
        left = {mutant.name: mutant for mutant in mutants if self.shares(mutant)}
        tried: dict[str, list[Setting]] = {name: [] for name in left}
        for setting in settings():
            if not any(_has(setting, Path(mutant.file).stem) for mutant in left.values()):
                continue
            made = self._with_others(setting)
            # Building may have found that some of them share nothing.
            left = {name: mutant for name, mutant in left.items() if self.shares(mutant)}
            numbers = {name: self._shared.numbers[name] for name in left}
            here = {name: number for name, number in numbers.items() if number in made.alive}
            for found in self._found(setting, made.build, setting.cases, here, at_once):
                if found.case:
                    self._check(setting, made.build, found.case)
                    yield left.pop(found.name), _killed(setting, found.case, found.says)
                    continue
                tried[found.name].append(setting)
                if len(tried[found.name]) == self.at_most:
                    mutant = left.pop(found.name)
                    yield mutant, self._unseen(mutant, tried[found.name])
        for name, mutant in left.items():
            yield mutant, self._unseen(mutant, tried[name])

    def _found(
        self,
        setting: Setting,
        build: Build,
        cases: Sequence[str],
        numbers: Mapping[str, int],
        at_once: int = 1,
    ) -> Iterator[Found]:
        further = {BUILT_LOADABLE: str(setting.further.get("LOADABLE", 1))}
        return campaign(
            build,
            setting.cfg,
            cases,
            numbers,
            seed=self.seed,
            limit=_CPU_LIMIT,
            at_once=at_once,
            further=further,
        )

    def _check(self, setting: Setting, build: Build, case: str) -> None:
        """See that a case passes with no mutant at work.

        Raises:
            UsageError: it does not.
        """
        if (setting, case) not in self._passed:
            (found,) = self._found(setting, build, [case], {"": 0})
            self._passed[setting, case] = not found.case
        if not self._passed[setting, case]:
            raise UsageError(f"{case} fails under {setting.cfg.name} without a mutant, too")

    def _unseen(self, mutant: Mutant, tried: Sequence[Setting]) -> Ending:
        """The ending of a mutant that no case saw: the same as the design, or a survivor."""
        original = ROOT / mutant.file
        with self._overlay(mutant) as overlay:
            same = all(
                self._code(setting, overlay, original) == self._base_code(setting)
                for setting in tried
            )
        return Ending(SAME if same else SURVIVED, " ".join(setting.cfg.name for setting in tried))

    @contextlib.contextmanager
    def _overlay(self, mutant: Mutant) -> Iterator[Path]:
        """A file with the mutant, for a while."""
        self.scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="overlay-", dir=self.scratch) as folder:
            path = Path(folder) / Path(mutant.file).name
            path.write_bytes(mutant.text)
            yield path

    def end_of(self, mutant: Mutant) -> Ending:
        """Try a mutant in builds of its own, in one setting after the other."""
        with self._overlay(mutant) as overlay:
            return self._tried(ROOT / mutant.file, overlay)

    def _tried(self, original: Path, overlay: Path) -> Ending:
        tried: list[str] = []
        for setting in settings():
            if not _has(setting, original.stem):
                continue
            code = self._code(setting, overlay, original)
            if code is None:
                return Ending(UNBUILT, setting.cfg.name)
            if code == self._base_code(setting):
                continue
            found = self._failing(setting, overlay, original)
            if found:
                return found
            tried.append(setting.cfg.name)
            if len(tried) == self.at_most:
                break
        return Ending(SURVIVED if tried else SAME, " ".join(tried))

    def _with_others(self, setting: Setting) -> Made:
        """The build that holds every mutant that can be chosen."""
        return self._shared.made(
            setting,
            lambda sources, cpp: self._job(setting, sources, cpp),
            lambda sources, cpp: built(
                setting.cfg,
                top=setting.top,
                name=f"mutants-{setting.cfg.name}",
                sources=sources,
                extra_sources=setting.extra,
                cpp=cpp,
                parameters=setting.further,
                profile="once",
                args=_LENIENT,
            ),
        )

    def _failing(self, setting: Setting, overlay: Path, original: Path) -> Ending | None:
        """The first case that fails in the mutant and passes without it."""
        made = self._built(setting, overlay, original)
        if made is None:
            return Ending(UNBUILT, setting.cfg.name)
        try:
            failed: list[tuple[str, Outcome]] = []

            def ended(case: str, outcome: Outcome) -> None:
                if not outcome.passed and not failed and self._passes(setting, case):
                    failed.append((case, outcome))

            outcomes = self._run(
                setting, made, setting.cases, ended, lambda: bool(failed) or stopping.is_set()
            )
            for case, outcome in outcomes.items():
                if outcome.ran:
                    ended(case, outcome)
            if stopping.is_set():
                raise Interrupted
            if not failed and not any(outcome.ran for outcome in outcomes.values()):
                ended(setting.cases[0], outcomes[setting.cases[0]])
        finally:
            _removed(made)
        if not failed:
            return None
        case, outcome = failed[0]
        return _killed(setting, case, outcome.text)

    def _passes(self, setting: Setting, case: str) -> bool:
        """Whether the design without the mutant passes a case."""
        with self._lock:
            if (setting, case) not in self._passed:
                made = self._built(setting)
                assert made is not None, f"the design itself does not build: {setting.cfg.name}"
                outcome = self._run(setting, made, [case])[case]
                self._passed[setting, case] = outcome.passed
            return self._passed[setting, case]

    def _run(
        self,
        setting: Setting,
        built: Build,
        cases: Sequence[str],
        ended: object = None,
        stop: object = None,
    ) -> dict[str, Outcome]:
        loadable = str(setting.further.get("LOADABLE", 1))
        watching = {"ended": ended, "stop": stop} if ended else {}
        return run(
            built,
            setting.cfg,
            cases,
            seed=self.seed,
            # Nobody reads what an assertion compared; rewriting them costs a second a simulation.
            further={BUILT_LOADABLE: loadable, "COCOTB_REWRITE_ASSERTION_FILES": ""},
            timeout=_TIME_LIMIT,
            **watching,  # type: ignore[arg-type]
        )

    def _built(
        self, setting: Setting, overlay: Path | None = None, original: Path | None = None
    ) -> Build | None:
        with contextlib.suppress(UsageError):
            return built(
                setting.cfg,
                top=setting.top,
                name=f"mutant-{overlay.parent.name}" if overlay else None,
                sources=_sources(overlay, original),
                extra_sources=setting.extra,
                parameters=setting.further,
                profile="once",
                args=_LENIENT,
            )
        return None

    def _base_code(self, setting: Setting) -> str | None:
        with self._lock:
            if (setting, "") not in self._base:
                self._base[setting, ""] = self._code(setting)
            return self._base[setting, ""]

    def _code(
        self, setting: Setting, overlay: Path | None = None, original: Path | None = None
    ) -> str | None:
        """A hash of what Verilator makes of the design; None if it refuses it."""
        job = self._job(setting, _sources(overlay, original))
        work = Path(tempfile.mkdtemp(prefix="verilated-", dir=self.scratch))
        try:
            done = subprocess.run(
                job.verilate(),
                cwd=work,
                env=toolchain.build_environment(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
            )
            if done.returncode != 0:
                return None
            digest = hashlib.sha256()
            for path in sorted([*work.glob("*.cpp"), *work.glob("*.h")]):
                text = path.read_bytes()
                if overlay and original:
                    text = text.replace(str(overlay).encode(), str(original).encode())
                digest.update(path.name.encode() + text)
            return digest.hexdigest()
        finally:
            shutil.rmtree(work)

    def _job(self, setting: Setting, sources: Sequence[Path], cpp: Sequence[Path] = ()) -> Job:
        return Job(
            top=setting.top,
            files=[str(path) for path in (*sources, *setting.extra, PROBE)],
            written={},
            cpp=[str(path) for path in (toolchain.cocotb_main(), *cpp)],
            arguments=[
                *toolchain.verilator_arguments(_LENIENT),
                *(f"-G{key}={literal(value)}" for key, value in setting.values.items()),
            ],
            profile="test",
        )


def _has(setting: Setting, module: str) -> bool:
    """Whether the module is in the design; packages are everywhere."""
    # quoted twice: by SystemVerilog, and for slang's command line
    values = (f"-G {key}='{literal(value)}'" for key, value in setting.values.items())
    return module.endswith("_pkg") or module in instances(setting.top, " ".join(values))


def _sources(overlay: Path | None, original: Path | None) -> list[Path]:
    return [overlay if overlay and path == original else path for path in rtl_sources()]


def _killed(setting: Setting, case: str, says: str) -> Ending:
    short = case.rpartition("cases")[2].partition(".")[2]
    return Ending(KILLED, f"{setting.cfg.name} {short}", _line(says))


def _line(text: str) -> str:
    """What a failure says in one line: the error itself, if it is named."""
    lines = [line.strip() for line in text.splitlines()]
    named = [line for line in lines if _NAMED.match(line)]
    return (named or [line for line in lines if line] or [""])[0][:200]


def _removed(built: Build) -> None:
    """Of what was built of a mutant nothing is of use to the next."""
    shutil.rmtree(built.folder, ignore_errors=True)
    stem = built.folder.name.rpartition("-")[0]
    (built.folder.parent / f".{stem}.lock").unlink(missing_ok=True)
