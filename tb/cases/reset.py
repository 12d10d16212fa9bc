"""Reset in flight: quiet the cycle after, nothing old ever appears, and the core works again."""

from __future__ import annotations

from softmax_cosim.tb.env import Bench, case, each
from softmax_cosim.tb.needs import backpressure, needs, our_promise, resets
from softmax_cosim.tb.pack import Beats, pack
from softmax_cosim.tb.stimulus import LENGTHS, MALFORMED, malformed_row, rows

_RESETS = 14


@each(stalls=["none", "light", "none/heavy"])
@case
@needs(resets, backpressure)
async def in_flight(bench: Bench, stalls: str) -> None:
    """Reset after any number of cycles of traffic; :meth:`Signal.reset` sees that it is quiet.

    A long reset hides what it does not reach: a pipeline runs empty in it.
    """
    cfg, rng = bench.cfg, bench.rng
    latest = 4 * cfg.max_beats + 60
    for _ in range(_RESETS):
        flood = rows(cfg, rng, [cfg.max_len] + LENGTHS["mixed"](cfg, rng) + [cfg.max_len] * 4)
        bench.start(flood, stalls, int(rng.integers(2**32)))
        await bench.signal.cycles(int(rng.integers(1, latest)))
        await bench.reset(int(rng.integers(2, 5)))
        await bench.finish()
        await bench.play(rows(cfg, rng, LENGTHS["few_short"](cfg, rng)))


@case
@needs(resets)
async def back_to_back(bench: Bench) -> None:
    """Two resets a cycle apart, in the middle of an output row."""
    cfg, rng = bench.cfg, bench.rng
    for _ in range(4):
        bench.start(rows(cfg, rng, [cfg.max_len] * 2), "none", int(rng.integers(2**32)))
        for _ in range(bench.signal.patience):
            await bench.signal.cycles(1)
            if bench.signal.outlet.inside_row or bench.signal.received:
                break
        await bench.signal.reset(2)
        await bench.signal.cycles(1)
        await bench.reset(2)
        await bench.play(rows(cfg, rng, [1, min(cfg.lanes, cfg.max_len), 1]))


@case
@needs(resets, our_promise)
async def of_one_cycle(bench: Bench) -> None:
    """At every cycle of some short rows, good and bad: what it misses falls upon the next."""
    cfg, rng = bench.cfg, bench.rng
    lengths = [min(2 * cfg.lanes, cfg.max_len), 1]
    for cycle in range(1, 44):
        beats = pack(rows(cfg, rng, lengths * 2), cfg).to_ints()
        if cycle % 2:
            kinds = rng.permutation(list(MALFORMED))
            beats = [beat for kind in kinds for beat in malformed_row(kind, cfg, rng)] + beats
        bench.start(Beats.from_ints(beats, cfg.lanes * cfg.in_w), "none", 0)
        await bench.signal.cycles(cycle)
        await bench.reset(1)
        await bench.play(rows(cfg, rng, lengths))


@case
@needs(resets, our_promise)
async def then_full(bench: Bench) -> None:
    """There is as much room as ever after a reset of one cycle, a bad row's included."""
    cfg, rng = bench.cfg, bench.rng
    for _ in range(4):
        bench.start(rows(cfg, rng, [cfg.max_len] * 3), "none", 0)
        await bench.signal.cycles(20 + int(rng.integers(2 * cfg.max_beats, 3 * cfg.max_beats + 1)))
        await bench.reset(1)
        beats = malformed_row("partial_beat", cfg, rng)
        beats += pack(rows(cfg, rng, [cfg.max_len] * 3), cfg).to_ints()
        stream = Beats.from_ints(beats, cfg.lanes * cfg.in_w)
        await bench.fill(stream, len(stream) + 60)
