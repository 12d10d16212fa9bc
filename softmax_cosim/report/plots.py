"""The page's plots of all designs: latency against length, and how the rows' errors are spread."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from softmax_cosim.report.drawing import (
    FLOAT,
    HARDWARE,
    SERIES,
    WIDTH,
    Panel,
    Scale,
    cut,
    drawing,
    legend,
)
from softmax_cosim.report.model import Ints, RunResult
from softmax_cosim.report.tally import L1_EDGES

__all__ = ["BLUE", "FEW", "ORANGE", "distributions", "latencies"]

#: Colours of images, which cannot follow the page: mid tones that read on both grounds.
BLUE, ORANGE = (0.20, 0.53, 0.94), (0.93, 0.45, 0.13)
_MID_TONES = np.array(
    [BLUE, ORANGE, (0.18, 0.62, 0.42), (0.63, 0.41, 0.84), (0.76, 0.64, 0.12), (0.84, 0.35, 0.56)]
)
#: Dots from which they become an image.
_VECTOR_POINTS = 300
#: Designs of which each gets a drawing of its own; more share one.
FEW = 3
_DASHES = ("none", "7 4", "2 3")


def latencies(runs: Sequence[RunResult]) -> str:
    """Latency against row length of every run, the formula drawn; empty without latencies.

    A panel a run where they are few, else one for all, in which those of one formula are as one.
    """
    shown = [run for run in runs if len(run.latency.pairs)]
    if not shown:
        return ""
    pairs = np.concatenate([run.latency.pairs for run in shown])
    across, down = (Scale(0, 1.05 * max(int(most), 1)) for most in pairs[:, :2].max(axis=0))
    if len(shown) > FEW:
        return _shared_latencies(shown, across, down)
    parts: list[str] = []
    step = (WIDTH - 64) / len(shown)
    for place, run in enumerate(shown):
        left = 64 + place * step
        panel = Panel(left, 28, left + step - 24, 250, across, down)
        y_ticks = None if place == 0 else dict.fromkeys(down.ticks(6), "")
        name = cut(run.name, int(step / 9))
        names = "row length, elements", "" if place else "cycles"
        parts += panel.frame(name, *names, y_ticks=y_ticks)
        parts += _latency(panel, run)
    return drawing("Latency against row length", 294, parts)


def _latency(panel: Panel, run: RunResult) -> Iterator[str]:
    length, latency, rows = run.latency.pairs.T
    if len(rows) > _VECTOR_POINTS:
        yield panel.crowd([(length, latency)], np.array([[*BLUE, 0.45]]))
    else:
        size = 1.5 + 2 * np.log1p(rows) / max(float(np.log1p(rows).max()), 1)
        yield panel.dots(length, latency, size, HARDWARE, 0.45)
    entries = [(f"stroke:{HARDWARE};stroke-width:6;stroke-opacity:.45", "measured")]
    if run.latency.formula is not None:
        yield panel.steps(*_alone(run, run.latency.pairs), FLOAT)
        entries.append((f"stroke:{FLOAT};stroke-width:1.8", str(run.latency.formula)))
    yield from legend(panel.left + 10, panel.top + 10, entries)


def _shared_latencies(runs: Sequence[RunResult], across: Scale, down: Scale) -> str:
    """All in one panel; designs of one formula have a colour, and a line of the legend."""
    alike: dict[tuple[str, int], list[RunResult]] = {}  # one in beats depends on the lanes
    for run in runs:
        formula = run.latency.formula
        said = "no formula" if formula is None else str(formula)
        alike.setdefault((said, run.config.lanes), []).append(run)
    panel = Panel(64, 12, WIDTH - 10, 300, across, down)
    parts = [*panel.frame("", "row length, elements", "cycles")]
    points = [
        np.unique(np.concatenate([run.latency.pairs[:, :2] for run in group]), axis=0)
        for group in alike.values()
    ]
    if sum(map(len, points)) > _VECTOR_POINTS:
        colors = np.resize(_MID_TONES, (len(points), 3))
        colors = np.column_stack([colors, np.full(len(points), 0.4)])
        parts.append(panel.crowd([(each[:, 0], each[:, 1]) for each in points], colors))
    else:
        parts += [
            panel.dots(each[:, 0], each[:, 1], 1.8, SERIES[place % len(SERIES)], 0.4)
            for place, each in enumerate(points)
        ]
    entries = []
    for place, ((said, _), group) in enumerate(alike.items()):
        turn, kind = divmod(place, len(SERIES))
        dash = _DASHES[turn % len(_DASHES)]
        parts.append(
            panel.steps(*_alone(group[0], points[place]), SERIES[kind], stroke_dasharray=dash)
        )
        style = f"stroke:{SERIES[kind]};stroke-width:1.8;stroke-dasharray:{dash}"
        entries.append((style, _named(said, [run.name for run in group])))
    parts += legend(64, 360, entries)
    return drawing("Latency against row length", 360 + 19 * len(entries), parts)


def _alone(run: RunResult, pairs: Ints) -> tuple[Ints, Ints]:
    """Lengths, and the latency of a row alone; without a formula nothing to draw a line of."""
    if run.latency.formula is None:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    lengths = np.arange(1, int(pairs[:, 0].max()) + 1)
    return lengths, run.latency.formula(lengths)


def _named(said: str, names: Sequence[str], most: int = 6) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{said}:  {', '.join(names[:most])}{more}"


def distributions(runs: Sequence[RunResult]) -> str:
    """Share of rows by L1 error, a strip a run where they are few; empty without rows."""
    shown = [run for run in runs if run.distribution.total.sum()]
    if not shown:
        return ""
    if len(shown) > FEW:
        return _quantiles(shown)
    left, high = 170, 60
    parts = [
        *legend(
            left,
            14,
            [
                (
                    f"stroke:{HARDWARE};stroke-width:8;stroke-opacity:.55",
                    "datapath (quantised scores)",
                ),
                (f"stroke:{FLOAT};stroke-width:1.8", "total (float scores)"),
            ],
            across=230,
        )
    ]
    across = Scale(*_occupied(shown), log=True)
    seen = across.low * (1 - 1e-9) <= L1_EDGES
    for place, run in enumerate(shown):
        spread = run.distribution
        both = [rows / max(rows.sum(), 1) for rows in (spread.datapath, spread.total)]
        down = Scale(0, 1.08 * max(float(share.max()) for share in both))
        top = 30 + place * high
        panel = Panel(left, top, WIDTH - 10, top + high - 12, across, down)
        last = place == len(shown) - 1
        x_ticks = None if last else dict.fromkeys(across.ticks(9), "")
        words = "L1 error of a row" if last else ""
        middle = {down.high / 2: cut(run.name, 22)}
        parts += panel.frame("", words, x_ticks=x_ticks, y_ticks=middle, lines="x")
        for share, color, filled in zip(both, (HARDWARE, FLOAT), (True, False), strict=True):
            parts.append(panel.stairs(share[seen[:-1]], L1_EDGES[seen], color, filled=filled))
    height = 30 + high * len(shown) + 34
    return drawing("Distribution of the rows' L1 error", height, parts)


def _quantiles(runs: Sequence[RunResult]) -> str:
    """A line a run: the middle half and nine tenths of its rows, and their median, by total L1."""
    spread = np.array([_shares(run.distribution.total) for run in runs])
    across = Scale(float(spread.min()) / 1.1, float(spread.max()) * 1.1, log=True)
    panel = Panel(210, 4, WIDTH - 10, 4 + 20 * len(runs), across, Scale(len(runs) - 0.5, -0.5))
    names = {float(place): cut(run.name, 28) for place, run in enumerate(runs)}
    parts = [*panel.frame("", "total L1 error of a row", y_ticks=names, lines="x")]
    for place, (low, left, median, right, high) in enumerate(spread):
        for ends, width in (((low, high), 1.6), ((left, right), 5)):
            line = panel.line(
                ends, (place, place), HARDWARE, stroke_width=width, stroke_opacity=0.6
            )
            parts.append(line)
        parts.append(panel.dots(median, place, 3.5, FLOAT))
    return drawing("Distribution of the rows' L1 error", 48 + 20 * len(runs), parts)


def _shares(rows: Ints) -> list[float]:
    """Where 5, 25, 50, 75 and 95 % of the rows are, from the counts in the bins."""
    below = np.concatenate([[0], np.cumsum(rows)]) / rows.sum()
    places = np.interp((0.05, 0.25, 0.5, 0.75, 0.95), below, np.log(L1_EDGES))
    return [float(place) for place in np.exp(places)]


def _occupied(runs: Sequence[RunResult]) -> tuple[float, float]:
    """The decades that hold rows; always up to 2, the largest error of a row that sums to one."""
    rows = sum(run.distribution.datapath + run.distribution.total for run in runs)
    lowest = float(L1_EDGES[np.flatnonzero(rows)[0]])
    return 10 ** math.floor(math.log10(lowest) + 1e-9), float(L1_EDGES[-1])
