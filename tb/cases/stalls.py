"""Idle cycles of the source crossed with backpressure of the sink."""

from __future__ import annotations

from softmax_cosim.configs.stalls import PATTERNS, Pattern, StallProfile
from softmax_cosim.tb.env import Bench, case, each
from softmax_cosim.tb.needs import backpressure, needs
from softmax_cosim.tb.stimulus import LENGTHS, rows

PACED = [name for name in PATTERNS if name != "stuck"]


@each(source=PACED, sink=PACED)
@case
@needs(backpressure)
async def crossed(bench: Bench, source: str, sink: str) -> None:
    """Mixed rows under one pattern a side."""
    drawn = LENGTHS["mixed"](bench.cfg, bench.rng)
    await bench.play(rows(bench.cfg, bench.rng, drawn), f"{source}/{sink}")


@case
@needs(backpressure)
async def stuck_sink(bench: Bench) -> None:
    """The sink is shut for thousands of cycles: everything fills up, nothing is lost."""
    drawn = [bench.cfg.max_len] * 3 + LENGTHS["mixed"](bench.cfg, bench.rng)
    await bench.play(rows(bench.cfg, bench.rng, drawn), "none/stuck")


@case
async def stuck_source(bench: Bench) -> None:
    """The source falls silent for thousands of cycles, in the middle of rows."""
    drawn = [bench.cfg.max_len, *LENGTHS["mixed"](bench.cfg, bench.rng)]
    await bench.play(rows(bench.cfg, bench.rng, drawn), "stuck/none")


@case
async def alternating(bench: Bench) -> None:
    """Both sides open every other cycle: every handshake is followed by a stall."""
    every_other = Pattern(open=(1, 1), shut=(1, 1))
    drawn = LENGTHS["mixed"](bench.cfg, bench.rng)
    profile = StallProfile("every other cycle", every_other, every_other)
    await bench.play(rows(bench.cfg, bench.rng, drawn), profile)
