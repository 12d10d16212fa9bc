"""The page of ``cosim calibrate``: what the scores look like, and what each parameter does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from softmax_cosim.calibration.sample import Candidate, Sample
from softmax_cosim.calibration.search import Calibration
from softmax_cosim.report.html import environment
from softmax_cosim.report.plots import FLOAT, HARDWARE, MUTED, WIDTH, margins, svg

__all__ = ["render"]

_PERCENTILES = (50, 95, 99, 100)


def render(found: Calibration, name: str, model: str) -> str:
    """The page as text; ``name`` is that of the proposal."""
    sample = found.sample
    values = {
        "score, absolute": sample.magnitudes(),
        "distance from the row's maximum": sample.distances(),
        "sum of a row's exponentials": sample.sums(),
    }
    page = environment(
        Path(__file__).parent,
        distributions=_distributions,
        by_frac=_by_frac,
        by_table_bytes=_by_table_bytes,
    )
    return page.get_template("calibration.html.j2").render(
        found=found,
        name=name,
        model=model,
        percentiles=_PERCENTILES,
        spread={key: np.percentile(v, _PERCENTILES).tolist() for key, v in values.items()},
        unbeaten=_unbeaten(found.tried),
    )


def _unbeaten(tried: Sequence[Candidate]) -> list[Candidate]:
    """The candidates that no other beats in error, table bytes and input width at once."""

    def cost(candidate: Candidate) -> tuple[float, int, int]:
        return candidate.l1, candidate.table_bytes, candidate.cfg.in_w

    def beats(one: Candidate, other: Candidate) -> bool:
        return cost(one) != cost(other) and all(
            a <= b for a, b in zip(cost(one), cost(other), strict=True)
        )

    return sorted(
        (candidate for candidate in tried if not any(beats(one, candidate) for one in tried)),
        key=lambda candidate: candidate.l1,
    )


def _distributions(sample: Sample, proposal: Candidate) -> str:
    """Distances and sums, with where the proposal's tables end."""
    cfg = proposal.cfg

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        margins(figure, left=0.6, right=0.1, bottom=0.5, top=0.3)
        figure.subplots_adjust(wspace=0.16)
        distances = sample.distances()
        _histogram(left, distances, np.linspace(0, max(np.percentile(distances, 99.5), 1e-3), 80))
        left.set_xlabel("distance from the row's maximum, nats")
        left.set_ylabel("share of elements")
        sums = sample.sums()
        _histogram(right, sums, np.geomspace(1, max(sums.max(), 2) * 1.05, 80))
        right.set_xscale("log")
        right.set_xlabel("sum of a row's exponentials")
        right.set_ylabel("share of rows")
        if cfg.method in ("rexp", "lut2d"):
            right.axvline(cfg.xs, color=FLOAT, linewidth=1.4, label=f"XS = {cfg.xs}")
            right.legend(fontsize=8, labelcolor=MUTED)

    return svg(draw, (WIDTH, 2.8), "Distribution of distances and of sums")


def _histogram(axis: Any, values: Any, edges: Any) -> None:
    count, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    axis.stairs(count / len(values), edges, fill=True, color=HARDWARE, alpha=0.55)


def _by_frac(tried: Sequence[Candidate], proposal: Candidate) -> str:
    """Least error found for each F, a line an input width."""
    best: dict[int, dict[int, float]] = {}
    for candidate in tried:
        cfg = candidate.cfg
        line = best.setdefault(cfg.in_w, {})
        line[cfg.frac] = min(candidate.l1, line.get(cfg.frac, np.inf))

    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        margins(figure, left=0.6, right=0.1, bottom=0.5, top=0.3)
        for place, (in_w, line) in enumerate(sorted(best.items())):
            alpha = 0.3 + 0.7 * (place + 1) / len(best)
            pairs = sorted(line.items())
            axis.plot(*zip(*pairs, strict=True), color=HARDWARE, alpha=alpha, linewidth=1.3)
            axis.annotate(f"{in_w} bits", pairs[-1], fontsize=7.5, color=MUTED)
        axis.plot(
            proposal.cfg.frac, best[proposal.cfg.in_w][proposal.cfg.frac], "o", color=FLOAT, ms=6
        )
        axis.set_xlabel("fraction bits F")
        axis.set_ylabel("mean L1 of a row")
        axis.set_yscale("log")

    return svg(draw, (WIDTH / 2, 2.8), "Error against fraction bits")


def _by_table_bytes(tried: Sequence[Candidate], proposal: Candidate) -> str:
    """Every candidate."""

    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        margins(figure, left=0.6, right=0.1, bottom=0.5, top=0.3)
        axis.scatter(
            [candidate.table_bytes for candidate in tried],
            [candidate.l1 for candidate in tried],
            s=12,
            color=HARDWARE,
            alpha=0.5,
            linewidths=0,
        )
        chosen = next(candidate for candidate in tried if candidate.cfg == proposal.cfg)
        axis.plot(chosen.table_bytes, chosen.l1, "o", color=FLOAT, ms=6)
        axis.set_xlabel("table bytes")
        axis.set_xscale("log")
        axis.set_ylabel("mean L1 of a row")
        axis.set_yscale("log")

    return svg(draw, (WIDTH / 2, 2.8), "Error against table bytes")
