"""What every method shares: the row maximum, the row sum, the sum's table index, division by M.

Batches are ragged rows end to end; ``starts`` holds the first element of each row, shape [rows].
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from softmax_cosim.configs import Config

__all__ = ["Ints", "chunks", "div_m", "j", "lower_masked", "row_max", "row_sum"]

Ints = npt.NDArray[np.int32]

#: Elements worked on at a time: large enough for numpy, small enough for the cache.
CHUNK = 1 << 16


def chunks(offsets: npt.NDArray[np.int64], elements: int = CHUNK) -> Iterator[tuple[int, int]]:
    """Runs of whole rows ``(first, last + 1)`` of about ``elements`` elements, one row at least."""
    start, rows = 0, len(offsets) - 1
    while start < rows:
        stop = int(np.searchsorted(offsets, offsets[start] + elements, side="right")) - 1
        stop = max(stop, start + 1)
        yield start, stop
        start = stop


def lower_masked(cfg: Config, q: Ints, keep: npt.NDArray[np.bool_]) -> Ints:
    """The scores with every masked one at the lowest code, so that it cannot raise the maximum."""
    return np.where(keep, q, np.int32(-(2 ** (cfg.in_w - 1))))


def row_max(q: Ints, starts: npt.NDArray[np.int64]) -> Ints:
    """``max(q)`` of each row, shape [rows]; a row with nothing kept has the lowest code."""
    return np.maximum.reduceat(q, starts)


def row_sum(terms: npt.NDArray[np.uint16], starts: npt.NDArray[np.int64]) -> Ints:
    """``S``, shape [rows]: at most MAX_LEN * M < 2**27, whatever the order of its terms."""
    return np.add.reduceat(terms, starts, dtype=np.int32)


def div_m(t: Ints, w: int) -> Ints:
    """``floor(t / M)`` for any ``t >= 0``, the hardware's way: no divider.

    ``(t + (t >> w) + 1) >> w`` is exact for ``0 <= t < M * 2**w``; a wider ``t = a * 2**w + b``
    folds, as ``t = a * M + (a + b)``.
    """
    m, whole = 2**w - 1, np.zeros_like(t)
    while t.size and t.max() >= m << w:
        whole += t >> w
        t = (t >> w) + (t & m)
    return whole + ((t + (t >> w) + 1) >> w)


def j(cfg: Config, total: Ints) -> Ints:
    """Index of the reciprocal table, shape [rows]: the sum in units of M, held within 1 .. XS.

    ``floor((2 * S + h) / (2 * M))`` with h = M (nearest) or 0 (floor); M is odd, so half of
    ``2 * S + h`` loses nothing that the division would not.
    """
    half = cfg.m // 2 if cfg.sum_index == "nearest" else 0
    return np.clip(div_m(total + half, cfg.w), 1, cfg.xs)
