"""The page of ``cosim calibrate``: what the scores look like, and what each parameter does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from softmax_cosim.calibration.sample import Candidate, Sample
from softmax_cosim.calibration.search import Calibration
from softmax_cosim.report.drawing import (
    FLOAT,
    HARDWARE,
    WIDTH,
    Panel,
    Scale,
    drawing,
    legend,
)
from softmax_cosim.report.html import environment

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
    cfg, middle = proposal.cfg, WIDTH / 2
    distances, sums = sample.distances(), sample.sums()
    linear = np.linspace(0, max(np.percentile(distances, 99.5), 1e-3), 80)
    log = np.geomspace(1, max(sums.max(), 2) * 1.05, 80)
    parts: list[str] = []
    for left, values, edges, scale, words in (
        (64, distances, linear, Scale(0, linear[-1]), "distance from the row's maximum, nats"),
        (middle + 64, sums, log, Scale(1, log[-1], log=True), "sum of a row's exponentials"),
    ):
        count, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
        share = count / len(values)
        panel = Panel(left, 12, left + middle - 84, 220, scale, Scale(0, 1.08 * share.max()))
        parts += panel.frame("", words, "share of rows" if values is sums else "share of elements")
        parts.append(panel.stairs(share, edges, HARDWARE, filled=True))
    if cfg.method in ("rexp", "lut2d") and cfg.xs <= log[-1]:
        parts.append(panel.line((cfg.xs, cfg.xs), (0, panel.down.high), FLOAT))
        style = f"stroke:{FLOAT};stroke-width:1.8"
        parts += legend(panel.left + 10, panel.top + 10, [(style, f"XS = {cfg.xs}")])
    return drawing("Distribution of distances and of sums", 264, parts)


def _by_frac(tried: Sequence[Candidate], proposal: Candidate) -> str:
    """Least error found for each F, a line an input width."""
    best: dict[int, dict[int, float]] = {}
    for candidate in tried:
        cfg = candidate.cfg
        line = best.setdefault(cfg.in_w, {})
        line[cfg.frac] = min(candidate.l1, line.get(cfg.frac, np.inf))
    fracs = sorted({frac for line in best.values() for frac in line})
    errors = [error for line in best.values() for error in line.values()]
    panel = _half(Scale(fracs[0] - 0.5, fracs[-1] + 1.5), errors)
    few = {float(frac): str(frac) for frac in fracs[:: len(fracs) // 9 + 1]}
    parts = [*panel.frame("", "fraction bits F", "mean L1 of a row", x_ticks=few)]
    for place, (in_w, line) in enumerate(sorted(best.items())):
        x, y = zip(*sorted(line.items()), strict=True)
        alpha = 0.3 + 0.7 * (place + 1) / len(best)
        parts.append(panel.line(x, y, HARDWARE, stroke_opacity=f"{alpha:.2f}"))
        end = float(panel.x(x[-1])) + 5, float(panel.y(y[-1])) + 4
        parts.append(f'<text x="{end[0]:.1f}" y="{end[1]:.1f}">{in_w} bits</text>')
    cfg = proposal.cfg
    parts.append(panel.dots(cfg.frac, best[cfg.in_w][cfg.frac], 5, FLOAT))
    return drawing("Error against fraction bits", 264, parts, WIDTH / 2)


def _by_table_bytes(tried: Sequence[Candidate], proposal: Candidate) -> str:
    """Every candidate."""
    sizes = [max(candidate.table_bytes, 1) for candidate in tried]
    errors = [candidate.l1 for candidate in tried]
    panel = _half(Scale(min(sizes) / 1.2, 1.2 * max(sizes), log=True), errors)
    chosen = next(candidate for candidate in tried if candidate.cfg == proposal.cfg)
    parts = [
        *panel.frame("", "table bytes", "mean L1 of a row"),
        panel.dots(sizes, errors, 2.5, HARDWARE, 0.5),
        panel.dots(max(chosen.table_bytes, 1), chosen.l1, 5, FLOAT),
    ]
    return drawing("Error against table bytes", 264, parts, WIDTH / 2)


def _half(across: Scale, errors: Sequence[float]) -> Panel:
    """Half as wide as the page; errors upwards, by their logarithm."""
    high = max(*errors, 1e-12)
    low = max(min(errors), 1e-6 * high)
    return Panel(64, 12, WIDTH / 2 - 10, 220, across, Scale(low / 1.1, 1.1 * high, log=True))
