"""The page of ``cosim eval``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from softmax_cosim.eval.results import Evaluation, TaskResult, verdict, warnings
from softmax_cosim.eval.text import agreed, interval, lost, relative, shown
from softmax_cosim.report.html import environment
from softmax_cosim.report.plots import FLOAT, HARDWARE, MUTED, WIDTH, margins, svg

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

    def draw(figure: Figure) -> None:
        axis: Any = figure.subplots()
        margins(figure, left=1.7, right=0.1, bottom=0.5, top=0.1)
        axis.axvline(0, color=FLOAT, linewidth=1.4)
        for place, cell in enumerate(task.cells):
            loss = cell.losses[0]
            axis.plot(
                [scale * loss.low, scale * loss.high], [place, place], color=HARDWARE, linewidth=1.6
            )
            axis.plot(scale * loss.absolute, place, "o", color=HARDWARE, ms=4.5)
        axis.set_yticks(range(len(task.cells)), [cell.config.name for cell in task.cells])
        axis.tick_params(axis="y", labelsize=8, labelcolor=MUTED)
        axis.set_ylim(len(task.cells) - 0.5, -0.5)
        axis.set_xscale("symlog", linthresh=_threshold(task) * scale)
        unit = ", percentage points" if metric.unit else ""
        axis.set_xlabel(f"loss of {metric.name} against float{unit} (right is worse)")

    return svg(draw, (WIDTH, 0.7 + 0.2 * len(task.cells)), f"Loss of {metric.name}")


def _threshold(task: TaskResult) -> float:
    """Losses up to this are drawn to scale, larger ones by their logarithm."""
    value = abs(task.baseline[0].value)
    return max(0.1 * value, 1e-6)
