"""Well-formed rows: every length, every mask, every kind of score, one after another."""

from __future__ import annotations

from softmax_cosim.golden.rows import Rows
from softmax_cosim.tb.env import Bench, case, each
from softmax_cosim.tb.needs import lengths as length_taken
from softmax_cosim.tb.needs import masks as mask_taken
from softmax_cosim.tb.needs import needs, our_promise
from softmax_cosim.tb.stimulus import LENGTHS, MASKS, SCORES, near_edges, rows


@each(length=LENGTHS)
@case
@needs(length_taken)
async def lengths(bench: Bench, length: str) -> None:
    """Rows of one kind of length, back to back, masks mixed."""
    drawn = [min(n, bench.cfg.max_len) for n in LENGTHS[length](bench.cfg, bench.rng)]
    await bench.play(rows(bench.cfg, bench.rng, drawn))


@each(mask=MASKS)
@case
@needs(mask_taken)
async def masks(bench: Bench, mask: str) -> None:
    """Mixed lengths under one kind of mask."""
    drawn = LENGTHS["mixed"](bench.cfg, bench.rng)
    await bench.play(rows(bench.cfg, bench.rng, drawn, mask=mask))


@each(kind=SCORES)
@case
async def scores(bench: Bench, kind: str) -> None:
    """Mixed lengths of one kind of score; without masks, then with."""
    drawn = LENGTHS["mixed"](bench.cfg, bench.rng)
    await bench.play(rows(bench.cfg, bench.rng, drawn, scores=kind, mask="none"))
    if bench.cfg.mask:
        await bench.play(rows(bench.cfg, bench.rng, drawn, scores=kind))


@case
@needs(our_promise)
async def sums_near_edges(bench: Bench) -> None:
    """Rows whose sum is a step or two away from another index of the reciprocal table.

    And at the ends of its range: equal scores in rows of every power of two; and the longest row,
    all of it at one distance from a single maximum that comes first, or last.
    """
    cfg = bench.cfg
    await bench.play(near_edges(cfg, bench.rng, 60))
    lengths = sorted({2**n for n in range(cfg.max_len.bit_length())} | {cfg.max_len})
    low, high = cfg.inputs.lowest, cfg.inputs.highest
    await bench.play(Rows.of([[code] * length for length in lengths for code in (low, high)]))
    distances = [n << cfg.frac for n in range(1, 13) if n << cfg.frac <= high - low]
    rests = [[high - distance] * (cfg.max_len - 1) for distance in distances]
    await bench.play(Rows.of([row for rest in rests for row in ([high, *rest], [*rest, high])]))
