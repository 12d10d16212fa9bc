"""What is loss, and what is noise: figures of a task, and of the same task with another softmax.

Intervals are paired bootstraps: the examples are drawn again, with repetition, :data:`RESAMPLES`
times; each time both figures are computed from the same draw, and the interval holds the middle
95 % of their differences. Draws are seeded, so the same predictions give the same interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from softmax_cosim.eval import Floats, Metric, Task

__all__ = ["RESAMPLES", "SEED", "Baseline", "Figure", "Loss"]

RESAMPLES, SEED = 1000, 0
_MIDDLE = (0.025, 0.975)
FEWEST = 5
"""Examples from which an interval of 95 % can be told: fewer fall to one side by chance alone in
more than 1 run of 20."""


@dataclass(frozen=True)
class Figure:
    """A metric over all examples."""

    metric: Metric
    value: float
    low: float
    """Ends of the 95 % interval of the value, were other examples drawn."""
    high: float


@dataclass(frozen=True)
class Loss:
    """What is lost against the model's own softmax: positive is worse, whatever the metric."""

    metric: Metric
    value: float
    absolute: float
    """In the metric's unit."""
    low: float
    """Ends of the 95 % interval of the absolute loss; NaN with fewer examples than allow one."""
    high: float
    relative: float
    """Share of the baseline's value; NaN where that is 0."""

    @property
    def significant(self) -> bool:
        """The interval does not hold 0: a loss or a gain, and not noise."""
        return self.low > 0 or self.high < 0


class Baseline:
    """Predictions of the model with its own softmax, to compare others with."""

    def __init__(self, task: Task, predictions: Sequence[Any]) -> None:
        """Compute the figures.

        Args:
            task: whose metrics are taken.
            predictions: one for each of its first examples, at least one.
        """
        self._task, self._predictions = task, predictions
        count = len(predictions)
        draws = np.random.default_rng(SEED).integers(count, size=(RESAMPLES, count))
        self._draws = draws
        self._drawn = [_resampled(metric, predictions, draws) for metric in task.metrics]
        self.figures = tuple(
            Figure(metric, value, *_interval(drawn))
            for metric, (value, drawn) in zip(task.metrics, self._drawn, strict=True)
        )

    def losses(self, predictions: Sequence[Any]) -> tuple[Loss, ...]:
        """Of other predictions for the same examples, a loss for each metric."""
        return tuple(
            self._loss(metric, base, *_resampled(metric, predictions, self._draws))
            for metric, base in zip(self._task.metrics, self._drawn, strict=True)
        )

    def agreement(self, predictions: Sequence[Any]) -> float:
        """Share in which other predictions agree with these; NaN if there is nothing to share."""
        pairs = zip(predictions, self._predictions, strict=True)
        counts = [self._task.agreement(ours, float_) for ours, float_ in pairs]
        agreeing, out_of = (sum(column) for column in zip(*counts, strict=True))
        return agreeing / out_of if out_of else math.nan

    def _loss(
        self, metric: Metric, base: tuple[float, Floats], value: float, drawn: Floats
    ) -> Loss:
        sign = -1 if metric.better == "higher" else 1
        absolute = sign * (value - base[0])
        relative = absolute / abs(base[0]) if base[0] else math.nan
        enough = len(self._predictions) >= FEWEST
        ends = _interval(sign * (drawn - base[1])) if enough else (math.nan, math.nan)
        return Loss(metric, value, absolute, *ends, relative)


def _resampled(
    metric: Metric, predictions: Sequence[Any], draws: npt.NDArray[np.int64]
) -> tuple[float, Floats]:
    """The metric, and the metric of each draw, shape [draws]."""
    terms = np.array([metric.terms(i, answer) for i, answer in enumerate(predictions)], np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        if metric.resampled is not None:
            return float(metric.value(terms)), metric.resampled(terms, draws)
        values = np.array([metric.value(terms[draw]) for draw in draws])
        return float(metric.value(terms)), values


def _interval(values: Floats) -> tuple[float, float]:
    """The middle 95 %; draws in which there is no figure are left out."""
    known = values[~np.isnan(values)]
    if not len(known):
        return math.nan, math.nan
    low, high = np.quantile(known, _MIDDLE)
    return float(low), float(high)
