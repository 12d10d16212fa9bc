"""The page of ``cosim eval``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from softmax_cosim.eval.results import Evaluation, TaskResult, verdict, warnings
from softmax_cosim.eval.text import agreed, interval, lost, relative, shown
from softmax_cosim.report.drawing import FLOAT, HARDWARE, WIDTH, Panel, Scale, cut, drawing
from softmax_cosim.report.html import environment

__all__ = ["render"]


def render(found: Evaluation) -> str:
    """The page as text."""
    page = environment(Path(__file__).parent, losses=_losses)
    return page.get_template("evaluation.html.j2").render(
        found=found,
        summary=verdict(found),
        warnings=warnings(found),
        shown=shown,
        lost=lost,
        interval=interval,
        relative=relative,
        agreed=agreed,
    )


def _losses(task: TaskResult) -> str:
    """Loss of the main metric and its interval, a line a configuration; 0 is float."""
    metric = task.baseline[0].metric
    scale = 100 if metric.unit else 1
    losses = [cell.losses[0] for cell in task.cells]
    figures = scale * np.array(
        [(loss.low, loss.absolute, loss.high) for loss in losses] + [(0,) * 3]
    )
    near = _threshold(task) * scale
    known = figures[np.isfinite(figures)]  # few examples have no interval, or not even a metric
    low, high = min(known.min(), -0.1 * near), max(known.max(), 0.1 * near)
    across = Scale(1.1 * low, 1.1 * high, to_scale=near)
    panel = Panel(210, 8, WIDTH - 10, 8 + 20 * len(losses), across, Scale(len(losses) - 0.5, -0.5))
    names = {float(place): cut(cell.config.name, 28) for place, cell in enumerate(task.cells)}
    unit = ", percentage points" if metric.unit else ""
    words = f"loss of {metric.name} against float{unit} (right is worse)"
    parts = [*panel.frame("", words, y_ticks=names)]
    parts.append(panel.line((0, 0), (-0.5, len(losses) - 0.5), FLOAT))
    for place, (left, middle, right) in enumerate(figures[:-1]):
        if np.isfinite([left, right]).all():
            parts.append(panel.line((left, right), (place, place), HARDWARE))
        if np.isfinite(middle):
            parts.append(panel.dots(middle, place, 4, HARDWARE))
    return drawing(f"Loss of {metric.name}", 52 + 20 * len(losses), parts)


def _threshold(task: TaskResult) -> float:
    """Losses up to this are drawn to scale, larger ones by their logarithm."""
    value = abs(task.baseline[0].value)
    return max(0.1 * value, 1e-6) if np.isfinite(value) else 1e-6
