"""A head's attention as it came out, beside float."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from softmax_cosim.report.drawing import WIDTH, Panel, Scale, cut, drawing, tick
from softmax_cosim.report.model import AttentionMap, Floats
from softmax_cosim.report.plots import BLUE, ORANGE

__all__ = ["attention"]

_LEFT, _RIGHT, _GAP = 62, 78, 14
#: Colours of a scale, half of them for what is below 0.
_STEPS = 128


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
    step = (WIDTH - _LEFT - _RIGHT + _GAP) / columns
    height = min(max(WIDTH / max(columns, 3) * queries / keys, 135), 290)
    across, down = Scale(0, keys), Scale(queries, 0)
    x_ticks = {value + 0.5: tick(value) for value in Scale(0, keys - 1 or 1).ticks(5)}
    y_ticks = _queries(maps[0][1])
    upper = [("float64", reference), *((name, shown.hardware) for name, shown in maps)]
    lower = [(f"{name} − float64", shown.hardware - shown.reference) for name, shown in maps]
    parts: list[str] = []
    lines = ((upper, _RAMP, 0.0, top), (lower, _DIVERGING, -reach, reach))
    for line, (panels, colors, low, high) in enumerate(lines):
        above = 28 + line * (height + 48)
        for place, (title, values) in enumerate(panels, line):  # below float there is nothing
            left = _LEFT + place * step
            panel = Panel(left, above, left + step - _GAP, above + height, across, down)
            parts.append(panel.image(_codes(values, low, high, len(colors)), colors))
            parts += panel.frame(
                cut(title, int(step / 7.5)),
                "key" if line or not place else "",
                "query" if place == 0 else "",
                x_ticks=x_ticks,
                y_ticks=y_ticks if place == line else {},
                lines="",
            )
        parts += _bar(above, height, colors, low, high)
    title = f"Attention map: float, {source} of {columns - 1} designs, difference"
    return drawing(title, 28 + 2 * height + 48 + 44, parts)


def _queries(shown: AttentionMap) -> dict[float, str]:
    """Some queries by their place; where rows were left out, those that are drawn."""
    count, drawn = len(shown.reference), shown.queries
    if drawn is None or len(drawn) > drawn[-1]:
        return {value + 0.5: tick(value) for value in Scale(0, count - 1 or 1).ticks(6)}
    few = np.unique(np.linspace(0, count - 1, min(count, 6)).round().astype(int))
    return {place + 0.5: str(drawn[place]) for place in few.tolist()}


def _bar(above: float, height: float, colors: Floats, low: float, high: float) -> Iterator[str]:
    """What the colours mean, to the right."""
    panel = Panel(
        WIDTH - _RIGHT + 10,
        above,
        WIDTH - _RIGHT + 22,
        above + height,
        Scale(0, 1),
        Scale(low, high),
    )
    yield panel.image(np.arange(len(colors), dtype=np.uint8)[::-1, None], colors)
    for value in panel.down.ticks(6):
        y = float(panel.y(value))
        yield f'<text x="{panel.right + 5:.1f}" y="{y + 4:.1f}">{tick(value)}</text>'


def _codes(values: Floats, low: float, high: float, colors: int) -> npt.NDArray[np.uint8]:
    shown = np.nan_to_num(values, nan=0, posinf=high, neginf=low)
    share = (shown - low) / (high - low)
    return np.clip(np.rint(share * (colors - 1)), 0, colors - 1).astype(np.uint8)


def _largest(*maps: Floats) -> float:
    """The largest number of all; above 0."""
    return max(1e-12, *(float(values[np.isfinite(values)].max(initial=0)) for values in maps))


def _ramp(color: tuple[float, float, float], gamma: float) -> Floats:
    """Clear to ``color``, [steps, 4]; a small ``gamma`` brings out what is faint."""
    alpha = np.linspace(0, 1, _STEPS) ** gamma
    return np.column_stack([np.tile(color, (_STEPS, 1)), alpha])


_RAMP = _ramp(BLUE, 0.45)
_DIVERGING = np.vstack([_ramp(ORANGE, 0.6)[::-1], _ramp(BLUE, 0.6)])
