"""A sample of the rows, played from every power-up draw: they must come out alike.

Reset has to make the design forget what its registers held. Where it does not, rows come out
otherwise from another draw, in values or in cycles.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from softmax_cosim.golden.rows import Results
from softmax_cosim.replay.shard import Outcome

__all__ = ["SAMPLE", "TOTAL", "spread", "unlike", "unsettled"]

#: Elements of a tensor that are played from every draw at most, unless one row is longer; and of
#: all tensors together, which bounds what a long run takes longer for it.
SAMPLE, TOTAL = 1 << 14, 1 << 19


def spread(picked: npt.NDArray[np.int64], length: int) -> npt.NDArray[np.int64]:
    """Some of the rows, evenly; all of them if they are few."""
    kept = min(len(picked), max(1, SAMPLE // length))
    return picked[np.arange(kept) * len(picked) // kept]


def unlike(one: Results, other: Results) -> npt.NDArray[np.bool_]:
    """True where a row did not come out alike, in value or in time; both of rows of one length."""
    differs: npt.NDArray[np.bool_] = (one.y != other.y).reshape(len(one.error), -1).any(axis=1)
    for field in dataclasses.fields(Results):
        if field.name != "y":
            differs = differs | (getattr(one, field.name) != getattr(other, field.name))
    return differs


def _equal(one: Results, other: Results) -> bool:
    """Whether no row is :func:`unlike`, found out faster."""
    return all(
        np.array_equal(getattr(one, field.name), getattr(other, field.name))
        for field in dataclasses.fields(Results)
    )


def unsettled(outcomes: Sequence[Outcome]) -> Iterator[tuple[int, int, int]]:
    """Each row that did not come out alike from all draws; they are measured if there is one.

    Yields its place, a draw that shows the fault (a wrong row, if any is wrong), and one from which
    it came out otherwise (a right row, if any is right).
    """
    results = [one.results for one in outcomes]
    if all(_equal(results[0], other) for other in results[1:]):
        return
    apart = np.stack([[unlike(one, other) for other in results] for one in results])
    wrong = np.stack([one.measured.wrong for one in outcomes])
    for place in np.flatnonzero(apart.any(axis=(0, 1))).tolist():
        pairs = np.argwhere(apart[:, :, place]).tolist()
        best = max(pairs, key=lambda pair: (wrong[pair[0], place], not wrong[pair[1], place]))
        yield place, best[0], best[1]
