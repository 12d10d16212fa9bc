"""One design's way through all traces: play, compare, measure, keep."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future
from pathlib import Path

from softmax_cosim import configs, report
from softmax_cosim.configs import Config
from softmax_cosim.configs.stalls import profile
from softmax_cosim.files import sha256
from softmax_cosim.golden import custom, tables, timing
from softmax_cosim.golden.rows import Results
from softmax_cosim.measure import Measured, Slice
from softmax_cosim.outputs import OutputsWriter
from softmax_cosim.plan import Design, Plan
from softmax_cosim.replay.picture import Picture
from softmax_cosim.simulation.pool import Pool, default_jobs
from softmax_cosim.simulation.regression import first_differing_stage
from softmax_cosim.simulation.simulator import Broken

__all__ = ["Player"]


class Player:
    """One design's way through all traces."""

    def __init__(
        self,
        design: Design,
        plan: Plan,
        args: argparse.Namespace,
        folder: report.ReportFolder,
        outputs: OutputsWriter | None,
        simulate: bool,
    ) -> None:
        """Begin a run of ``design``; ``args`` are the options of ``cosim replay``."""
        self._design, self._plan, self._args = design, plan, args
        self._folder, self._outputs = folder, outputs
        self._simulate = simulate
        cfg = self._cfg = design.cfg
        # The timing model speaks of our own designs, and of sinks that never stall.
        modelled = cfg.method != "custom"
        self._predictable = modelled and profile(args.stalls).sink.always_open
        self._tally = report.Tally(
            cfg,
            name=design.name,
            own=_own(design),
            table_bytes=tables.table_bytes(cfg),
            formula=_formula(cfg) if modelled else None,
        )
        self._picture = Picture()
        self._cycles = 0
        self._begun = time.perf_counter()
        self._wall_s = 0.0
        # The first mismatch is looked at inside the design; one is telling enough.
        self._explains = simulate and modelled

    def play(self) -> Generator[int]:
        """Play every planned row; yields the rows of each slice when it is done.

        The simulators play the next slices while this process measures the one before.
        """
        if not self._simulate:
            for part in self._slices():
                yield self._finish(part, None)
            return
        with self._pool() as pool:
            pool.start()
            self._begun = time.perf_counter()
            ahead: deque[tuple[Slice, Future[Results]]] = deque()
            for part in self._slices():
                ahead.append((part, pool.submit(part.rows, self._args.stalls, self._args.seed)))
                if len(ahead) > pool.jobs:
                    yield self._finish(*ahead.popleft())
            while ahead:
                yield self._finish(*ahead.popleft())

    def result(self) -> report.RunResult:
        """What was played so far."""
        for attention in self._picture.maps():
            self._tally.show(attention)
        return self._tally.result(cycles=self._cycles, wall_s=self._wall_s)

    def _pool(self) -> Pool:
        """Simulators, but no more than there are slices."""
        args = self._args
        waves = self._folder.staging / f"{self._design.file}.vcd" if args.waves else None
        jobs = 1 if args.waves else args.jobs or default_jobs()
        return Pool(self._cfg, min(jobs, self._plan.slices), transport=args.transport, waves=waves)

    def _slices(self) -> Iterator[Slice]:
        """Everything that is planned, in bounded pieces."""
        for planned in self._plan.traces:
            for layer in planned.trace.layers(planned.picked):
                for picked in planned.slices(layer.index):
                    yield Slice.of(self._design, planned, layer, picked)

    def _finish(self, part: Slice, played: Future[Results] | None) -> int:
        results = None
        if played is not None:
            try:
                results = played.result()
            except Broken as error:
                print(f"{self._design.name}: {error}", file=sys.stderr)
                results = error.results
            self._cycles += int(results.last_out.max()) + 1
        self._keep(part.measure(results, predictable=self._predictable and results is not None))
        self._wall_s = time.perf_counter() - self._begun
        return len(part.picked)

    def _keep(self, measured: Measured) -> None:
        batch, part = measured.batch, measured.slice
        self._tally.add(batch)
        self._picture.add(measured)
        self._folder.rows.write(self._design.name, batch)
        for i, failure in measured.failures():
            if self._tally.enough_failures:
                break
            if failure.element is not None and self._explains:
                self._explains = False
                row = part.rows.slice(i, i + 1)
                stage = first_differing_stage(self._cfg, row)
                failure = dataclasses.replace(failure, stage=stage)
            self._tally.fail(failure)
        if self._outputs is not None:
            self._outputs.add(
                f"{self._plan.key(self._design, part.planned)}/{batch.tensor}",
                part.layer.scores.shape,
                batch.row,
                part.rows,
                measured.golden.y,
                measured.results.y if self._simulate else None,
            )


def _own(design: Design) -> report.OwnDesign | None:
    """What a design of the user's own consists of; None for one of ours."""
    cfg = design.cfg
    if cfg.method != "custom":
        return None
    return report.OwnDesign(
        file=_file(configs.path_of(design.given)),
        top=cfg.top,
        sources=tuple(map(_file, cfg.source_files)),
        golden=cfg.golden,
        golden_file=_file(custom.path_of(cfg)),
    )


def _file(path: Path) -> report.SourceFile:
    return report.SourceFile(str(path), sha256(path))


def _formula(cfg: Config) -> report.Formula:
    depth = timing.passes(cfg)
    return report.Formula(depth.count, depth.overhead, cfg.lanes)
