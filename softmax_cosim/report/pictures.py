"""A head's attention as it came out, beside float."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from softmax_cosim.report.model import AttentionMap, Floats, Ints
from softmax_cosim.report.plots import BLUE, ORANGE, WIDTH, margins, svg

__all__ = ["attention"]


def attention(maps: Sequence[tuple[str, AttentionMap]], source: str) -> str:
    """A head in float, then as it came out of ``source`` in each design, below it the difference.

    Args:
        maps: name of a design, and what became of the head in it; all of one head.
        source: what the outputs are of.
    """
    reference = maps[0][1].reference
    top = _largest(reference, *(shown.hardware for _, shown in maps))
    reach = _largest(*(np.abs(shown.hardware - shown.reference) for _, shown in maps))
    queries, keys = reference.shape
    columns = len(maps) + 1
    height = min(max(WIDTH / max(columns, 3) * queries / keys, 1.3), 2.8)

    def draw(figure: Figure) -> None:
        axes = figure.subplots(2, columns, sharey=True, squeeze=False)
        margins(figure, left=0.5, right=0.65, bottom=0.45, top=0.3)
        figure.subplots_adjust(wspace=0.1, hspace=0.5 / height)
        for below in axes[1, :1]:
            below.set_visible(False)
        upper = [("float64", reference), *((name, shown.hardware) for name, shown in maps)]
        lower = [(f"{name} − float64", shown.hardware - shown.reference) for name, shown in maps]
        for line, panels, colors, low, high in (
            (axes[0], upper, _RAMP, 0.0, top),
            (axes[1, 1:], lower, _DIVERGING, -reach, reach),
        ):
            for axis, (title, values) in zip(line, panels, strict=True):
                image = axis.imshow(
                    values, cmap=colors, vmin=low, vmax=high, aspect="auto", interpolation="none"
                )
                axis.set_title(title, fontsize=8.5)
                axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
                axis.yaxis.set_major_locator(MaxNLocator(6, integer=True))
                axis.grid(visible=False)
                _label_queries(axis, maps[0][1].queries)
            bar = figure.colorbar(image, cax=line[-1].inset_axes((1.03, 0, 0.035, 1)))
            bar.outline.set_visible(False)
            bar.ax.tick_params(labelsize=7.5)
        for axis in (axes[0, 0], *axes[1, 1:]):
            axis.set_xlabel("key")
        axes[0, 0].set_ylabel("query")
        axes[1, 1].tick_params(labelleft=True)

    title = f"Attention map: float, {source} of {columns - 1} designs, difference"
    return svg(draw, (WIDTH, 2 * height + 1.25), title)


def _label_queries(axis: Any, queries: Ints | None) -> None:
    """Where rows were left out, which ones are drawn."""
    if queries is not None and len(queries) <= queries[-1]:
        few = np.unique(np.linspace(0, len(queries) - 1, min(len(queries), 6)).round().astype(int))
        axis.set_yticks(few, [str(query) for query in queries[few]])


def _largest(*maps: Floats) -> float:
    """The largest value of all, NaN left out; above 0."""
    return max(1e-12, *(float(np.nanmax(values, initial=0)) for values in maps))


def _ramp(color: tuple[float, float, float], gamma: float) -> Any:
    """Clear to ``color``, [128, 4]; a small ``gamma`` brings out what is faint."""
    alpha = np.linspace(0, 1, 128) ** gamma
    return np.column_stack([np.tile(color, (128, 1)), alpha])


_RAMP = ListedColormap(_ramp(BLUE, 0.45))
_DIVERGING = ListedColormap(np.vstack([_ramp(ORANGE, 0.6)[::-1], _ramp(BLUE, 0.6)]))
