"""Latency of a row on an idle core, against the bound that the design must keep."""

from __future__ import annotations

from softmax_cosim.tb.env import Bench, case
from softmax_cosim.tb.needs import latency as latency_stated
from softmax_cosim.tb.needs import needs
from softmax_cosim.tb.stimulus import LENGTHS, rows

_OVERHEAD = 16


@case
@needs(latency_stated)
async def idle_core(bench: Bench) -> None:
    """First input beat to last output beat: passes times beats, and 16 cycles at most.

    Of a design of somebody's own, what its formula says, to which :meth:`Bench.play` holds it.
    """
    cfg, rng = bench.cfg, bench.rng
    passes = 2 if cfg.two_pass else 3
    for length in [
        1,
        min(cfg.lanes + 1, cfg.max_len),
        cfg.max_len,
        *LENGTHS["few_short"](cfg, rng),
    ]:
        played = await bench.play(rows(cfg, rng, [length]))
        latency = played.received[0].last - played.sent[0].first
        bound = passes * -(-length // cfg.lanes) + _OVERHEAD
        assert cfg.design or latency <= bound, (
            f"{length} elements took {latency} cycles, more than {bound}"
        )
