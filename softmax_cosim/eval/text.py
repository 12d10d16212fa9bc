"""Figures of an evaluation as people read them."""

from __future__ import annotations

import math

from softmax_cosim.eval import Metric
from softmax_cosim.eval.statistics import Loss

__all__ = ["agreed", "interval", "lost", "relative", "shown"]

_NOTHING = "–"


def shown(metric: Metric, value: float) -> str:
    """A value of a metric."""
    if not math.isfinite(value):
        return _NOTHING
    return f"{100 * value:.2f} %" if metric.unit else f"{value:.4g}"


def lost(loss: Loss) -> str:
    """An absolute loss, in percentage points where the metric is a share."""
    return _signed(loss.metric, loss.absolute)


def interval(loss: Loss) -> str:
    """The 95 % interval of an absolute loss."""
    return f"{_signed(loss.metric, loss.low)} … {_signed(loss.metric, loss.high)}"


def relative(loss: Loss) -> str:
    """A loss as a share of the baseline."""
    return f"{_plus(f'{100 * loss.relative:+.2f}')} %" if math.isfinite(loss.relative) else _NOTHING


def agreed(share: float) -> str:
    """An agreement."""
    return f"{100 * share:.2f} %" if math.isfinite(share) else _NOTHING


def _signed(metric: Metric, value: float) -> str:
    if not math.isfinite(value):
        return _NOTHING
    return _plus(f"{100 * value:+.2f}" if metric.unit else f"{value:+.3g}")


def _plus(text: str) -> str:
    """Without a sign at zero."""
    return text if float(text) else text[1:]
