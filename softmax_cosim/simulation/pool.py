"""Several simulator processes of one configuration, side by side."""

from __future__ import annotations

import dataclasses
import itertools
import os
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np

from softmax_cosim.configs import Config
from softmax_cosim.configs.errors import UsageError
from softmax_cosim.golden.rows import Results, Rows
from softmax_cosim.simulation import autopsy, power_up
from softmax_cosim.simulation.build import Build
from softmax_cosim.simulation.cache import Interrupted, stopping
from softmax_cosim.simulation.fork_server import ForkServer
from softmax_cosim.simulation.simulator import Simulator

__all__ = ["SHARD_ELEMENTS", "Pool", "default_jobs", "waited"]

#: Elements a shard of :meth:`Pool.run` holds at most, if it has more than one row. It does not
#: depend on the number of processes, so neither do the results.
SHARD_ELEMENTS = 2**18
_BIT_SECONDS = 0.1
#: Who has had enough waits so long at most for what is under way.
_PATIENCE = 10.0

_Result = TypeVar("_Result")


def default_jobs() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))


def waited(future: Future[_Result]) -> _Result:
    """The result of work in another thread, waited for in bits.

    Python runs a signal's handler between two steps of the main thread. A signal that comes right
    before a wait without end would be seen when that ends: perhaps never.

    Raises:
        Interrupted: :data:`.cache.stopping` is set, and what is under way does not end.
    """
    left = _PATIENCE
    while not future.done():
        wait([future], timeout=_BIT_SECONDS)
        left -= _BIT_SECONDS if stopping.is_set() else 0.0
        if left < 0:
            raise Interrupted
    return future.result()


class Pool:
    """A number of simulators that share the work; use as a context manager."""

    def __init__(
        self,
        config: Config,
        jobs: int | None = None,
        *,
        draws: Sequence[str] | None = None,
        waves: Path | None = None,
        fork_server: ForkServer | None = None,
        play: Callable[[Simulator, Rows, str, int], Results] = Simulator.run,
        **options: Any,
    ) -> None:
        """Build the simulation; each process starts with its first batch.

        Args:
            config: the parameter set.
            jobs: number of processes that play at a time; None for one a processor.
            draws: the power-up draw of each process, see :mod:`.power_up`; as many as there are
                jobs, all different, when not given.
            waves: write a waveform (VCD) of the first process to this file.
            fork_server: what they are forked from, and that lives on; one of their own when not
                given.
            play: how a batch is played, in a thread; stalls and seed are the last two.
            options: further ones of :class:`Simulator`.

        Raises:
            UsageError: fewer than one job, a waveform of several, or what the simulator raises.
        """
        jobs = default_jobs() if jobs is None else jobs
        if jobs < 1:
            raise UsageError(f"{jobs} jobs; give at least 1")
        if jobs > 1 and waves:
            raise UsageError(f"{jobs} jobs cannot write one waveform; give 1")
        self.config = config
        self.jobs = jobs
        self._how = play
        self.draws = tuple(draws or power_up.draws(0, jobs))
        if waves:
            options["traceable"] = True
        first = Simulator(config, draw=self.draws[0], waves=waves, **options)
        options["built"] = first.build
        others = (Simulator(config, draw=draw, **options) for draw in self.draws[1:])
        self._simulators = [first, *others]
        self._fork_server, self._borrowed = fork_server, fork_server is not None
        if fork_server is None and len(self.draws) > 1:
            self._fork_server = self._simulators[-1].fork_server()
        for simulator in self._simulators[1 if waves else 0 :]:
            simulator.forked_from(self._fork_server)
        self._turns = itertools.cycle(range(len(self._simulators)))
        self._ready()
        _ALIVE.add(self)

    def _ready(self) -> None:
        """All simulators free, and threads to play them; in a forked child these are new ones."""
        self._locks = [Lock() for _ in self._simulators]
        self._threads = ThreadPoolExecutor(self.jobs)

    def start(self) -> None:
        """Start every process now, side by side, instead of with its first batch.

        Raises:
            SimulatorCrash: one ended before it was ready.
        """
        for started in self._starting():
            waited(started)

    @property
    def build(self) -> Build:
        """What the processes run."""
        return self._simulators[0].build

    @property
    def warnings(self) -> Counter[str]:
        """What the design warned of in all processes, once they are closed."""
        found = Counter[str]()
        for simulator in self._simulators:
            found.update(simulator.warnings)
        return found

    def turn(self) -> int:
        """The place whose turn it is."""
        return next(self._turns)

    def submit(
        self,
        rows: Rows | Future[Rows],
        stalls: str = "none",
        seed: int = 0,
        place: int | None = None,
    ) -> Future[Results]:
        """Queue a batch; its result raises what :meth:`Simulator.run` does, or who makes the rows.

        ``place`` is the process that is to play it; each in turn when not given.

        Raises:
            UsageError: the operating system gives no thread.
        """
        place = self.turn() if place is None else place
        try:
            return self._threads.submit(self._play, place, rows, stalls, seed)
        except RuntimeError as error:
            if "new thread" not in str(error):
                raise
            raise UsageError(
                f"no simulator for {self.config.name}: {error}{autopsy.limits()}"
            ) from None

    def run(self, rows: Rows, stalls: str = "none", seed: int = 0) -> Results:
        """Play rows in shards, each from reset, and return the results in the order of the rows.

        Cycles count from the reset of a row's own shard.

        Raises:
            Broken: the first shard that went wrong; its rows count from the shard's first.
            SimulatorCrash: a process died.
        """
        shards = list(_shards(rows))
        if len(shards) == 1:  # nothing goes on meanwhile: it needs no other thread
            return self._play(self.turn(), rows, stalls, seed)
        played = [self.submit(shard, stalls, seed) for shard in shards]
        try:
            parts = [shard.result() for shard in played]
        finally:
            for shard in played:
                shard.cancel()
        return Results(
            **{
                field.name: np.concatenate([getattr(part, field.name) for part in parts])
                for field in dataclasses.fields(Results)
            }
        )

    def close(self, *, kill: bool = False) -> None:
        """Drop what is queued, wait for what is under way, end the processes; at once to ``kill``.

        A process that does not answer would be waited for without end.
        """
        self._threads.shutdown(wait=False, cancel_futures=True)
        for process in (*self._simulators, self._fork_server) if kill else ():
            if process is not None:
                process.kill()
        self._threads.shutdown(cancel_futures=True)
        for simulator in self._simulators:
            simulator.hang_up()
        for simulator in self._simulators:
            simulator.close()
        if self._fork_server is not None and not self._borrowed:
            self._fork_server.close()

    def __enter__(self) -> Self:
        """The pool itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close, at once if an exception is under way."""
        self.close(kill=kind is not None)

    def _starting(self) -> list[Future[None]]:
        return [self._threads.submit(self._start, place) for place in range(len(self._simulators))]

    def _start(self, place: int) -> None:
        with self._locks[place]:
            self._simulators[place].start()

    def _play(self, place: int, rows: Rows | Future[Rows], stalls: str, seed: int) -> Results:
        with self._locks[place]:
            batch = rows.result() if isinstance(rows, Future) else rows
            return self._how(self._simulators[place], batch, stalls, seed)


def _shards(rows: Rows) -> Iterator[Rows]:
    """Whole rows of together at most :data:`SHARD_ELEMENTS` elements, at least one row each."""
    start = 0
    while True:
        limit = rows.offsets[start] + SHARD_ELEMENTS
        stop = int(np.searchsorted(rows.offsets, limit, side="right")) - 1
        stop = min(max(stop, start + 1), len(rows))
        yield rows.slice(start, stop)
        if stop == len(rows):
            return
        start = stop


#: Every pool of this process, for the children that it may fork.
_ALIVE: weakref.WeakSet[Pool] = weakref.WeakSet()


def _ready_all() -> None:
    for pool in list(_ALIVE):
        pool._ready()


os.register_at_fork(after_in_child=_ready_all)
