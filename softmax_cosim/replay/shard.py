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
from softmax_cosim.golden.rows import Results
from softmax_cosim.measure import Measured, Slice
from softmax_cosim.simulation.build import Build
from softmax_cosim.simulation.pool import Pool, waited

__all__ = ["Field", "Here", "Outcome", "Playing", "Shard"]


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


class Here(Pool):
    """Simulators of this machine, and threads that read and measure beside them.

    What these call lets other threads run: compiled functions, numpy and Arrow. One reads, which
    takes least; as many measure as play. What a design of somebody's own consists of is called by
    the calling thread alone: nobody may have thought of several.
    """

    def __init__(self, config: Config, jobs: int, **options: Any) -> None:
        """Arguments as of :class:`Pool`."""
        super().__init__(config, jobs, **options)
        self._reading, self._measuring = ThreadPoolExecutor(1), ThreadPoolExecutor(jobs)
        self._shared = config.design is None

    @property
    def ahead(self) -> int:
        """One that plays and one that is measured, for each job."""
        return 2 * self.jobs if self._shared else self.jobs

    def start(self) -> None:
        """Have every process start. Nobody waits: of one that cannot, the first batch says why."""
        self._starting()

    def play(self, shard: Shard, place: int) -> Playing:
        """Have a shard played; errors as of :meth:`submit`."""
        rows = self._reading.submit(lambda: shard.part.rows)
        played = self.submit(rows, shard.stalls, shard.seed, place=place)
        finish = partial(_outcome, shard, played)
        if self._shared and shard.whole:
            finish = partial(waited, self._measuring.submit(finish))
        return Playing(finish)

    def close(self, *, kill: bool = False) -> None:
        """As of :class:`Pool`; what was not measured by now, will not be."""
        for threads in (self._reading, self._measuring):
            threads.shutdown(wait=False, cancel_futures=True)
        super().close(kill=kill)
        for threads in (self._reading, self._measuring):
            threads.shutdown()


def _outcome(shard: Shard, played: Future[Results]) -> Outcome:
    try:
        outcome = shard.outcome(waited(played))
    except Broken as error:
        outcome = shard.outcome(error.results, str(error))
    return Outcome.of(outcome.measure(), outcome.broken) if shard.whole else outcome
