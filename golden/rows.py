"""Ragged batches: the score rows that drive the hardware, and what the hardware gave back."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Raw", "Results", "Rows"]

#: Raw outputs: uint16, or uint32 where they are wider.
Raw = npt.NDArray[np.unsignedinteger[Any]]


@dataclass(frozen=True)
class Rows:
    """Rows of any length, end to end.

    Row ``n`` is ``q[offsets[n]:offsets[n + 1]]``; every row has at least one element.
    """

    q: npt.NDArray[np.int32]
    """Raw scores, shape [elements]; :meth:`.Config.scores` has the real ones."""
    keep: npt.NDArray[np.bool_]
    """True where an element takes part, shape [elements]; a masked element is False."""
    offsets: npt.NDArray[np.int64]
    """Start of each row, and the end of the last; shape [rows + 1], strictly increasing from 0."""

    def __post_init__(self) -> None:
        if self.q.shape != self.keep.shape or self.q.ndim != 1 or self.offsets.ndim != 1:
            raise ValueError("q and keep must be flat and of one length, offsets flat")
        if self.offsets[0] != 0 or self.offsets[-1] != len(self.q) or (self.lengths < 1).any():
            raise ValueError("offsets must rise strictly from 0 to the number of elements")

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @functools.cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Elements of each row, shape [rows]."""
        return np.diff(self.offsets)

    def beats(self, lanes: int) -> npt.NDArray[np.int64]:
        """Stream beats of each row at ``lanes`` elements a beat, shape [rows]."""
        return -(-self.lengths // lanes)

    def slice(self, start: int, stop: int) -> Rows:
        """Rows ``start`` to ``stop``, as views."""
        low, high = self.offsets[start], self.offsets[stop]
        return Rows(self.q[low:high], self.keep[low:high], self.offsets[start : stop + 1] - low)

    @classmethod
    def of(
        cls, scores: Iterable[Sequence[int]], keep: Iterable[Sequence[bool]] | None = None
    ) -> Rows:
        """Build a batch from Python lists; without ``keep`` every element takes part."""
        q = [np.asarray(row, dtype=np.int32) for row in scores]
        k = (
            [np.ones(len(row), dtype=np.bool_) for row in q]
            if keep is None
            else [np.asarray(row, dtype=np.bool_) for row in keep]
        )
        offsets = np.cumsum([0, *map(len, q)], dtype=np.int64)
        return cls(np.concatenate(q), np.concatenate(k), offsets)


@dataclass  # not frozen: one is filled in for each batch, which would take six times as long
class Results:
    """What came out of the accelerator for a batch of rows, in the order of the rows.

    Cycles count rising clock edges from the release of reset; an input or output beat happens in
    the cycle in which valid and ready are both high. A row that never came out has ``last_out``
    -1. ``y`` is 0 where a row was lost or came out with its error flag set.
    """

    y: Raw
    """Raw outputs, shape [elements]; :meth:`.Config.real` has their real values."""
    error: npt.NDArray[np.bool_]
    """The row's error flag, shape [rows]."""
    exponent: npt.NDArray[np.uint8]
    """The row exponent, shape [rows]."""
    first_in: npt.NDArray[np.int64]
    """Cycle of each row's first input beat, shape [rows]; likewise the three that follow."""
    last_in: npt.NDArray[np.int64]
    first_out: npt.NDArray[np.int64]
    last_out: npt.NDArray[np.int64]

    @property
    def latency(self) -> npt.NDArray[np.int64]:
        """Cycles from first input beat to last output beat, shape [rows]."""
        return self.last_out - self.first_in

    @property
    def lost(self) -> npt.NDArray[np.bool_]:
        """True for a row that never came out whole, shape [rows]."""
        return self.last_out < 0
