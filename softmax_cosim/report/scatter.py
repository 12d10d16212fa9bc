"""Points with names, as SVG that takes its colours and its text from the page.

Drawn here and not by matplotlib, as names must not hide each other, and a phone wants another
drawing than a desk: the page shows the one that fits.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from softmax_cosim.report.decision import Choice, Point
from softmax_cosim.report.drawing import cut, decades, round_figures, tick
from softmax_cosim.report.text import amount, figure

__all__ = ["chart"]

#: Width and height of the two drawings, in the pixels of a page that shows them at full size.
_WIDE, _NARROW = (1080, 440), (340, 480)
#: Of the width, what is right of the axes for names.
_NAMES, _NAMES_NARROW = 150, 24
_FONT = 11
#: An average letter of the page's font, and the height of a line.
_LETTER, _LINE = 0.56 * _FONT, 13
_LEFT, _TOP, _BOTTOM = 44, 14, 40
#: Points that are nearer to each other, in pixels, are named together.
_NEAR = 7
#: A name that is longer is cut in the drawing.
_LONGEST = 24
#: Beyond this ratio of the largest to the smallest, an axis is logarithmic.
_DECADES = 8

Box = tuple[float, float, float, float]


class _Axis:
    """Maps figures to pixels; a logarithmic one has a place for 0 below all others."""

    def __init__(self, values: Sequence[float], start: float, end: float, *, log: bool) -> None:
        # Half of a subnormal figure may be the figure itself.
        positive = [value for value in values if value >= sys.float_info.min] or [1.0]
        high = max(positive)
        low = self.least = max(min(positive), 1e-12 * high)
        self.log, self.start, self.end = log, start, end
        if log:
            pad = max(0.06 * (math.log10(high) - math.log10(low)), 0.08)
            zero = pad + 0.3 if min(values) <= 0 else 0.0
            self.low, self.high = math.log10(low) - pad - zero, math.log10(high) + pad
            self.zero = self.low + pad if zero else None
        else:
            pad = 0.06 * (high - low) or 0.5 * high
            self.low, self.high, self.zero = max(min(values) - pad, 0.0), high + pad, None

    def __call__(self, value: float) -> float:
        at = value
        if self.log:
            zero = self.low if self.zero is None else self.zero
            at = math.log10(max(value, self.least)) if value > 0 else zero
        return self.start + (self.end - self.start) * (at - self.low) / (self.high - self.low)

    def ticks(self, most: int) -> list[float]:
        """Round figures within the axis."""
        if not self.log:
            return round_figures(self.low, self.high, most)
        zero = [] if self.zero is None else [0.0]
        lowest = self.low if self.zero is None else self.zero + 0.3
        return zero + decades(10.0**lowest, 10.0**self.high, most)


def chart(choice: Choice) -> str:
    """Both drawings of a choice, of which the page shows one; empty without points."""
    if not choice.points:
        return ""
    return "".join(
        _drawing(choice, name, size) for name, size in (("wide", _WIDE), ("narrow", _NARROW))
    )


def _drawing(choice: Choice, name: str, size: tuple[int, int]) -> str:
    width, height = size
    # As many names as there are want room.
    height = max(height, 24 * len(choice.points) if name == "narrow" else 0)
    costs = [point.cost for point in choice.points]
    log = min(costs) > 0 and max(costs) / min(costs) > _DECADES
    end = width - (_NAMES_NARROW if name == "narrow" else _NAMES)
    across = _Axis(costs, _LEFT, end, log=log)
    down = _Axis([point.error for point in choice.points], height - _BOTTOM, _TOP, log=True)
    title = escape(f"Error against {choice.cost.title}: {len(choice.points)} designs")
    places = {point: (across(point.cost), down(point.error)) for point in choice.points}
    steps = [places[point] for point in choice.unbeaten]
    room = _Room(width - 2, height - _BOTTOM)
    for x, y in places.values():
        room.take((x - 5, y - 5, x + 5, y + 5))
    for (x, y), (right, below) in itertools.pairwise(steps):
        room.take((x, y - 2, right, y + 2))
        room.take((right - 2, y, right + 2, below))
    try:
        names = [part for group in _groups(places) for part in _names(group, room)]
    except _NoRoom:
        return _drawing(choice, name, (width, height + 10 * _LINE))
    parts = [
        f'<svg class="{name}" role="img" aria-label="{title}" viewBox="0 0 {width} {height}">',
        *_grid(across, down, end, height, choice.cost.title),
        *_frontier(steps),
        *names,
        *(_mark(point, *places[point]) for point in sorted(places, key=lambda p: p.unbeaten)),
        "</svg>",
    ]
    return "".join(parts)


def _grid(across: _Axis, down: _Axis, end: float, height: int, title: str) -> Iterator[str]:
    bottom = height - _BOTTOM
    for value in across.ticks(5 if end < 500 else 9):
        x = across(value)
        yield f'<path class="grid" d="M{x:.1f} {_TOP}V{bottom}"/>'
        yield f'<text x="{x:.1f}" y="{bottom + 15}" text-anchor="middle">{tick(value)}</text>'
    for value in down.ticks(7):
        y = down(value)
        yield f'<path class="grid" d="M{_LEFT} {y:.1f}H{end}"/>'
        yield f'<text x="{_LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{tick(value)}</text>'
    middle = (_LEFT + end) / 2
    scale = ", logarithmic" if across.log else ""
    yield (
        f'<text x="{middle:.1f}" y="{height - 6}" text-anchor="middle">'
        f"{escape(title)}{scale}</text>"
    )
    yield (
        f'<text transform="translate(10 {(_TOP + bottom) / 2:.1f}) rotate(-90)" '
        'text-anchor="middle">total L1, logarithmic</text>'
    )


def _frontier(steps: Sequence[tuple[float, float]]) -> Iterator[str]:
    """A staircase along the designs that no other beats."""
    if len(steps) > 1:
        path = f"M{steps[0][0]:.1f} {steps[0][1]:.1f}"
        path += "".join(f"H{x:.1f}V{y:.1f}" for x, y in steps[1:])
        yield f'<path class="frontier" d="{path}"/>'


def _kind(point: Point) -> str:
    return "unbeaten" if point.unbeaten else "beaten" if point.good else "broken"


def _mark(point: Point, x: float, y: float) -> str:
    told = f"{point.name}: total L1 {figure(point.error)}, {amount(point.cost)}"
    shape = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>'
    if not point.good:
        shape = f'<path d="M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8"/>'
    elif point.own:
        shape = f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8"/>'
    return f'<g class="point {_kind(point)}"><title>{escape(told)}</title>{shape}</g>'


Placed = tuple[Point, float, float]


def _groups(places: Mapping[Point, tuple[float, float]]) -> list[list[Placed]]:
    """Points that hide each other, which are named together; the unbeaten ones first."""
    groups: list[list[Placed]] = []
    order = sorted(places, key=lambda point: (not point.unbeaten, point.error, point.cost))
    for point in order:
        x, y = places[point]
        for group in groups:
            if math.dist(group[0][1:], (x, y)) < _NEAR:
                group.append((point, x, y))
                break
        else:
            groups.append([(point, x, y)])
    return groups


def _names(group: Sequence[Placed], room: _Room) -> Iterator[str]:
    """Names beside their points, or as near as there is room, with a line to them."""
    x, y = group[0][1:]
    names = [cut(point.name, _LONGEST) for point, _, _ in group]
    wide, high = max(map(len, names)) * _LETTER, len(names) * _LINE
    box = room.place(x, y, wide, high)
    if box is None:
        half = len(group) // 2
        if not half:
            raise _NoRoom
        for part in (group[:half], group[half:]):
            yield from _names(part, room)
        return
    near = min(max(x, box[0]), box[2]), min(max(y, box[1] + 4), box[3] - 4)
    if math.dist(near, (x, y)) > 12:
        room.line((x, y), near)
        yield f'<path class="leader" d="M{x:.1f} {y:.1f}L{near[0]:.1f} {near[1]:.1f}"/>'
    # Towards the point, so that a short name is not far from it.
    at, anchor = (box[2], "end") if box[2] < x else (box[0], "start")
    for line, ((point, _, _), name) in enumerate(zip(group, names, strict=True)):
        yield (
            f'<text class="name {_kind(point)}" text-anchor="{anchor}" x="{at:.1f}" '
            f'y="{box[1] + 10 + line * _LINE:.1f}">{escape(name)}</text>'
        )


class _NoRoom(Exception):
    """A name has no place: the drawing is to be higher."""


class _Room:
    """What is taken of a drawing, and where there is room in it."""

    def __init__(self, width: float, height: float) -> None:
        self._width, self._height = width, height
        self._taken: list[Box] = []

    def take(self, box: Box) -> None:
        self._taken.append(box)

    def line(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        steps = max(int(math.dist(start, end) / 6), 1)
        for i in range(steps):
            x, y = (a + (b - a) * (i + 0.5) / steps for a, b in zip(start, end, strict=True))
            self.take((x - 3, y - 3, x + 3, y + 3))

    def place(self, x: float, y: float, wide: float, high: float) -> Box | None:
        """Room for names near a point, now taken; None if there is none."""
        near, far = _places(x, y, wide, high), self._everywhere(x, y, wide, high)
        for left, top in itertools.chain(near, far):
            box = (left, top, left + wide, top + high)
            inside = left >= _LEFT and box[2] <= self._width and top >= 0
            if inside and box[3] <= self._height and not self._meets(box):
                self.take(box)
                return box
        return None

    def _everywhere(
        self, x: float, y: float, wide: float, high: float
    ) -> Iterator[tuple[float, float]]:
        """All over the drawing, the nearest first."""
        lefts = range(_LEFT, int(self._width - wide), 12)
        tops = range(0, int(self._height - high), 6)
        yield from sorted(itertools.product(lefts, tops), key=lambda at: math.dist(at, (x, y)))

    def _meets(self, box: Box) -> bool:
        return any(
            box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3]
            for other in self._taken
        )


def _places(x: float, y: float, wide: float, high: float) -> Iterator[tuple[float, float]]:
    """Left and top of where names may stand, nearest first: beside the point, above, below."""
    middle = y - high / 2
    yield x + 8, middle
    yield x - 8 - wide, middle
    yield x - wide / 2, y - 7 - high
    yield x - wide / 2, y + 7
    for ring in range(1, 20):
        for away in range(min(ring, 6) + 1):
            for top in (middle - ring * _LINE / 2, middle + ring * _LINE / 2):
                yield x + 8 + away * 24, top
                yield x - 8 - wide - away * 24, top
