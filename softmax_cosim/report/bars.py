"""A row as a pair of bars a key, as SVG that takes its colours and its text from the page."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

import numpy as np

from softmax_cosim.report.drawing import round_figures
from softmax_cosim.report.model import Floats, Ints, WorstRow
from softmax_cosim.report.text import figure as number

__all__ = ["worst_row"]

_SHOWN_KEYS = 48
_WIDTH, _HEIGHT = 360, 158
_LEFT, _RIGHT, _TOP, _BOTTOM = 45, 356, 18, 126
#: Of the room of a key, what a bar takes.
_BAR = 0.42


def worst_row(row: WorstRow, source: str) -> str:
    """A row's probabilities, float and as it came out of ``source``."""
    reference, hardware = row.detail.reference, row.detail.hardware
    keys = _telling_keys(reference, hardware)
    title = f"Row {row.row}: float beside {source}, L1 {number(row.l1)}"
    whole = len(keys) == len(reference)
    parts = [
        f'<svg class="bars" role="img" aria-label="{escape(title)}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}">',
        *_drawing(keys, reference[keys], hardware[keys]),
        *_names("key" if whole else f"the {len(keys)} largest keys, in order", source),
        "</svg>",
    ]
    return "".join(parts)


def _telling_keys(reference: Floats, hardware: Floats) -> Ints:
    """Indices of the keys worth a bar, in order: all of a short row, else the largest."""
    size = np.maximum(reference, hardware)
    return np.sort(np.argsort(-size, kind="stable")[:_SHOWN_KEYS])


def _drawing(keys: Ints, reference: Floats, hardware: Floats) -> Iterator[str]:
    """Bars, and the figures at both axes."""
    reference, hardware = _numbers(reference), _numbers(hardware)
    values = np.concatenate([reference, hardware, [0.0]])
    low, high = float(values.min()), float(values.max())
    high = high if high > low else low + 1.0
    high += 0.05 * (high - low)
    step = (_RIGHT - _LEFT) / len(keys)

    def down(value: float) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * (value - low) / (high - low)

    for value in round_figures(low, high, 6):
        y = down(value)
        yield f'<path class="grid" d="M{_LEFT} {y:.1f}H{_RIGHT}"/>'
        yield f'<text x="{_LEFT - 4}" y="{y + 3:.1f}" text-anchor="end">{value:.4g}</text>'
    for name, shown, start in (("float", reference, 0.5 - _BAR), ("hardware", hardware, 0.5)):
        bars = "".join(
            f"M{_LEFT + (place + start) * step:.1f} {down(0):.1f}"
            f"V{down(value):.1f}h{_BAR * step:.1f}V{down(0):.1f}z"
            for place, value in enumerate(shown.tolist())
        )
        yield f'<path class="{name}" d="{bars}"/>'
    few = np.linspace(0, len(keys) - 1, min(len(keys), 12)).round().astype(int)
    for place in few.tolist():
        x = _LEFT + (place + 0.5) * step
        yield f'<text x="{x:.1f}" y="{_BOTTOM + 11}" text-anchor="middle">{keys[place]}</text>'


def _numbers(values: Floats) -> Floats:
    """What is no number is 0, and infinity the largest probability there is."""
    return np.nan_to_num(values, nan=0.0, posinf=1.0, neginf=0.0)


def _names(keys: str, source: str) -> Iterator[str]:
    """What the axes and the bars are."""
    middle = (_TOP + _BOTTOM) / 2
    yield f'<text x="{(_LEFT + _RIGHT) / 2}" y="{_HEIGHT - 7}" text-anchor="middle">{keys}</text>'
    yield (
        f'<text transform="translate(10 {middle}) rotate(-90)" text-anchor="middle">'
        "probability</text>"
    )
    end = _RIGHT
    for name, text in (("hardware", source), ("float", "float64")):
        wide = 6 * len(text)
        yield f'<text x="{end}" y="10" text-anchor="end">{escape(text)}</text>'
        yield f'<path class="{name}" d="M{end - wide - 12} 4h8v6h-8z"/>'
        end -= wide + 24
