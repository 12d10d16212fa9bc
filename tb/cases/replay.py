"""Play rows again; :mod:`.simulation.regression` starts it, and says what to play."""

from __future__ import annotations

from softmax_cosim.configs.stalls import Pattern, StallProfile
from softmax_cosim.golden.rows import Rows
from softmax_cosim.tb.env import Bench, case
from softmax_cosim.tb.pack import Beats


@case
async def row(bench: Bench) -> None:
    """The rows that a failing test left behind, under the same stalls; or one of plain scores."""
    saved = bench.setup["replay"]
    if "q" in saved:
        await bench.play(Rows.of([saved["q"]], [saved["keep"]]), saved["stalls"])
        return
    stalls = saved["stalls"]
    source, sink = (
        Pattern(tuple(stalls[side]["open"]), tuple(stalls[side]["shut"]))
        for side in ("source", "sink")
    )
    beats = Beats.from_ints(saved["beats"], bench.cfg.lanes * bench.cfg.in_w)
    played = await bench.play(beats, StallProfile(stalls["name"], source, sink), saved["seed"])
    bench.record(played)
