"""The steps of an evaluation, a few examples of one cell each, in worker processes.

Each worker has one model and one engine loaded; the parent keeps the cells' files.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager, suppress
from queue import Empty, SimpleQueue

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from softmax_cosim import engines
from softmax_cosim.cluster import Where
from softmax_cosim.configs import Config, UsageError
from softmax_cosim.eval.cells import Planned
from softmax_cosim.eval.remote import there
from softmax_cosim.eval.worker import step
from softmax_cosim.simulation.pool import default_jobs, waited

__all__ = ["make"]

_BIT_SECONDS = 0.1


def make(
    plan: dict[str, list[Planned]],
    built: Sequence[Config],
    jobs: int | None,
    terminal: Console,
    where: Where | None = None,
) -> None:
    """Do every step that is missing, here or on a cluster."""
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
    with _progress(terminal) as progress:
        _build(built, progress)
        bars = {
            name: progress.add_task(name, total=sum(p.examples for p in cells))
            for name, cells in plan.items()
        }
        for name, cells in plan.items():
            progress.advance(bars[name], sum(len(p.cell.predictions) for p in cells))
        here = closing(_Here(min(jobs or default_jobs(), len(work))))
        with there(where) if where else here as workers:
            futures = {workers.submit(planned, part): (planned, part) for planned, part in work}
            for future in workers.completed(futures.copy()):
                planned, part = futures.pop(future)
                planned.cell.add(future.result())
                progress.advance(bars[planned.name], len(part))


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


class _Here:
    """Processes of this machine."""

    def __init__(self, jobs: int) -> None:
        self._simulators = max(1, default_jobs() // jobs)
        self._pool = ProcessPoolExecutor(
            jobs, multiprocessing.get_context("spawn"), initializer=_die_with_parent
        )
        self._left = 0
        self._done: SimpleQueue[Future[str]] = SimpleQueue()

    def submit(self, planned: Planned, part: range) -> Future[str]:
        self._left += 1
        with _deaf():
            future = self._pool.submit(step, *planned.work, self._simulators, part)
        future.add_done_callback(self._done.put)
        return future

    def completed(self, _: Collection[Future[str]]) -> Iterator[Future[str]]:
        try:
            while self._left:
                future = None
                with suppress(Empty):
                    future = self._done.get(timeout=_BIT_SECONDS)  # as in `waited`
                if future:
                    future.result()
                    yield future
                    self._left -= 1
        except BrokenProcessPool:
            raise UsageError(
                "a worker process died, perhaps for want of memory; the same command goes on "
                "from here, with fewer processes if you say --jobs 1"
            ) from None

    def close(self) -> None:
        for process in multiprocessing.active_children():
            if self._left:  # not all is done: what is under way would hold us up
                process.kill()  # one that is stopped hears of nothing else
        self._pool.shutdown(cancel_futures=True)


def _die_with_parent() -> None:
    """Whatever ends the parent ends this process, and with it its simulators."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
