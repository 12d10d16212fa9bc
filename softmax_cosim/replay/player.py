"""One design's way through all traces: play, compare, measure, keep."""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from threading import Lock

import numpy as np

from softmax_cosim import configs, report
from softmax_cosim.cluster import Cluster
from softmax_cosim.configs import Config, UsageError
from softmax_cosim.configs.stalls import profile
from softmax_cosim.files import sha256
from softmax_cosim.golden import own, tables, timing
from softmax_cosim.golden.softmax import stages_of
from softmax_cosim.measure import Measured, Slice
from softmax_cosim.outputs import OutputsWriter
from softmax_cosim.plan import Design, Plan
from softmax_cosim.replay.draws import TOTAL, spread, unsettled
from softmax_cosim.replay.failures import mistimed, otherwise, surplus, wrong
from softmax_cosim.replay.journal import Journal
from softmax_cosim.replay.picture import Picture
from softmax_cosim.replay.remote import There
from softmax_cosim.replay.reproduce import Reproducer
from softmax_cosim.replay.shard import Field, Here, Outcome, Playing, Shard
from softmax_cosim.simulation import power_up
from softmax_cosim.simulation.build import Build
from softmax_cosim.simulation.fork_server import ForkServer
from softmax_cosim.simulation.pool import default_jobs
from softmax_cosim.simulation.regression import first_differing_stage
from softmax_cosim.simulation.simulator import Simulator

__all__ = ["Player", "Ready"]


@dataclasses.dataclass(frozen=True)
class Ready:
    """What there is of a design when it begins to play."""

    build: Build
    fork_server: ForkServer | None
    """What its simulators are forked from."""


class Player:
    """One design's way through all traces."""

    def __init__(
        self,
        design: Design,
        plan: Plan,
        args: argparse.Namespace,
        folder: report.ReportFolder,
        outputs: OutputsWriter | None,
        journal: Journal | None,
        cluster: Cluster | None = None,
    ) -> None:
        """A run of ``design``; ``args`` are the options of ``cosim replay``.

        Without a ``journal``, it is one of the golden model alone.
        """
        self._cluster = cluster
        self._waiting: Field | None = None
        self._beginning, self._started = Lock(), False
        self.design, self._plan, self._args = design, plan, args
        self._folder, self._outputs = folder, outputs
        self._journal = journal
        simulate = self._simulate = journal is not None
        cfg = self._cfg = design.cfg
        self._predictable = timing.holds(cfg, profile(args.stalls))
        jobs = args.jobs or default_jobs()
        self._own = _own(design)
        given = tuple(args.power_up or power_up.draws(args.seed, max(jobs, power_up.FEWEST)))
        self._draws = given if simulate else ()
        self._tally = report.Tally(
            cfg,
            name=design.name,
            own=self._own,
            draws=self._draws,
            table_bytes=tables.table_bytes(cfg),
            formula=_formula(cfg),
            left_out=[left for planned in plan.traces for left in planned.left_out(cfg)],
        )
        self._picture = Picture()
        self._again = Reproducer(design, args)
        self._cycles = 0
        self._begun = time.perf_counter()
        self._wall_s = 0.0
        # The first mismatch is looked at inside the design, and the first late row told; one is
        # telling enough.
        self._explains = simulate and len(stages_of(cfg)) > 1
        self._times = True
        self._told: set[tuple[str, str, int]] = set()
        self._broken: set[Playing] = set()

    def begin(self, ready: Ready) -> None:
        """Have its simulators start, unless they did; nobody waits for them. For threads.

        Raises:
            UsageError: the operating system gives no process or memory.
        """
        with self._beginning:
            if not self._started:
                self._waiting = self._field(ready)
                self._waiting.start()
                self._started = True

    def close(self) -> None:
        """Let go of simulators that have not played."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            with waiting:
                pass

    def play(self) -> Generator[int]:
        """Play every planned row; yields the rows of each slice when it is done.

        What was measured of a slice is kept while the next ones are played and measured.
        """
        if not self._simulate:
            for part in self._slices():
                yield self._keep(part, Outcome.of(self._shard(part).measure(None)))
            self._check_own()
            return
        waiting, self._waiting = self._waiting, None
        assert waiting is not None
        with waiting as field, closing(self._again):
            self._tally.built(field.build.warnings, str(field.build.log))
            self._begun = time.perf_counter()
            ahead: deque[Callable[[], int]] = deque()
            for finish in self._submitted(field):
                ahead.append(finish)
                while len(ahead) > field.ahead:
                    yield ahead.popleft()()
            while ahead:
                yield ahead.popleft()()
        self._tally.warned(field.warnings)
        self._check_own()

    def result(self) -> report.RunResult:
        """What was played so far."""
        for attention in self._picture.maps():
            self._tally.show(attention)
        return self._tally.result(cycles=self._cycles, wall_s=self._wall_s)

    def _check_own(self) -> None:
        """Refuse a verdict on files that became others meanwhile.

        Raises:
            UsageError: naming the first.
        """
        for was in _files(self._own):
            if _file(Path(was.path)) != was:
                raise UsageError(f"{was.path} changed while it was being played; run it again")

    def _field(self, ready: Ready) -> Field:
        """Those who play; on this machine a simulator a power-up draw.

        There is one more that writes a waveform, if it is asked for.
        """
        args = self._args
        assert self._journal is not None
        if self._cluster is not None:
            return There(self._cfg, self._draws, args.transport, self._cluster, self._journal)
        waves = self._folder.staging / f"{self.design.file}.vcd" if args.waves else None
        jobs = 1 if args.waves else args.jobs or default_jobs()
        draws = (self._draws[:1] if waves and len(self._draws) > 1 else ()) + self._draws
        play = Simulator.run if waves else self._journal.play  # a waveform is of what is played
        how = {"draws": draws, "transport": args.transport, "waves": waves, "play": play}
        how |= {"built": ready.build, "fork_server": ready.fork_server}
        return Here(self._cfg, jobs, **how)

    def _shard(self, part: Slice, *, whole: bool = True) -> Shard:
        """Rows to play; what is compared alone needs no figures."""
        args = self._args
        errors = whole and args.figures != "exact"
        return Shard(part, args.stalls, args.seed, whole and self._predictable, errors, whole)

    def _submitted(self, field: Field) -> Iterator[Callable[[], int]]:
        """Have everything played; yields what finishes each part, and returns its rows.

        Slices go round the draws, which does not hang on who is idle, so neither do results.
        """
        places = [0] if self._args.waves else range(len(field.draws))
        trials = range(len(field.draws) - len(self._draws), len(field.draws))
        turn = itertools.cycle(places)
        tensor, left = "", TOTAL if len(self._draws) > 1 else 0
        for part in self._slices():
            place, name = next(turn), f"{part.planned.name}/{part.layer.name}"
            played = None
            if name != tensor and left > 0:
                tensor, length = name, part.layer.scores.shape[-1]
                some = spread(part.picked, length)
                all_of_it = len(some) == len(part.picked)
                sample = part if all_of_it else part.of_rows(some)
                left -= len(some) * length
                trial = [
                    field.play(self._shard(sample, whole=all_of_it and each == place), each)
                    for each in trials
                ]
                yield partial(self._compare, sample, trial)
                if place in trials and all_of_it:
                    played = trial[trials.index(place)]
            played = played or field.play(self._shard(part), place)
            yield partial(self._finish, part, played, field.draws[place])

    def _slices(self) -> Iterator[Slice]:
        """Everything that is planned, in bounded pieces."""
        for planned in self._plan.traces:
            for layer in planned.trace.layers(planned.fitting(self._cfg)):
                for picked in planned.slices(layer.index):
                    yield Slice(self.design, planned, layer, picked)

    def _finish(self, part: Slice, played: Playing, draw: str) -> int:
        """Keep what came out of a slice; returns its rows."""
        outcome = self._outcome(played)
        self._cycles += int(outcome.results.last_out.max()) + 1
        return self._keep(part, outcome, draw)

    def _keep(self, part: Slice, outcome: Outcome, draw: str = "") -> int:
        """Keep what is found in a slice; returns its rows."""
        self._add(outcome.measured)
        self._fail(outcome.measured, draw, outcome.broken)
        self._wall_s = time.perf_counter() - self._begun
        return len(part.picked)

    def _compare(self, sample: Slice, trial: Sequence[Playing]) -> int:
        """Hold what came out from one draw to what came out from the others."""
        outcomes = [self._outcome(played) for played in trial]
        found = list(unsettled(outcomes))
        self._tally.compare(rows=len(sample.picked), unsettled=len(found))
        for place, bad, other in found:
            if self._tally.enough_failures:
                break
            draws = self._draws[bad], self._draws[other]
            measured = outcomes[bad].measured
            if measured.wrong[place]:
                failure, fails = wrong(measured, place)
                shown: Sequence[str] = draws[:1]
            else:
                failure, fails = otherwise(measured, outcomes[other].measured, place)
                shown = draws
            failure = dataclasses.replace(failure, draw=draws[0], unlike=draws[1])
            self._told.add((failure.trace, failure.tensor, failure.row))
            self._tally.fail(self._again(failure, sample, place, shown, fails))
        return 0

    def _outcome(self, played: Playing) -> Outcome:
        """What came out; says how the design broke the rules of its streams, if it did."""
        outcome = played.outcome
        if outcome.broken and played not in self._broken:  # a trial may be a slice as well
            self._broken.add(played)
            self._tally.breaks()
            print(f"{self.design.name}: {outcome.broken}", file=sys.stderr)
        return outcome

    def _add(self, measured: Measured) -> None:
        batch, part = measured.batch, measured.slice
        self._tally.add(batch)
        self._picture.add(measured)
        self._folder.rows.write(self.design.name, batch)
        if self._outputs is not None:
            golden = measured.golden()
            self._outputs.add(
                f"{self._plan.key(self.design, part.planned)}/{batch.tensor}",
                part.layer.scores.shape,
                batch.row,
                part.rows,
                golden.y if golden else None,
                measured.results.y if self._simulate else None,
            )

    def _fail(self, measured: Measured, draw: str, broken: str) -> None:
        """Describe rows that are wrong, and the first that is late."""
        batch, part = measured.batch, measured.slice
        places = np.flatnonzero(measured.wrong).tolist()
        for place in places:
            if self._tally.enough_failures:
                return
            if (batch.trace, batch.tensor, int(batch.row[place])) in self._told:
                continue
            failure, fails = wrong(measured, place)
            if broken and batch.lost[place]:  # what ended it is told once, with the first it cost
                failure, broken = dataclasses.replace(failure, what=f"lost: {broken}"), ""
            failure = dataclasses.replace(failure, draw=draw)
            failure = self._again(failure, part, place, [draw], fails)
            if failure.element is not None and self._explains:
                self._explains = False
                row = part.rows.slice(place, place + 1)
                stage = first_differing_stage(self._cfg, row, draw=draw)
                failure = dataclasses.replace(failure, stage=stage)
            self._tally.fail(failure)
        late = np.flatnonzero(batch.mispredicted).tolist()
        if broken and not places:
            failure, fails = surplus(measured, len(part.picked) - 1, broken)
        elif late and self._times:
            self._times = False
            failure, fails = mistimed(measured, late[0])
        else:
            return
        place = int(np.flatnonzero(batch.row == failure.row)[0])
        self._tally.fail(self._again(failure, part, place, [draw], fails))


def _own(design: Design) -> report.OwnDesign | None:
    """What a design of the user's own consists of; None for one of ours."""
    own_design = design.cfg.design
    if own_design is None:
        return None
    rtl = own_design.rtl
    return report.OwnDesign(
        file=_file(configs.path_of(design.given)),
        top=rtl.top if rtl else "",
        sources=tuple(map(_file, rtl.paths if rtl else ())),
        golden=own_design.golden,
        functions=tuple(map(_file, own.files(design.cfg))),
    )


def _files(own_design: report.OwnDesign | None) -> list[report.SourceFile]:
    if own_design is None:
        return []
    return [own_design.file, *own_design.sources, *own_design.functions]


def _file(path: Path) -> report.SourceFile:
    return report.SourceFile(str(path), sha256(path))


def _formula(cfg: Config) -> report.Formula | report.Stated | None:
    if not timing.is_known(cfg):
        return None
    if cfg.design is not None:
        return report.Stated(cfg)
    depth = timing.passes(cfg)
    return report.Formula(depth.count, depth.overhead, cfg.lanes)
