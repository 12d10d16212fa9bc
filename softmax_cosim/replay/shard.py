"""A shard of a replay, rows of one tensor played from one power-up draw, and who plays it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from types import TracebackType
from typing import Any, Protocol, Self

from softmax_cosim.configs import Config
from softmax_cosim.golden.exchange import Broken
from softmax_cosim.golden.rows import Results, Rows
from softmax_cosim.measure import Measured, Slice
from softmax_cosim.simulation.build import Build
from softmax_cosim.simulation.pool import Pool, waited

__all__ = ["Field", "Here", "Measurers", "Outcome", "Playing", "Shard"]


@dataclass(frozen=True)
class Shard:
    """What an outcome is made from."""

    part: Slice
    stalls: str
    seed: int
    predictable: bool
    """The timing model is to say when each row leaves."""
    errors: bool
    """Measure how far from float it is; else bit accuracy and cycles alone."""
    whole: bool = True
    """It will be measured; else only if it does not come out as from another draw."""

    def outcome(self, results: Results, broken: str = "") -> Outcome:
        """What it gave."""
        return Outcome(results, partial(self.measure, results), broken)

    def measure(self, results: Results | None) -> Measured:
        """Hold what came out to what should have."""
        return self.part.measure(
            results,
            predictable=self.predictable and results is not None,
            errors=self.errors,
        )


@dataclass(frozen=True)
class Outcome:
    """What a shard gave; it is measured when that is first asked for."""

    results: Results
    measure: Callable[[], Measured]
    broken: str = ""
    """How the design broke the rules of its streams, if it did."""

    @classmethod
    def of(cls, measured: Measured, broken: str = "") -> Self:
        """What was measured already."""
        return cls(measured.results, lambda: measured, broken)

    @cached_property
    def measured(self) -> Measured:
        """Held to what should have come out."""
        return self.measure()


class Playing:
    """A shard under way."""

    def __init__(self, finish: Callable[[], Outcome]) -> None:
        """``finish`` waits for the outcome, and is called once."""
        self._finish = finish

    @cached_property
    def outcome(self) -> Outcome:
        """What it gave, once it is there."""
        return self._finish()


class Field(Protocol):
    """Those who play the shards of one design, within a block.

    At its end what is under way is waited for, or dropped if an exception is the end.
    """

    draws: tuple[str, ...]
    """Of each place, the power-up draw."""

    @property
    def ahead(self) -> int:
        """Shards that are worth to be under way at a time."""
        ...

    @property
    def build(self) -> Build:
        """The simulation, as it was built on this machine."""
        ...

    @property
    def warnings(self) -> Counter[str]:
        """What the design warned of, and how often; whole once the field is closed."""
        ...

    def start(self) -> None:
        """Get ready."""
        ...

    def play(self, shard: Shard, place: int) -> Playing:
        """Have a shard played from the draw of a place."""
        ...

    def __enter__(self) -> Self:
        """The field itself."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of everything."""
        ...


class Measurers:
    """Threads that read and measure, while the calling one keeps what was measured before.

    What they call lets other threads run: compiled functions and numpy. One reads, which takes
    least. What a design of somebody's own consists of is called by the calling thread alone: nobody
    may have thought of several.
    """

    def __init__(self, cfg: Config, count: int) -> None:
        """So many threads that measure; they start when they are needed."""
        self.ahead = 2 * count
        """Shards that are worth to be under way at a time: each thread has the next one."""
        self._shared = cfg.design is None
        self._reading, self._measuring = ThreadPoolExecutor(1), ThreadPoolExecutor(count)

    def read(self, shard: Shard) -> Future[Rows]:
        """Have its rows quantised."""
        return self._reading.submit(lambda: shard.part.rows)

    def begin(self, finish: Callable[[], Outcome]) -> Playing:
        """Have a shard waited for and measured; ``finish`` does it."""
        if not self._shared:
            return Playing(finish)
        return Playing(partial(waited, self._measuring.submit(finish)))

    def score(self, shard: Shard) -> Playing:
        """Have the golden model alone measured."""
        return self.begin(partial(_scored, shard, self.read(shard)))

    def drop(self) -> None:
        """Begin nothing more."""
        for threads in (self._reading, self._measuring):
            threads.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """Drop what is queued, and wait for what is under way."""
        self.drop()
        for threads in (self._reading, self._measuring):
            threads.shutdown()


class Here(Pool):
    """Simulators of this machine, and for each of them that plays at a time one who measures."""

    def __init__(self, config: Config, jobs: int, **options: Any) -> None:
        """Arguments as of :class:`Pool`."""
        super().__init__(config, jobs, **options)
        self._measurers = Measurers(config, jobs)

    @property
    def ahead(self) -> int:
        """As many are measured as play."""
        return self._measurers.ahead

    def start(self) -> None:
        """Have every process start. Nobody waits: of one that cannot, the first batch says why."""
        self._starting()

    def play(self, shard: Shard, place: int) -> Playing:
        """Have a shard played; errors as of :meth:`submit`."""
        rows = self._measurers.read(shard)
        played = self.submit(rows, shard.stalls, shard.seed, place=place)
        finish = partial(_played, shard, played)
        return self._measurers.begin(finish) if shard.whole else Playing(finish)

    def close(self, *, kill: bool = False) -> None:
        """As of :class:`Pool`; what was not measured by now, will not be."""
        self._measurers.drop()
        super().close(kill=kill)
        self._measurers.close()


def _scored(shard: Shard, rows: Future[Rows]) -> Outcome:
    rows.result()
    return Outcome.of(shard.measure(None))


def _played(shard: Shard, played: Future[Results]) -> Outcome:
    try:
        outcome = shard.outcome(waited(played))
    except Broken as error:
        outcome = shard.outcome(error.results, str(error))
    return Outcome.of(outcome.measure(), outcome.broken) if shard.whole else outcome
