"""Rows right after power-up, whatever the registers held; runs before all other cases."""

from __future__ import annotations

from softmax_cosim.tb.env import Bench, case
from softmax_cosim.tb.stimulus import LENGTHS, rows


@case
async def from_every_draw(bench: Bench) -> None:
    """The same rows in each simulation; what came out is kept, to be alike from every draw."""
    cfg, rng = bench.cfg, bench.rng
    lengths = [cfg.max_len, 1, *LENGTHS["few_short"](cfg, rng), *LENGTHS["few_short"](cfg, rng)]
    bench.record(await bench.play(rows(cfg, rng, lengths)))
