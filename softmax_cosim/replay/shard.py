"""A shard of a replay, rows of one tensor played from one power-up draw, and who plays it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property, partial
from types import TracebackType
from typing import Protocol, Self

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
    """Simulators of this machine; this process measures while they play what follows."""

    @property
    def ahead(self) -> int:
        """One more than play at a time would be measured too late."""
        return self.jobs

    def start(self) -> None:
        """Have every process start. Nobody waits: of one that cannot, the first batch says why."""
        self._starting()

    def play(self, shard: Shard, place: int) -> Playing:
        """Have a shard played; errors as of :meth:`submit`."""
        played = self.submit(shard.part.rows, shard.stalls, shard.seed, place=place)
        return Playing(partial(_outcome, shard, played))


def _outcome(shard: Shard, played: Future[Results]) -> Outcome:
    try:
        return shard.outcome(waited(played))
    except Broken as error:
        return shard.outcome(error.results, str(error))
