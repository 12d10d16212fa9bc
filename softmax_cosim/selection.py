"""Which rows of a trace to play."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from softmax_cosim.configs import UsageError
from softmax_cosim.trace import Trace

__all__ = ["Picked", "Selection", "slices"]

#: Layer index to the numbers of its rows to play, rising.
Picked = dict[int, npt.NDArray[np.int64]]

#: Elements that a slice has at most, unless one row is longer.
SLICE = 1 << 19


@dataclass(frozen=True)
class Selection:
    """Which rows to play, said once for all traces."""

    layers: tuple[int, ...] | None = None
    """Layer indices; None takes all."""
    rows: tuple[int, ...] | None = None
    """Row numbers within each tensor; None takes all."""
    max_rows: int | None = None
    """At most so many rows a trace, spread evenly over it; None is without limit."""

    def of(self, trace: Trace) -> Picked:
        """The rows of a trace.

        Raises:
            UsageError: a layer or a row that the trace has not got.
        """
        layers = trace.check_layers(self.layers)
        counts = [int(np.prod(trace.shapes[layer][:3])) for layer in layers]
        if self.rows is not None:
            last = max(self.rows)
            for layer, count in zip(layers, counts, strict=True):
                if last >= count:
                    raise UsageError(
                        f"{trace.path}: layer.{layer}.scores has no row {last}; "
                        f"its rows are 0 to {count - 1}"
                    )
            return dict.fromkeys(layers, np.unique(np.asarray(self.rows, dtype=np.int64)))
        total = sum(counts)
        kept = total if self.max_rows is None else min(total, self.max_rows)
        spread = np.arange(kept, dtype=np.int64) * total // kept
        ends = np.cumsum(counts)
        parts = np.split(spread, np.searchsorted(spread, ends[:-1]))
        starts = ends - counts
        return {
            layer: part - start for layer, part, start in zip(layers, parts, starts, strict=True)
        }


def slices(picked: npt.NDArray[np.int64], length: int) -> Iterator[npt.NDArray[np.int64]]:
    """Cut row numbers into runs of bounded size; ``length`` is the rows' length in elements."""
    step = max(1, SLICE // length)
    for start in range(0, len(picked), step):
        yield picked[start : start + step]
