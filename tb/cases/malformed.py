"""Rows that break the rules come out as one error beat, and the next row is served as ever."""

from __future__ import annotations

from softmax_cosim.tb.env import Bench, case, each
from softmax_cosim.tb.needs import error_beat, needs
from softmax_cosim.tb.pack import Beats, pack
from softmax_cosim.tb.stimulus import LENGTHS, MALFORMED, malformed_row, rows


def _between_good_rows(bench: Bench, kinds: list[str]) -> Beats:
    cfg, rng = bench.cfg, bench.rng
    beats = []
    for kind in kinds:
        beats += pack(rows(cfg, rng, LENGTHS["few_short"](cfg, rng)), cfg).to_ints()
        beats += malformed_row(kind, cfg, rng)
    beats += pack(rows(cfg, rng, [cfg.max_len, 1]), cfg).to_ints()
    return Beats.from_ints(beats, cfg.lanes * cfg.in_w)


@each(kind=MALFORMED, stalls=["none", "bursty"])
@case
@needs(error_beat)
async def one_kind(bench: Bench, kind: str, stalls: str) -> None:
    """One way to break the rules, again and again, good rows between."""
    await bench.play(_between_good_rows(bench, [kind] * 4), stalls)


@case
@needs(error_beat)
async def every_kind(bench: Bench) -> None:
    """All ways in random order, under heavy stalls."""
    kinds = list(MALFORMED) * 3
    bench.rng.shuffle(kinds)
    await bench.play(_between_good_rows(bench, kinds), "heavy")


@case
@needs(error_beat)
async def nothing_but(bench: Bench) -> None:
    """Malformed rows back to back, without a good row between."""
    cfg, rng = bench.cfg, bench.rng
    beats = [beat for kind in [*MALFORMED, *MALFORMED] for beat in malformed_row(kind, cfg, rng)]
    await bench.play(Beats.from_ints(beats, cfg.lanes * cfg.in_w))
