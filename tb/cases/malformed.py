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


@case
@needs(error_beat)
async def many(bench: Bench) -> None:
    """More malformed rows than the store has beats: what each leaves behind, or takes, adds up."""
    cfg, rng = bench.cfg, bench.rng
    kinds = [kind for kind in MALFORMED if "too_long" not in kind]
    beats = []
    for n in range(cfg.max_beats + 40):
        beats += malformed_row(kinds[n % len(kinds)], cfg, rng)
    await bench.play(Beats.from_ints(beats, cfg.lanes * cfg.in_w))
    # With more room than there is, the longest rows would be written over each other.
    await bench.fill(rows(cfg, rng, [cfg.max_len] * 3), 3 * cfg.max_beats + 60)


@case
@needs(error_beat)
async def behind_a_backlog(bench: Bench) -> None:
    """A row that never fits, behind rows of one beat that leave it less and less room."""
    cfg, rng = bench.cfg, bench.rng
    for backlog in (1, cfg.max_beats, cfg.max_beats + 12, cfg.max_beats + 30):
        beats = pack(rows(cfg, rng, [1] * backlog), cfg).to_ints()
        beats += malformed_row("far_too_long", cfg, rng)
        beats += pack(rows(cfg, rng, LENGTHS["few_short"](cfg, rng)), cfg).to_ints()
        stream = Beats.from_ints(beats, cfg.lanes * cfg.in_w)
        await bench.fill(stream, len(stream) + 20)
