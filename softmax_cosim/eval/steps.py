"""The steps of an evaluation, a few examples of one cell each, in worker processes.

Each worker has one model and one engine loaded; the parent keeps the cells' files.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from queue import Empty, SimpleQueue

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from softmax_cosim import engines
from softmax_cosim.account import Account
from softmax_cosim.configs import Config, UsageError
from softmax_cosim.eval import Source, Task, load
from softmax_cosim.eval.cells import Cell, line_of
from softmax_cosim.simulation.pool import default_jobs, waited

__all__ = ["Planned", "make"]

_BIT_SECONDS = 0.1


@dataclass(frozen=True)
class Planned:
    """A cell that is to be made."""

    name: str
    """Of the task, as the user gave it."""
    source: Source | None
    config: Config | None
    kind: str
    examples: int
    batch: int
    cell: Cell

    def missing(self) -> Iterator[range]:
        """The steps that are not there."""
        for start in range(0, self.examples, self.batch):
            if start not in self.cell.steps:
                yield range(start, min(start + self.batch, self.examples))


def make(
    plan: dict[str, list[Planned]], built: Sequence[Config], jobs: int | None, terminal: Console
) -> None:
    """Do every step that is missing."""
    work = [
        (planned, part)
        for cells in plan.values()
        for planned in cells
        for part in planned.missing()
    ]
    if not work:
        return
    # One thread each, or the processes get in each other's way; workers inherit it.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    cores = default_jobs()
    jobs = min(jobs or cores, len(work))
    simulators = max(1, cores // jobs)
    with _progress(terminal) as progress:
        _build(built, progress)
        bars = {
            name: progress.add_task(name, total=sum(p.examples for p in cells))
            for name, cells in plan.items()
        }
        for name, cells in plan.items():
            progress.advance(bars[name], sum(len(p.cell.predictions) for p in cells))
        pool = ProcessPoolExecutor(
            jobs, multiprocessing.get_context("spawn"), initializer=_die_with_parent
        )
        futures: dict[Future[str], tuple[Planned, range]] = {}
        done: SimpleQueue[Future[str]] = SimpleQueue()
        try:
            with _deaf():
                for planned, part in work:
                    p = planned
                    future = pool.submit(
                        _step, p.name, p.source, p.config, p.kind, simulators, part
                    )
                    futures[future] = planned, part
                    future.add_done_callback(done.put)
            while futures:
                with suppress(Empty):
                    future = done.get(timeout=_BIT_SECONDS)  # as in `waited`
                    planned, part = futures.pop(future)
                    planned.cell.add(future.result())
                    progress.advance(bars[planned.name], len(part))
        except BrokenProcessPool:
            raise UsageError(
                "a worker process died, perhaps for want of memory; the same command goes on "
                "from here, with fewer processes if you say --jobs 1"
            ) from None
        finally:
            for process in multiprocessing.active_children():
                if futures:  # not all is done: what is under way would hold us up
                    process.kill()  # one that is stopped hears of nothing else
            pool.shutdown(cancel_futures=True)


@contextmanager
def _deaf() -> Iterator[None]:
    """Processes that are started within the block hear nothing of Ctrl-C: it is ours to end them.

    Before Python's own handler is out of the way they would die of it with a traceback.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _build(built: Sequence[Config], progress: Progress) -> None:
    """Build the simulations side by side, before the workers want them."""
    if not built:
        return
    bar = progress.add_task("building", total=len(built))

    def build(cfg: Config) -> None:
        engines.Rtl(cfg, 1).close()
        progress.advance(bar)

    builders = ThreadPoolExecutor(default_jobs())
    try:
        for future in [builders.submit(build, cfg) for cfg in built]:
            waited(future)
    finally:
        builders.shutdown(cancel_futures=True)


def _progress(terminal: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:16}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=terminal,
    )


# In a worker process.

_open: dict[tuple[Config, str], engines.Engine] = {}
"""The engine of the last step; a worker goes from cell to cell in the order of the plan."""


@lru_cache(maxsize=1)
def _task(name: str, source: Source | None) -> Task:
    """The task of the last step."""
    return load(name, source)


def _engine(config: Config, kind: str, simulators: int) -> engines.Engine:
    if (config, kind) not in _open:
        while _open:
            _open.popitem()[1].close()
        made = engines.Rtl(config, simulators) if kind == "rtl" else engines.Golden(config)
        _open[config, kind] = made
    return _open[config, kind]


def _step(
    name: str,
    source: Source | None,
    config: Config | None,
    kind: str,
    simulators: int,
    part: range,
) -> str:
    """Compute one step; returns its line."""
    task = _task(name, source)
    softmax = None if config is None else _engine(config, kind, simulators)
    count, account = engines.Count(), Account()
    if softmax is not None:
        softmax.count, softmax.account = count, account
    begun = time.perf_counter()
    predictions = task.predict(part, softmax)
    seconds = time.perf_counter() - begun
    if len(predictions) != len(part):
        raise UsageError(
            f"task {name}: {len(predictions)} predictions for the {len(part)} examples from "
            f"{part.start} on; predict must return one an example"
        )
    step = {"start": part.start, "predictions": predictions, "seconds": round(seconds, 4)}
    step |= dataclasses.asdict(count) | {"account": account.as_dict()}
    try:
        return line_of(step)
    except TypeError as error:
        raise UsageError(
            f"task {name}: a prediction cannot be kept as JSON ({error}); "
            "return numbers, text, or lists of them"
        ) from None


def _die_with_parent() -> None:
    """Whatever ends the parent ends this process, and with it its simulators."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
