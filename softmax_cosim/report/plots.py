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
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from softmax_cosim.report.model import AttentionMap, Floats, RunResult, WorstRow
from softmax_cosim.report.tally import L1_EDGES
from softmax_cosim.report.text import figure as number

__all__ = [
    "FLOAT",
    "HARDWARE",
    "INK",
    "MUTED",
    "WIDTH",
    "attention",
    "distributions",
    "latencies",
    "margins",
    "svg",
    "worst_row",
]

# A placeholder colour for each CSS variable of the page; any values unlike each other will do.
INK, MUTED, _GRID, _PAPER = "#010203", "#010204", "#010205", "#010206"
HARDWARE, FLOAT, _BAD = "#010207", "#010208", "#010209"
_VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    _GRID: "--line",
    _PAPER: "--card",
    HARDWARE: "--hardware",
    FLOAT: "--float",
    _BAD: "--bad",
}
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "softmax",
    "font.size": 9,
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
_BLUE, _ORANGE = (0.20, 0.53, 0.94), (0.93, 0.45, 0.13)
#: Inches of a figure as wide as the page.
WIDTH = 10.4
#: Dots from which a scatter becomes an image.
_VECTOR_POINTS = 300
_SHOWN_KEYS = 48


def latencies(runs: Sequence[RunResult]) -> str:
    """Latency against row length of every run, the formula drawn; empty without latencies."""
    shown = [run for run in runs if len(run.latency.pairs)]
    if not shown:
        return ""
    columns = min(len(shown), 3)
    lines = math.ceil(len(shown) / columns)

    def draw(figure: Figure) -> None:
        axes = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True)
        margins(figure, left=0.6, right=0.1, bottom=0.5, top=0.3)
        figure.subplots_adjust(wspace=0.08, hspace=0.28)
        for axis, run in zip(axes.flat, shown, strict=False):
            _latency(axis, run)
        axes[0, 0].set_ylim(bottom=0)  # of all, and only now: it ends their fitting to the data
        axes[0, 0].set_xlim(left=0)
        for axis in axes.flat[len(shown) :]:
            axis.set_visible(False)
        for axis in axes.flat[max(len(shown) - columns, 0) : len(shown)]:
            axis.set_xlabel("row length, elements")
            axis.tick_params(labelbottom=True)
        for axis in axes[:, 0]:
            axis.set_ylabel("cycles")

    return svg(draw, (WIDTH, 0.5 + 2.4 * lines), "Latency against row length")


def _latency(axis: Any, run: RunResult) -> None:
    length, latency, rows = run.latency.pairs.T
    axis.scatter(
        length,
        latency,
        s=6 + 26 * np.log1p(rows) / max(np.log1p(rows).max(), 1),
        color=_BLUE if len(rows) > _VECTOR_POINTS else HARDWARE,
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
    """Share of rows by L1 error, a strip a run; empty without rows."""
    shown = [run for run in runs if run.distribution.total.sum()]
    if not shown:
        return ""

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


def _occupied(runs: Sequence[RunResult]) -> tuple[float, float]:
    """The decades that hold rows; always up to 2, the largest error of a row that sums to one."""
    rows = sum(run.distribution.datapath + run.distribution.total for run in runs)
    lowest = float(L1_EDGES[np.flatnonzero(rows)[0]])
    return 10 ** math.floor(math.log10(lowest) + 1e-9), float(L1_EDGES[-1])


def attention(shown: AttentionMap, source: str) -> str:
    """A head in float, as it came out of ``source``, and the difference of the two."""
    difference = shown.hardware - shown.reference
    top = _largest(shown.reference, shown.hardware)
    reach = _largest(np.abs(difference))
    queries, keys = shown.reference.shape

    height = min(max(WIDTH / 3 * queries / keys, 1.4), 3.2)

    def draw(figure: Figure) -> None:
        axes = figure.subplots(1, 3, sharey=True)
        margins(figure, left=0.5, right=0.65, bottom=0.45, top=0.3)
        figure.subplots_adjust(wspace=0.24)
        panels = (
            ("float64", shown.reference, _RAMP, 0, top),
            (source, shown.hardware, _RAMP, 0, top),
            (f"{source} − float64", difference, _DIVERGING, -reach, reach),
        )
        for axis, (title, values, colors, low, high) in zip(axes, panels, strict=True):
            image = axis.imshow(
                values, cmap=colors, vmin=low, vmax=high, aspect="auto", interpolation="none"
            )
            axis.set_title(title)
            axis.set_xlabel("key")
            axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))
            axis.yaxis.set_major_locator(MaxNLocator(8, integer=True))
            if shown.queries is not None and len(shown.queries) <= shown.queries[-1]:
                few = np.unique(np.linspace(0, queries - 1, min(queries, 8)).round().astype(int))
                axis.set_yticks(few, [str(query) for query in shown.queries[few]])
            axis.grid(visible=False)
            bar = figure.colorbar(image, cax=axis.inset_axes((1.03, 0, 0.035, 1)))
            bar.outline.set_visible(False)
            bar.ax.tick_params(labelsize=7.5)
        axes[0].set_ylabel("query")

    return svg(draw, (WIDTH, height + 0.75), f"Attention map: float, {source}, difference")


def _largest(*maps: Floats) -> float:
    """The largest value of all, NaN left out; above 0."""
    return max(1e-12, *(float(np.nanmax(values, initial=0)) for values in maps))


def worst_row(row: WorstRow, source: str) -> str:
    """A row's probabilities, float and as it came out of ``source``, a pair of bars a key."""
    reference, hardware = row.detail.reference, row.detail.hardware
    keys = _telling_keys(reference, hardware)

    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        margins(figure, left=0.62, right=0.05, bottom=0.45, top=0.25)
        place = np.arange(len(keys))
        for offset, values, color, label in (
            (-0.21, reference, FLOAT, "float64"),
            (0.21, hardware, HARDWARE, source),
        ):
            axis.bar(place + offset, values[keys], width=0.42, color=color, label=label)
        few = np.linspace(0, len(keys) - 1, min(len(keys), 12)).round().astype(int)
        axis.set_xticks(few, [str(key) for key in keys[few]])
        axis.grid(visible=False, axis="x")
        axis.set_xlabel(
            "key" if len(keys) == len(reference) else f"the {len(keys)} largest keys, in order"
        )
        axis.set_ylabel("probability")
        axis.margins(x=0.01)
        axis.legend(
            loc="lower right",
            bbox_to_anchor=(1, 0.97),
            ncols=2,
            fontsize=8,
            labelcolor=MUTED,
            handlelength=1,
        )

    return svg(draw, (5.0, 2.2), f"Row {row.row}: float beside {source}, L1 {number(row.l1)}")


def _telling_keys(reference: Floats, hardware: Floats) -> Any:
    """Indices of the keys worth a bar, in order: all of a short row, else the largest."""
    size = np.maximum(reference, hardware)
    return np.sort(np.argsort(-size, kind="stable")[:_SHOWN_KEYS])


def _ramp(color: tuple[float, float, float], gamma: float) -> Any:
    """Clear to ``color``, [128, 4]; a small ``gamma`` brings out what is faint."""
    alpha = np.linspace(0, 1, 128) ** gamma
    return np.column_stack([np.tile(color, (128, 1)), alpha])


_RAMP = ListedColormap(_ramp(_BLUE, 0.45))
_DIVERGING = ListedColormap(np.vstack([_ramp(_ORANGE, 0.6)[::-1], _ramp(_BLUE, 0.6)]))


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
