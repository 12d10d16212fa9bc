"""What is wrong with a row, and how a batch is known to show it again."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from softmax_cosim.configs import Config
from softmax_cosim.golden import timing
from softmax_cosim.golden.rows import Results
from softmax_cosim.measure import Measured
from softmax_cosim.replay.draws import unlike
from softmax_cosim.replay.reproduce import Fails, Played
from softmax_cosim.report import Failure

__all__ = ["mistimed", "otherwise", "surplus", "wrong"]


def wrong(measured: Measured, place: int) -> tuple[Failure, Fails]:
    """A row that is not what the golden model says."""
    golden, offsets = measured.golden, measured.slice.rows.offsets
    expected = golden.y[offsets[place] : offsets[place + 1]]

    def fails(played: Sequence[Played], _: Sequence[int]) -> bool:
        results = played[0].results
        if results.lost[-1] or results.error[-1]:
            return True
        same = np.array_equal(results.y[-len(expected) :], expected)
        return not same or results.exponent[-1] != golden.exponent[place]

    return measured.failure(place), fails


def surplus(measured: Measured, place: int, message: str) -> tuple[Failure, Fails]:
    """A batch of which every row came out well, and something more."""
    failure = dataclasses.replace(measured.failure(place), what=message)
    return failure, lambda played, _: played[0].broken


def mistimed(measured: Measured, place: int) -> tuple[Failure, Fails]:
    """A row that left at another cycle than the timing model said."""
    batch, cfg = measured.batch, measured.slice.design.cfg
    what = (
        f"left in cycles {batch.first_out[place]} to {batch.last_out[place]}, predicted "
        f"{batch.predicted_first_out[place]} to {batch.predicted_last_out[place]}"
    )
    beats = measured.slice.rows.beats(cfg.lanes)

    def fails(played: Sequence[Played], places: Sequence[int]) -> bool:
        return _late(cfg, played[0].results, beats[list(places)])

    return dataclasses.replace(measured.failure(place), what=what), fails


def otherwise(one: Measured, other: Measured, place: int) -> tuple[Failure, Fails]:
    """A row that is right from two power-up draws, but leaves in other cycles."""
    cycles = [
        f"{seen.results.first_out[place]} to {seen.results.last_out[place]}"
        for seen in (one, other)
    ]

    def fails(played: Sequence[Played], _: Sequence[int]) -> bool:
        return bool(unlike(played[0].results, played[1].results)[-1])

    what = f"left in cycles {cycles[0]}, and in {cycles[1]}"
    return dataclasses.replace(one.failure(place), what=what), fails


def _late(cfg: Config, results: Results, beats: np.ndarray) -> bool:
    if results.lost.any():
        return False
    first, last = timing.predict(cfg, results.last_in, beats)
    return bool(first[-1] != results.first_out[-1] or last[-1] != results.last_out[-1])
