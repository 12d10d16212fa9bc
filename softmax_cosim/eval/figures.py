"""Figures of some examples from their terms, shape [examples, terms]; see :class:`.Metric`."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from softmax_cosim.eval import Floats

__all__ = ["correlation", "f1", "matthews", "outcome", "pearson", "ranks", "spearman"]


def outcome(said: bool, true: bool) -> tuple[float, float, float, float]:
    """Terms of :func:`f1` and :func:`matthews`: a true or false positive, or negative."""
    return (
        float(said and true),
        float(said and not true),
        float(not said and true),
        float(not (said or true)),
    )


def f1(terms: Floats) -> float:
    """Harmonic mean of precision and recall of the positives; NaN without any, said or true."""
    hit, false, missed, _ = terms.sum(axis=0)
    both = 2 * hit + false + missed
    return float(2 * hit / both) if both else math.nan


def matthews(terms: Floats) -> float:
    """Matthews' correlation coefficient; 0 where one side knows one class only, by convention."""
    hit, false, missed, rest = terms.sum(axis=0)
    scale = (hit + false) * (hit + missed) * (rest + false) * (rest + missed)
    return float((hit * rest - false * missed) / math.sqrt(scale)) if scale else 0.0


def pearson(terms: Floats) -> float:
    """Correlation of the first two terms; NaN where one of them is always the same."""
    return correlation(terms[:, 0], terms[:, 1])


def spearman(terms: Floats) -> float:
    """Correlation of the ranks of the first two terms."""
    return correlation(ranks(terms[:, 0]), ranks(terms[:, 1]))


def correlation(a: Floats, b: Floats) -> float:
    """Pearson's correlation coefficient of two series of one length."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return math.nan
    return float(np.corrcoef(a, b)[0, 1])


def ranks(values: Floats) -> Floats:
    """Rank of each value, from 1; equal values share the mean of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    shared: npt.NDArray[np.float64] = np.cumsum(count) - (count - 1) / 2
    return shared[place]
