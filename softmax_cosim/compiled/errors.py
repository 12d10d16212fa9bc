"""Float64 softmax of rows and how far outputs are from it, in one pass a row.

Sums are added up in another order than numpy's, and ``exp`` and ``log`` are our own, good to a few
units in the last place: figures differ from those of :mod:`.golden.metrics` by less than 1e-13, as
probabilities or nats, or of themselves where they are above 1. What is the largest element is the
same, unless two float64 scores lie less than 1e-15 apart.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

from softmax_cosim.compiled.library import call
from softmax_cosim.golden.metrics import RowErrors

__all__ = ["errors_of"]

Floats = npt.NDArray[np.float64]


class _Errors(ctypes.Structure):
    """``Errors`` of ``elements.cpp``."""

    _fields_ = tuple(
        (name, ctypes.c_void_p) for name in ("kept", "max_abs", "l1", "kl", "row_sum", "top1")
    )


def errors_of(
    scores: npt.NDArray[Any],
    at: npt.NDArray[np.int64],
    output: Floats,
    keep: npt.NDArray[np.bool_],
    offsets: npt.NDArray[np.int64],
    lsb: Floats,
    *,
    scale: float = 1.0,
) -> RowErrors:
    """As :func:`.golden.metrics.row_errors` against the softmax of ``scale * scores``.

    Args:
        scores: float16, float32, float64 or int32, any shape, contiguous.
        at: place in ``scores`` of each row's first element, shape [rows].
        output: probabilities, shape [elements].
        keep: true where an element takes part, shape [elements].
        offsets: start of each row and end of the last, shape [rows + 1].
        lsb: size of an output's LSB as probability, shape [rows].
        scale: of a score.
    """
    rows = len(at)
    kept, top1 = np.empty(rows, np.int64), np.empty(rows, np.uint8)
    max_abs, l1, kl, row_sum = np.empty((4, rows))
    arrays = (kept, max_abs, l1, kl, row_sum, top1)
    found = _Errors(*(array.ctypes.data for array in arrays))
    call(
        f"errors_{scores.dtype.name}",
        *(scores, at, scale, output, keep, offsets, rows, lsb, ctypes.byref(found)),
    )
    return RowErrors(kept, max_abs, max_abs / lsb, l1, l1 / lsb, kl, row_sum, top1)
