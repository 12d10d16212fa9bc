"""Axes as SVG that takes its colours and text from the page: one drawing for light, dark, print.

Drawn here and not by a library: importing matplotlib and drawing a page's figures with it took as
long as playing a million rows. Positions are pixels of a page that shows a drawing at full size.
"""

from __future__ import annotations

import base64
import math
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "FLOAT",
    "HARDWARE",
    "SERIES",
    "WIDTH",
    "Panel",
    "Scale",
    "cut",
    "decades",
    "drawing",
    "legend",
    "round_figures",
    "tick",
]

#: Pixels of a drawing as wide as the page.
WIDTH = 1080
#: Colours that the page's style sheet defines.
HARDWARE, FLOAT = "var(--hardware)", "var(--float)"
SERIES = tuple(f"var(--series-{place})" for place in range(6))

Figures = npt.ArrayLike
Pixels = npt.NDArray[np.float64]


def drawing(title: str, height: float, parts: Iterable[str], width: float = WIDTH) -> str:
    """An SVG element of its parts."""
    box = f"0 0 {width:.0f} {height:.0f}"
    head = f'<svg role="img" aria-label="{escape(title)}" class="plot" viewBox="{box}">'
    return "".join([head, *parts, "</svg>"])


class Scale:
    """Maps figures to 0 … 1, from ``low`` to ``high``."""

    def __init__(self, low: float, high: float, *, log: bool = False, to_scale: float = 0) -> None:
        """``log``: by the logarithm; ``to_scale``: that of a size above it, either side of 0."""
        self.low, self.high = low, high
        self._log, self._to_scale = log, to_scale
        self._ends = self._of(np.array([low, high]))

    def __call__(self, values: Figures) -> Pixels:
        """Where the figures are."""
        start, end = self._ends.tolist()
        share: Pixels = (self._of(np.asarray(values, float)) - start) / (end - start)
        return share

    def _of(self, values: Pixels) -> Pixels:
        if self._log:
            return np.log10(np.maximum(values, self.low))
        if self._to_scale:
            size = np.abs(values) / self._to_scale
            far = 1 + np.log10(np.maximum(size, 1))
            return np.sign(values) * np.where(size > 1, far, size)
        return values

    def ticks(self, most: int) -> list[float]:
        """Round figures within the scale."""
        if self._to_scale:
            near = self._to_scale
            inner = round_figures(max(self.low, -near), min(self.high, near), 4)
            first, last = math.ceil(math.log10(near)), math.ceil(math.log10(max(near, self.high)))
            outer = [10.0**decade for decade in range(first, last + 1)]
            found = [*inner, *outer, *(-value for value in outer)]
            return sorted({value for value in found if self.low <= value <= self.high})
        if not self._log:
            return round_figures(self.low, self.high, most)
        return decades(self.low, self.high, most)


def round_figures(low: float, high: float, most: int) -> list[float]:
    """Round figures from ``low`` to ``high``, equally apart, at most so many and one."""
    span = high - low
    step = 10.0 ** math.floor(math.log10(span / most))
    step *= next(by for by in (1, 2, 5, 10) if span / (step * by) <= most)
    return [i * step for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


def decades(low: float, high: float, most: int) -> list[float]:
    """Round figures from ``low`` to ``high``, above 0, for a logarithmic scale; at most so many."""
    span = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found: list[float] = []
    for marks in ((1, 2, 5), (1, 3), (1,)):
        every = (mark * 10.0**decade for decade in span for mark in marks)
        found = [value for value in every if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
        if len(found) <= most:
            return found
    return found[:: math.ceil(len(found) / most)]


def tick(value: float) -> str:
    """A figure at an axis."""
    return f"{value:,.0f}" if abs(value) >= 1 and value == int(value) else f"{value:.5g}"


def cut(name: str, longest: int) -> str:
    """A name, its end at least."""
    return name if len(name) <= longest else f"…{name[1 - longest :]}"


@dataclass(frozen=True)
class Panel:
    """A rectangle of the drawing with a scale either way; what it draws are parts of the SVG."""

    left: float
    top: float
    right: float
    bottom: float
    across: Scale
    down: Scale

    def frame(
        self,
        title: str = "",
        across: str = "",
        down: str = "",
        *,
        x_ticks: Mapping[float, str] | None = None,
        y_ticks: Mapping[float, str] | None = None,
        lines: str = "xy",
    ) -> Iterator[str]:
        """Title, names of the axes, figures at them, and grid lines.

        Args:
            title: above the panel.
            across: what is drawn from left to right.
            down: what is drawn from the bottom up.
            x_ticks: text by place; round figures when not given.
            y_ticks: likewise.
            lines: from which axis' ticks lines go through the panel.
        """
        if x_ticks is None:
            found = self.across.ticks(max(int((self.right - self.left) / 90), 3))
            x_ticks = {value: tick(value) for value in found}
        if y_ticks is None:
            found = self.down.ticks(max(int((self.bottom - self.top) / 36), 3))
            y_ticks = {value: tick(value) for value in found}
        for x, words in zip(self.x(list(x_ticks)), x_ticks.values(), strict=True):
            if "x" in lines:
                yield f'<path class="grid" d="M{x:.1f} {self.top:.1f}V{self.bottom:.1f}"/>'
            yield _text(x, self.bottom + 16, words, "middle")
        for y, words in zip(self.y(list(y_ticks)), y_ticks.values(), strict=True):
            if "y" in lines:
                yield f'<path class="grid" d="M{self.left:.1f} {y:.1f}H{self.right:.1f}"/>'
            yield _text(self.left - 7, y + 4, words, "end")
        yield _text(self.left, self.top - 8, title, "start", "title")
        yield _text((self.left + self.right) / 2, self.bottom + 36, across, "middle")
        if down:
            at = f"translate({self.left - 46:.1f} {(self.top + self.bottom) / 2:.1f}) rotate(-90)"
            yield f'<text transform="{at}" text-anchor="middle">{escape(down)}</text>'

    def x(self, values: Figures) -> Pixels:
        """Pixels from the left."""
        return self.left + (self.right - self.left) * self.across(values)

    def y(self, values: Figures) -> Pixels:
        """Pixels from the top."""
        return self.bottom - (self.bottom - self.top) * self.down(values)

    def line(self, x: Figures, y: Figures, color: str, **style: object) -> str:
        """Straight from point to point."""
        return _path(self.x(x), self.y(y), color, style)

    def steps(self, x: Figures, y: Figures, color: str, **style: object) -> str:
        """Level around each point, and upright half-way between two."""
        across, down = self.x(x), self.y(y)
        if not len(across):
            return ""
        middle = (across[1:] + across[:-1]) / 2
        edges = np.concatenate([across[:1], np.repeat(middle, 2), across[-1:]])
        levels = np.repeat(down, 2)
        kept = np.append(True, (np.diff(edges) != 0) | (np.diff(levels) != 0))
        return _path(edges[kept], levels[kept], color, style)

    def stairs(self, heights: npt.NDArray[Any], edges: Figures, color: str, *, filled: bool) -> str:
        """A histogram of heights between edges, from the bottom up."""
        across = np.repeat(self.x(edges), 2)
        down = np.concatenate([[self.bottom], np.repeat(self.y(heights), 2), [self.bottom]])
        points = " ".join(f"{a:.1f} {b:.1f}" for a, b in zip(across, down, strict=True))
        style = f"fill:{color};fill-opacity:.55" if filled else f"fill:none;stroke:{color}"
        return f'<path d="M{points}" style="{style};stroke-width:1.6"/>'

    def dots(self, x: Figures, y: Figures, radius: Figures, color: str, opacity: float = 1) -> str:
        """Circles."""
        places = np.broadcast_arrays(self.x(x), self.y(y), np.asarray(radius, float))
        circles = "".join(
            f'<circle cx="{a:.1f}" cy="{b:.1f}" r="{r:.1f}"/>'
            for a, b, r in zip(*map(np.ravel, places), strict=True)
        )
        return f'<g style="fill:{color};fill-opacity:{opacity:g}">{circles}</g>'

    def crowd(self, groups: Sequence[tuple[Figures, Figures]], colors: npt.NDArray[Any]) -> str:
        """Dots of 3 pixels as an image, however many: [groups, 4] is their colours, 0 … 1."""
        wide, high = math.ceil(self.right - self.left), math.ceil(self.bottom - self.top)
        codes = np.zeros((high, wide), np.uint8)
        for code, (x, y) in enumerate(groups, 1):
            column = np.rint(self.x(x) - self.left - 0.5).astype(int)
            line = np.rint(self.y(y) - self.top - 0.5).astype(int)
            for right in (-1, 0, 1):
                for below in (-1, 0, 1):
                    at = np.clip(line + below, 0, high - 1), np.clip(column + right, 0, wide - 1)
                    codes[at] = code
        return self.image(codes, np.vstack([np.zeros((1, 4)), colors]))

    def image(self, codes: npt.NDArray[np.uint8], colors: npt.NDArray[Any]) -> str:
        """Pixels that fill the panel: codes [lines, columns], colours [codes, 4], 0 … 1."""
        data = base64.b64encode(_png(codes, colors)).decode()
        return (
            f'<image x="{self.left:.1f}" y="{self.top:.1f}" width="{self.right - self.left:.1f}" '
            f'height="{self.bottom - self.top:.1f}" preserveAspectRatio="none" '
            f'href="data:image/png;base64,{data}"/>'
        )


def legend(
    x: float, y: float, entries: Iterable[tuple[str, str]], *, across: float = 0
) -> Iterator[str]:
    """Colour or style, and words, of each; one below the other, or so many pixels apart."""
    for place, (style, words) in enumerate(entries):
        left, line = (x + place * across, y) if across else (x, y + 19 * place)
        yield f'<path d="M{left:.1f} {line:.1f}h18" style="{style}"/>'
        yield _text(left + 25, line + 4, words, "start")


def _path(x: Pixels, y: Pixels, color: str, style: Mapping[str, object]) -> str:
    points = "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True))
    more = "".join(f";{name.replace('_', '-')}:{value}" for name, value in style.items())
    return f'<path d="M{points}" style="fill:none;stroke:{color};stroke-width:1.8{more}"/>'


def _text(x: float, y: float, words: str, anchor: str, kind: str = "") -> str:
    if not words:
        return ""
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _png(codes: npt.NDArray[np.uint8], colors: npt.NDArray[Any]) -> bytes:
    """An image of indexed colours, each with its opacity (PNG, ISO/IEC 15948)."""
    high, wide = codes.shape
    table = np.rint(255 * np.asarray(colors)).astype(np.uint8)
    lines = np.zeros((high, wide + 1), np.uint8)  # 0 in front of each: no filter
    lines[:, 1:] = codes
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", wide, high, 8, 3, 0, 0, 0)),
        (b"PLTE", table[:, :3].tobytes()),
        (b"tRNS", table[:, 3].tobytes()),
        (b"IDAT", zlib.compress(lines.tobytes())),
        (b"IEND", b""),
    )
    parts = [b"\x89PNG\r\n\x1a\n"]
    for name, data in chunks:
        check = struct.pack(">I", zlib.crc32(name + data))
        parts += [struct.pack(">I", len(data)), name, data, check]
    return b"".join(parts)
