"""What the streams promise beyond the data: valid does not wait, beats hold, no cycle is lost."""

from __future__ import annotations

from softmax_cosim.configs.stalls import PATTERNS, Pattern, StallProfile
from softmax_cosim.tb.env import Bench, case
from softmax_cosim.tb.needs import backpressure, needs, our_promise
from softmax_cosim.tb.stimulus import rows

_NEVER = Pattern(open=(0, 0), shut=(1, 1))


@case
@needs(backpressure)
async def valid_never_waits_for_ready(bench: Bench) -> None:
    """A sink that is never ready still sees ``tvalid`` rise, and the beat stays as it is."""
    cfg = bench.cfg
    row = rows(cfg, bench.rng, [min(cfg.max_len, 2 * cfg.lanes)])
    never = StallProfile("sink never ready", PATTERNS["none"], _NEVER)
    bench.start(row, never, 0)
    bound = bench.signal.patience if cfg.design else 4 * cfg.max_beats + 60
    for _ in range(bound):
        await bench.signal.cycles(1)
        if bench.dut.m_axis_tvalid.value == 1:
            break
    assert bench.dut.m_axis_tvalid.value == 1, f"no tvalid within {bound} cycles without tready"
    await bench.signal.cycles(200)  # the monitor sees that it holds
    assert bench.signal.outlet.beats_seen == 0
    await bench.signal.idle(0)
    await bench.settle(1, never, 0)


@case
@needs(our_promise)
async def no_lost_cycle(bench: Bench) -> None:
    """Rows of equal length, back to back: one beat every cycle, in and out."""
    cfg = bench.cfg
    for beats in sorted(
        {1, 2, 3, cfg.max_beats // 2, cfg.max_beats} & {*range(1, cfg.max_beats + 1)}
    ):
        count = 8 + 6 * cfg.max_beats // beats
        length = min(beats * cfg.lanes, cfg.max_len)
        played = await bench.play(rows(cfg, bench.rng, [length] * count))
        for side, seen in (("input", played.sent), ("output", played.received)):
            cycles = seen[-1].last - seen[0].first + 1
            assert cycles == beats * count, (
                f"{side}: {count} rows of {beats} beats took {cycles} cycles, "
                f"{beats * count / cycles:.4f} beats a cycle"
            )


@case
@needs(our_promise)
async def no_lost_cycle_mixed(bench: Bench) -> None:
    """The same with rows of mixed length: the input never waits."""
    cfg = bench.cfg
    beats = bench.rng.integers(1, cfg.max_beats + 1, 24)
    lengths = [min(int(n) * cfg.lanes, cfg.max_len) for n in beats]
    played = await bench.play(rows(cfg, bench.rng, lengths))
    cycles = played.sent[-1].last - played.sent[0].first + 1
    assert cycles == beats.sum(), f"{beats.sum()} beats took {cycles} cycles to go in"
