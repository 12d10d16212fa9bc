"""What is wrong with a row, and how a batch is known to show it again."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from softmax_cosim.configs import Config
from softmax_cosim.golden.compare import apart
from softmax_cosim.golden.rows import Results
from softmax_cosim.measure import Measured, predicted
from softmax_cosim.replay.draws import unlike
from softmax_cosim.replay.reproduce import Fails, Played
from softmax_cosim.report import Failure

__all__ = ["mistimed", "otherwise", "surplus", "wrong"]


def wrong(measured: Measured, place: int) -> tuple[Failure, Fails]:
    """A row that is not what the golden model says."""
    golden, offsets = measured.golden(), measured.slice.rows.offsets
    cfg, row = measured.slice.design.cfg, slice(offsets[place], offsets[place + 1])
    expected, exponent = (golden.y[row], golden.exponent[place]) if golden else (None, 0)

    def fails(played: Sequence[Played], _: Sequence[int]) -> bool:
        results = played[0].results
        if results.lost[-1] or results.error[-1] or results.exponent[-1] != exponent:
            return True
        return bool(apart(cfg, expected, results.y[row.start - row.stop :]).any())

    return measured.failure(place), fails


def surplus(measured: Measured, place: int, message: str) -> tuple[Failure, Fails]:
    """A batch of which every row came out well, and something more."""
    failure = dataclasses.replace(measured.failure(place), what=message)
    return failure, lambda played, _: played[0].broken


def mistimed(measured: Measured, place: int) -> tuple[Failure, Fails]:
    """A row that left at another cycle than the timing model said."""
    batch, cfg = measured.batch, measured.slice.design.cfg
    first_in, last_out = batch.first_in[place], batch.last_out[place]
    if cfg.design is not None:
        what = (
            f"took {last_out - first_in} cycles (from cycle {first_in} to {last_out}); "
            f"{cfg.design.latency} is {batch.predicted_last_out[place] - first_in}"
        )
    else:
        what = (
            f"left in cycles {batch.first_out[place]} to {last_out}, predicted "
            f"{batch.predicted_first_out[place]} to {batch.predicted_last_out[place]}"
        )
    lengths = measured.slice.rows.lengths

    def fails(played: Sequence[Played], places: Sequence[int]) -> bool:
        return _late(cfg, played[0].results, lengths[list(places)])

    return dataclasses.replace(measured.failure(place), what=what), fails


def otherwise(one: Measured, other: Measured, place: int) -> tuple[Failure, Fails]:
    """A row that is not wrong, but comes out otherwise from another power-up draw."""
    cycles = [
        f"{seen.results.first_out[place]} to {seen.results.last_out[place]}"
        for seen in (one, other)
    ]

    def fails(played: Sequence[Played], _: Sequence[int]) -> bool:
        return bool(unlike(played[0].results, played[1].results)[-1])

    what = f"left in cycles {cycles[0]}, and in {cycles[1]}"
    row = slice(*one.slice.rows.offsets[place : place + 2])
    values = one.results.y[row], other.results.y[row]
    if (values[0] != values[1]).any():
        element = int((values[0] != values[1]).argmax())
        what = f"element {element} is {values[0][element]}, and {values[1][element]}"
    return dataclasses.replace(one.failure(place), what=what), fails


def _late(cfg: Config, results: Results, lengths: np.ndarray) -> bool:
    if results.lost.any():
        return False
    first, last = predicted(cfg, lengths, results)
    return bool(first[-1] != results.first_out[-1] or last[-1] != results.last_out[-1])
