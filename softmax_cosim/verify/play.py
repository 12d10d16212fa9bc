"""Plays the cases in simulations side by side, each from a power-up draw of its own."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import tempfile
import textwrap
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from softmax_cosim.configs import Config
from softmax_cosim.paths import build_folder
from softmax_cosim.simulation import power_up, regression
from softmax_cosim.simulation.build import Build, property_sources
from softmax_cosim.simulation.pool import waited
from softmax_cosim.simulation.regression import Outcome
from softmax_cosim.verify.catalogue import POWER_UP, PREFIX, Case
from softmax_cosim.verify.draws import keep, unlike

__all__ = ["DRAWS", "Ended", "Session", "built"]

#: Power-up draws of a run: zeros, ones and random ones, a simulation each.
DRAWS = 4
#: cocotb loads pytest, to rewrite assertions, unless it is told which files have some.
_FURTHER = {"COCOTB_REWRITE_ASSERTION_FILES": ""}
_ERROR = re.compile(r"^(?:[\w.]+\.)?(\w+): ", re.MULTILINE)
_REPLAY = re.compile(r"^ *replay with: (.+)$\n?", re.MULTILINE)


def built(cfg: Config, *, waves: bool = False, profile: str = "test") -> Build:
    """The design, with the properties of its streams bound.

    Raises:
        UsageError: it cannot be built.
    """
    return regression.built(cfg, extra_sources=property_sources(cfg), waves=waves, profile=profile)


@dataclass(frozen=True)
class Ended:
    """How a case ended."""

    case: Case
    passed: bool
    text: str
    """What went wrong; empty if it passed."""
    seconds: float
    again: str = ""
    """A command that was seen to show it again; empty if there is none that does."""


@dataclass
class Session:
    """One run of cases against one design."""

    cfg: Config
    design: str
    """As in the command line."""
    build: Build
    seed: int = 1
    jobs: int = 1
    most: int = 5
    """Failures after which no further case is played."""
    draws: Sequence[str] = ()
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _failed: int = 0
    _stopped: bool = False

    def run(self, cases: Sequence[Case], tell: Callable[[Ended], None]) -> list[Ended]:
        """Play cases; each is told as it ends, and returned.

        A case has the same draw whatever else is chosen. What is left out is not to be among them.
        """
        draws = tuple(self.draws) or power_up.draws(self.seed, DRAWS)
        folder = Path(tempfile.mkdtemp(prefix="verify-"))
        records = {draw: folder / f"{draw}.json" for draw in draws}
        ends: list[Ended] = []
        first: dict[str, Outcome] = {}

        def told(draw: str, case: Case, outcome: Outcome) -> None:
            with self._lock:
                if self._over():
                    return
                if case.name == POWER_UP and outcome.passed and len(draws) > 1:
                    first[draw] = outcome
                    if len(first) < len(draws):
                        return
                    outcome = self._compared(first, records)
                if case.name == POWER_UP and any(e.case.name == POWER_UP for e in ends):
                    return  # it has failed from another draw
                ended = Ended(case, outcome.passed, _reason(outcome.text), outcome.seconds)
                if not ended.passed:
                    self._failed += 1
                    ended = self._tried(ended, draw)
                ends.append(ended)
                tell(ended)

        try:
            with ThreadPoolExecutor(self.jobs) as pool:
                parts = [
                    pool.submit(self._part, draw, part, records[draw], told)
                    for draw, part in _dealt(cases, draws)
                ]
                try:
                    for part in parts:
                        waited(part)
                except BaseException:
                    self._stopped = True  # or everybody would wait for the others
                    raise
        finally:
            shutil.rmtree(folder)
        return ends

    def _over(self) -> bool:
        return self._stopped or self._failed >= self.most

    def _part(
        self,
        draw: str,
        cases: Sequence[Case],
        record: Path,
        told: Callable[[str, Case, Outcome], None],
    ) -> None:
        """Play cases in one simulation, and in another what came after the end of the first."""
        left = {PREFIX + case.name: case for case in cases}
        done: set[str] = set()

        def ended(name: str, outcome: Outcome) -> None:
            done.add(name)
            told(draw, left[name], outcome)

        while left and not self._over():
            outcomes = self._play(list(left), draw, record, ended)
            for name, outcome in outcomes.items():
                if name not in done and outcome.ran and not self._over():
                    ended(name, outcome)
            if not done & set(left) and not self._over():  # it does not even begin
                name = next(iter(left))
                ended(name, outcomes[name])
            left = {name: case for name, case in left.items() if name not in done}

    def _play(
        self,
        tests: Sequence[str],
        draw: str,
        record: Path | None = None,
        ended: Callable[[str, Outcome], None] = lambda name, outcome: None,
        replay: Mapping[str, Any] | None = None,
    ) -> dict[str, Outcome]:
        extra = {
            "record": str(record) if record else None,
            "replay with": f"cosim verify {shlex.quote(self.design)} --replay",
        }
        return regression.run(
            self.build,
            self.cfg,
            tests,
            seed=self.seed,
            draw=draw,
            replay=replay,
            further=_FURTHER,
            extra=extra,
            ended=ended,
            stop=self._over if record else lambda: self._stopped,
        )

    def _compared(self, first: Mapping[str, Outcome], records: Mapping[str, Path]) -> Outcome:
        """What the case says that every simulation plays: rows are to be alike from every draw."""
        seconds = sum(outcome.seconds for outcome in first.values())
        rows = {draw: json.loads(records[draw].read_text()) for draw in first}
        found = unlike(rows)
        if found is None:
            return Outcome(True, "", seconds)
        kept = keep(self.cfg, rows, found, build_folder("failures"))
        command = f"cosim verify {shlex.quote(self.design)} --replay {shlex.quote(str(kept))}"
        return Outcome(False, f"Error: {found.text}\n  replay with: {command}", seconds)

    def _tried(self, ended: Ended, draw: str) -> Ended:
        """The failure with a command that shows it again."""
        text = _REPLAY.sub("", ended.text).rstrip()
        if found := _REPLAY.search(ended.text):
            path = Path(shlex.split(found[1])[-1])
            if not self.replayed(json.loads(path.read_text())).passed:
                return Ended(ended.case, False, text, ended.seconds, found[1])
        alone = PREFIX + ended.case.name
        if not self._play([alone], draw)[alone].passed:
            words = ["cosim", "verify", self.design, "--case", ended.case.name]
            words += ["--seed", str(self.seed), "--power-up", draw]
            return Ended(ended.case, False, text, ended.seconds, shlex.join(words))
        return Ended(ended.case, False, text, ended.seconds)

    def replayed(self, saved: Mapping[str, Any], waves: Path | None = None) -> Outcome:
        """Play what a failure left behind."""
        draws = saved["draws"] if "draws" in saved else [saved["draw"]]
        with tempfile.TemporaryDirectory(prefix="verify-") as folder:
            rows = {}
            for draw in draws:
                record = Path(folder) / f"{draw}.json"
                extra = {"record": str(record), "replay with": ""}
                outcome = regression.run(
                    self.build,
                    self.cfg,
                    [regression.REPLAY],
                    draw=draw,
                    waves=waves if draw == draws[-1] else None,
                    replay=saved,
                    further=_FURTHER,
                    extra=extra,
                )[regression.REPLAY]
                if not outcome.passed:
                    text = re.sub(r"\n *replay with: .*", "", _reason(outcome.text))
                    return Outcome(False, text, outcome.seconds)
                rows[draw] = json.loads(record.read_text())
        found = unlike(rows)
        return Outcome(found is None, found.text if found else "", outcome.seconds)


def _dealt(cases: Sequence[Case], draws: Sequence[str]) -> Iterator[tuple[str, list[Case]]]:
    """Cases of each draw, those that every draw plays first."""
    for n, draw in enumerate(draws):
        everywhere = [case for case in cases if case.name == POWER_UP]
        others = [case for case in cases if case.name != POWER_UP]
        part = everywhere + [case for case in others if case.place % len(draws) == n]
        if part:
            yield draw, part


def _reason(text: str) -> str:
    """What is wrong, without the way through our testbench."""
    text = textwrap.dedent(text).strip()
    places = [found.start() for found in _ERROR.finditer(text) if found[1].endswith("Error")]
    if not places:
        return text
    reason = text[places[-1] :]
    before = text[: places[-1]].partition("Traceback")[0].strip()
    return f"{before}\n{reason}".strip().removeprefix("AssertionError: ").removeprefix("Error: ")
