"""Transactions: a score row in, a row of probabilities out, and who they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from softmax_cosim.golden.rows import Raw, Results, Rows
from softmax_cosim.tb.pack import Beat

__all__ = ["Identity", "RowIn", "RowOut", "StreamRow", "collect", "deliver"]


@dataclass(frozen=True)
class Identity:
    """Where a row comes from."""

    model: str
    layer: int
    head: int
    query: int

    def __str__(self) -> str:
        return f"model {self.model}, layer {self.layer}, head {self.head}, query {self.query}"


@dataclass(frozen=True)
class RowIn:
    """One row of raw scores on its way into the accelerator."""

    identity: Identity
    q: npt.NDArray[np.int32]
    """Shape [length]."""
    keep: npt.NDArray[np.bool_]
    """False where masked, shape [length]."""

    def __post_init__(self) -> None:
        if self.q.ndim != 1 or self.q.shape != self.keep.shape or len(self.q) == 0:
            raise ValueError(f"{self.identity}: q and keep are flat, of one length, not empty")


@dataclass(frozen=True)
class RowOut:
    """What became of a row; the fields are those of :class:`.golden.rows.Results`."""

    identity: Identity
    y: Raw
    error: bool
    exponent: int
    first_in: int
    last_in: int
    first_out: int
    last_out: int


@dataclass(frozen=True)
class StreamRow:
    """A row as a monitor saw it on the pins, with the cycles of its first and last beat."""

    first: int
    last: int
    beats: Sequence[Beat]


def collect(transactions: Sequence[RowIn]) -> Rows:
    """The batch that carries these transactions."""
    offsets = np.cumsum([0, *(len(row.q) for row in transactions)], dtype=np.int64)
    return Rows(
        np.concatenate([row.q for row in transactions]),
        np.concatenate([row.keep for row in transactions]),
        offsets,
    )


def deliver(transactions: Sequence[RowIn], results: Results) -> list[RowOut]:
    """The results of a batch, each under the identity of its row."""
    ends = np.cumsum([len(row.q) for row in transactions])
    return [
        RowOut(
            row.identity,
            results.y[end - len(row.q) : end],
            bool(results.error[n]),
            int(results.exponent[n]),
            int(results.first_in[n]),
            int(results.last_in[n]),
            int(results.first_out[n]),
            int(results.last_out[n]),
        )
        for n, (row, end) in enumerate(zip(transactions, ends, strict=True))
    ]
