"""Float64 softmax of rows and how far outputs are from it, in one pass a row.

Sums are added up in another order than numpy's, and ``exp`` and ``log`` are our own, good to a few
units in the last place: figures differ from those of :mod:`.golden.metrics` by less than 1e-13, as
probabilities or nats, or of themselves where they are above 1. What is the largest element is the
same, unless two float64 scores lie less than 1e-15 apart.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from softmax_cosim.compiled.library import call
from softmax_cosim.golden.metrics import RowErrors

__all__ = ["Scores", "errors_of"]

Floats = npt.NDArray[np.float64]

_TYPES = tuple(map(np.dtype, ("float16", "float32", "float64", "int32")))
_FIGURES = ("max_abs", "l1", "kl", "row_sum")


@dataclass(frozen=True)
class Scores:
    """What outputs are held to the softmax of."""

    values: npt.NDArray[Any]
    """float16, float32, float64 or int32, any shape, contiguous."""
    at: npt.NDArray[np.int64]
    """Place among them of each row's first element, shape [rows]."""
    scale: float = 1.0
    """Of a score."""


class _Errors(ctypes.Structure):
    """``Errors`` of ``elements.cpp``."""

    _fields_ = tuple((name, ctypes.c_void_p) for name in ("kept", *_FIGURES, "top1"))


class _Reference(ctypes.Structure):
    """``Reference`` of ``elements.cpp``."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("scores", "at")),
        ("scale", ctypes.c_double),
        ("type", ctypes.c_int64),
        ("found", _Errors),
    )


def errors_of(
    references: Sequence[Scores],
    output: Floats | npt.NDArray[np.uint16],
    keep: npt.NDArray[np.bool_],
    offsets: npt.NDArray[np.int64],
    lsb: Floats,
) -> list[RowErrors]:
    """As :func:`.golden.metrics.row_errors`, against the softmax of each of several scores.

    Args:
        references: the scores.
        output: probabilities, or uint16 in steps of ``lsb``, shape [elements].
        keep: true where an element takes part, shape [elements].
        offsets: start of each row and end of the last, shape [rows + 1].
        lsb: size of an output's LSB as probability, shape [rows].
    """
    rows, given, found = len(lsb), [], []
    for scores in references:
        if not scores.values.flags.c_contiguous or not scores.at.flags.c_contiguous:
            raise TypeError("an array is not contiguous")
        kept, top1 = np.empty(rows, np.int64), np.empty(rows, np.uint8)
        figures = np.empty((len(_FIGURES), rows))
        places = _Errors(*(array.ctypes.data for array in (kept, *figures, top1)))
        addresses = scores.values.ctypes.data, scores.at.ctypes.data
        kind = _TYPES.index(scores.values.dtype)
        given.append(_Reference(*addresses, scores.scale, kind, places))
        found.append((kept, *figures, top1))
    array = (_Reference * len(given))(*given)
    outputs = (None, output) if output.dtype == np.uint16 else (output, None)
    call("errors", *outputs, keep, offsets, rows, lsb, array, len(given))
    return [
        RowErrors(kept, max_abs, max_abs / lsb, l1, l1 / lsb, kl, row_sum, top1)
        for kept, max_abs, l1, kl, row_sum, top1 in found
    ]
