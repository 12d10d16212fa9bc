"""Play the row of a failure again, alone; :mod:`cosim.regression` starts it by hand."""

from __future__ import annotations

from configs.stalls import Pattern, StallProfile
from tb.env import Bench, case
from tb.pack import Beats


@case
async def row(bench: Bench) -> None:
    """The row of the file that the failing test left behind, under the same stalls."""
    saved = bench.setup["replay"]
    stalls = saved["stalls"]
    profile = StallProfile(
        stalls["name"], *(Pattern(**_ranges(stalls[side])) for side in ("source", "sink"))
    )
    beats = Beats.from_ints(saved["beats"], bench.cfg.lanes * bench.cfg.in_w)
    await bench.play(beats, profile, saved["seed"])


def _ranges(pattern: dict[str, list[int]]) -> dict[str, tuple[int, int]]:
    return {phase: (low, high) for phase, (low, high) in pattern.items()}
