"""The page's plots: matplotlib figures as inline SVG that takes its colours from the page.

Colours are written as placeholders and replaced by CSS variables, so that one drawing serves
light, dark and print. Text stays text. Images carry their own colours on a clear ground.
"""

from __future__ import annotations

import hashlib
import html
import io
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from softmax_cosim.report.model import Ints, RunResult
from softmax_cosim.report.tally import L1_EDGES

__all__ = [
    "BLUE",
    "FEW",
    "FLOAT",
    "HARDWARE",
    "INK",
    "MUTED",
    "ORANGE",
    "WIDTH",
    "distributions",
    "latencies",
    "margins",
    "svg",
]

# A placeholder colour for each CSS variable of the page; any values unlike each other will do.
INK, MUTED, _GRID, _PAPER = "#010203", "#010204", "#010205", "#010206"
HARDWARE, FLOAT, _BAD = "#010207", "#010208", "#010209"
_SERIES = [f"#01021{place}" for place in range(6)]
_VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    _GRID: "--line",
    _PAPER: "--card",
    HARDWARE: "--hardware",
    FLOAT: "--float",
    _BAD: "--bad",
    **{color: f"--series-{place}" for place, color in enumerate(_SERIES)},
}
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "softmax",
    "font.size": 9,
    "text.parse_math": False,  # a name may have a $
    "text.color": INK,
    "axes.edgecolor": _GRID,
    "axes.labelcolor": MUTED,
    "axes.facecolor": "none",
    "axes.titlecolor": INK,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _GRID,
    "grid.linewidth": 0.6,
    "xtick.color": _GRID,
    "ytick.color": _GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "legend.frameon": False,
    "figure.facecolor": "none",
}
#: Colours of raster images, which cannot follow the page: mid tones that read on both grounds.
BLUE, ORANGE = (0.20, 0.53, 0.94), (0.93, 0.45, 0.13)
_MID_TONES = (BLUE, ORANGE, "#2e9e6b", "#a069d6", "#c2a11f", "#d6588f")
#: Inches of a figure as wide as the page.
WIDTH = 10.4
#: Dots from which a scatter becomes an image.
_VECTOR_POINTS = 300
#: Designs of which each gets a drawing of its own; more share one.
FEW = 3


def latencies(runs: Sequence[RunResult]) -> str:
    """Latency against row length of every run, the formula drawn; empty without latencies.

    A panel a run where they are few, else one for all, in which those of one formula are as one.
    """
    shown = [run for run in runs if len(run.latency.pairs)]
    if not shown:
        return ""
    if len(shown) > FEW:
        return _shared_latencies(shown)

    def draw(figure: Figure) -> None:
        axes = figure.subplots(1, len(shown), squeeze=False, sharex=True, sharey=True)[0]
        margins(figure, left=0.6, right=0.1, bottom=0.5, top=0.3)
        figure.subplots_adjust(wspace=0.08)
        for axis, run in zip(axes, shown, strict=True):
            _latency(axis, run)
            axis.set_xlabel("row length, elements")
        axes[0].set_ylim(bottom=0)  # of all, and only now: it ends their fitting to the data
        axes[0].set_xlim(left=0)
        axes[0].set_ylabel("cycles")

    return svg(draw, (WIDTH, 2.9), "Latency against row length")


def _shared_latencies(runs: Sequence[RunResult]) -> str:
    """All in one panel; designs of one formula have a colour, and a line of the legend."""
    alike: dict[tuple[str, int], list[RunResult]] = {}  # one in beats depends on the lanes
    for run in runs:
        formula = run.latency.formula
        said = "no formula" if formula is None else str(formula)
        alike.setdefault((said, run.config.lanes), []).append(run)
    crowded = sum(len(run.latency.pairs) for run in runs) > _VECTOR_POINTS

    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        margins(figure, left=0.6, right=0.1, bottom=0.65 + 0.19 * len(alike), top=0.1)
        for place, ((said, _), group) in enumerate(alike.items()):
            turn, kind = divmod(place, len(_SERIES))
            pairs = np.unique(np.concatenate([run.latency.pairs[:, :2] for run in group]), axis=0)
            axis.scatter(
                pairs[:, 0],
                pairs[:, 1],
                s=7,
                color=_MID_TONES[kind] if crowded else _SERIES[kind],
                alpha=0.4,
                linewidths=0,
                rasterized=crowded,
            )
            label = _named(said, [run.name for run in group])
            axis.plot(
                *_alone(group[0], pairs),
                color=_SERIES[kind],
                linestyle=("-", "--", ":")[turn % 3],
                linewidth=1.4,
                drawstyle="steps-mid",
                label=label,
            )
        axis.set_ylim(bottom=0)
        axis.set_xlim(left=0)
        axis.set_xlabel("row length, elements")
        axis.set_ylabel("cycles")
        below = -0.5 / (3.0 - 0.1)
        axis.legend(
            loc="upper left", bbox_to_anchor=(0, below), fontsize=8, labelcolor=MUTED, borderpad=0
        )

    return svg(draw, (WIDTH, 3.65 + 0.19 * len(alike)), "Latency against row length")


def _alone(run: RunResult, pairs: Ints) -> tuple[Ints, Ints]:
    """Lengths, and the latency of a row alone; without a formula nothing to draw a line of."""
    if run.latency.formula is None:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    lengths = np.arange(1, int(pairs[:, 0].max()) + 1)
    return lengths, run.latency.formula(lengths)


def _named(said: str, names: Sequence[str], most: int = 6) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{said}:  {', '.join(names[:most])}{more}"


def _latency(axis: Any, run: RunResult) -> None:
    length, latency, rows = run.latency.pairs.T
    axis.scatter(
        length,
        latency,
        s=6 + 26 * np.log1p(rows) / max(np.log1p(rows).max(), 1),
        color=BLUE if len(rows) > _VECTOR_POINTS else HARDWARE,
        alpha=0.45,
        linewidths=0,
        rasterized=len(rows) > _VECTOR_POINTS,
        label="measured",
    )
    lengths = np.arange(1, int(length.max()) + 1)
    formula = run.latency.formula
    if formula is not None:
        cycles = formula(lengths)
        axis.plot(lengths, cycles, color=FLOAT, linewidth=1.4, drawstyle="steps-mid", label=formula)
    axis.set_title(run.name)
    axis.legend(loc="upper left", fontsize=8, labelcolor=MUTED, handlelength=1.4)


def distributions(runs: Sequence[RunResult]) -> str:
    """Share of rows by L1 error, a strip a run where they are few; empty without rows."""
    shown = [run for run in runs if run.distribution.total.sum()]
    if not shown:
        return ""
    if len(shown) > FEW:
        return _quantiles(shown)

    def draw(figure: Figure) -> None:
        axes = figure.subplots(len(shown), 1, squeeze=False, sharex=True)[:, 0]
        margins(figure, left=1.4, right=0.1, bottom=0.5, top=0.35)
        for axis, run in zip(axes, shown, strict=True):
            for rows, color, filled in (
                (run.distribution.datapath, HARDWARE, True),
                (run.distribution.total, FLOAT, False),
            ):
                share = rows / rows.sum()
                axis.stairs(
                    share,
                    L1_EDGES,
                    fill=filled,
                    color=color,
                    alpha=0.55 if filled else 1,
                    linewidth=1.3,
                    label="datapath (quantised scores)" if filled else "total (float scores)",
                )
            axis.set_xscale("log")
            axis.set_xlim(*_occupied(shown))
            axis.minorticks_off()
            axis.set_yticks([])
            axis.grid(visible=False, axis="y")
            axis.spines["left"].set_visible(False)
            axis.set_ylabel(run.name, rotation=0, ha="right", va="center", color=INK, labelpad=6)
        axes[0].legend(
            loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize=8, labelcolor=MUTED
        )
        axes[-1].set_xlabel("L1 error of a row")

    return svg(draw, (WIDTH, 0.9 + 0.6 * len(shown)), "Distribution of the rows' L1 error")


def _quantiles(runs: Sequence[RunResult]) -> str:
    """A line a run: the middle half and nine tenths of its rows, and their median, by total L1."""

    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        margins(figure, left=1.7, right=0.1, bottom=0.5, top=0.05)
        for place, run in enumerate(runs):
            low, left, median, right, high = _shares(run.distribution.total)
            axis.plot([low, high], [place, place], color=HARDWARE, linewidth=1.2, alpha=0.6)
            axis.plot([left, right], [place, place], color=HARDWARE, linewidth=4, alpha=0.6)
            axis.plot(median, place, "o", color=FLOAT, ms=4)
        axis.set_yticks(range(len(runs)), [run.name for run in runs])
        axis.tick_params(axis="y", labelsize=8, labelcolor=INK)
        axis.set_ylim(len(runs) - 0.5, -0.5)
        axis.grid(visible=False, axis="y")
        axis.set_xscale("log")
        axis.minorticks_off()
        axis.set_xlabel("total L1 error of a row")

    return svg(draw, (WIDTH, 0.6 + 0.2 * len(runs)), "Distribution of the rows' L1 error")


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


def margins(figure: Figure, *, left: float, right: float, bottom: float, top: float) -> None:
    """Leave these inches around the axes; fixed, as measuring text costs more than drawing it."""
    width, height = figure.get_size_inches()
    figure.subplots_adjust(left / width, bottom / height, 1 - right / width, 1 - top / height)


def svg(draw: Callable[[Figure], None], inches: tuple[float, float], title: str) -> str:
    """Draw a figure and return it as an SVG element for use inside a page.

    Everything that points outside (document type, namespaces, metadata) is taken out: a page
    needs none of it. Names are unique among the figures of a page; unused ones are left out.
    """
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=inches, dpi=110)
        draw(figure)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    size = re.search(r'viewBox="[^"]*"', text)
    assert size is not None
    opening = f'<svg role="img" aria-label="{html.escape(title)}" {size[0]}>'
    text = re.sub(r"^<svg[^>]*>", lambda _: opening, text)
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', text))
    text = re.sub(r' id="([^"]*)"', lambda name: name[0] if name[1] in used else "", text)
    own = hashlib.sha256(text.encode()).hexdigest()[:8]
    text = re.sub(r'( id="|url\(#|href="#)', rf"\g<1>f{own}-", text)
    for color, variable in _VARIABLES.items():
        text = text.replace(color, f"var({variable})")
    return text
