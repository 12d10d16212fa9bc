"""What the page leads with: which designs no other one beats, in error and in what they cost."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from softmax_cosim.report.area import nand_nor
from softmax_cosim.report.model import Report, RunResult

__all__ = ["COSTS", "Choice", "Cost", "Point", "choices", "representatives"]


@dataclass(frozen=True)
class Cost:
    """One thing that a design costs."""

    key: str
    title: str
    of: Callable[[RunResult], float | None]
    """None where it is not known."""


COSTS = (
    Cost("latency", "latency p50, cycles", lambda run: run.latency.p50),
    Cost("cycles", "cycles per element", lambda run: _finite(run.cycles_per_element)),
    Cost("bytes", "table bytes", lambda run: run.table_bytes),
    Cost("area", "area, NAND + NOR gates", lambda run: nand_nor(run.config)),
)


@dataclass(frozen=True)
class Point:
    """A design in the chart."""

    name: str
    cost: float
    error: float
    """Total L1."""
    own: bool
    """Of the user's own, not one of our methods."""
    good: bool
    """It kept its promise."""
    unbeaten: bool
    """No other good design of the same function has no more of both and less of one."""


@dataclass(frozen=True)
class Choice:
    """The chart of one cost."""

    cost: Cost
    points: tuple[Point, ...]
    missing: tuple[str, ...]
    """Designs of which the cost or the error is not known."""
    apart: tuple[str, ...] = ()
    """Designs of another function than most, whose errors are not to be held to the others'."""

    @property
    def unbeaten(self) -> list[Point]:
        """From the cheapest on."""
        return sorted((point for point in self.points if point.unbeaten), key=lambda p: p.cost)


def choices(report: Report) -> list[Choice]:
    """One a cost, in the order of :data:`COSTS`."""
    return [_choice(cost, report.runs) for cost in COSTS]


def _choice(cost: Cost, runs: Sequence[RunResult]) -> Choice:
    functions = Counter(run.config.reference for run in runs)
    most = max(functions, key=lambda name: (functions[name], name == "softmax"), default="")
    placed, missing = [], []
    for run in runs:
        spent, error = cost.of(run), _finite(run.total.l1)
        if spent is None or error is None:
            missing.append(run.name)
        else:
            placed.append((run, spent, error))
    held = [each for each in placed if each[0].exact and each[0].config.reference == most]
    good = {run.name: (spent, error) for run, spent, error in held}
    points = [
        Point(
            run.name,
            spent,
            error,
            own=run.own is not None,
            good=run.exact,
            unbeaten=run.name in good
            and not any(_beats(other, (spent, error)) for other in good.values()),
        )
        for run, spent, error in placed
    ]
    apart = [run.name for run, _, _ in placed if run.config.reference != most]
    return Choice(cost, tuple(points), tuple(missing), tuple(apart))


def _beats(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one != other and one[0] <= other[0] and one[1] <= other[1]


def representatives(runs: Sequence[RunResult], most: int = 3) -> list[RunResult]:
    """All runs if they are few; else some, from the least total L1 to the largest."""
    if len(runs) <= most:
        return list(runs)
    known = sorted(
        (run for run in runs if math.isfinite(run.total.l1)), key=lambda run: run.total.l1
    )
    places = {round(i * (len(known) - 1) / (most - 1)) for i in range(most)} if known else set()
    return [known[place] for place in sorted(places)]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
