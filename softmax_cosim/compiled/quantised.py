"""Rows of a layer as the hardware takes them, read and quantised in one pass."""

from __future__ import annotations

import ctypes
import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from softmax_cosim.compiled.library import Confirmed, call
from softmax_cosim.configs import Config
from softmax_cosim.configs.numbers import Fixed
from softmax_cosim.golden.quantise import LOWEST, Clipping, quantise
from softmax_cosim.golden.rows import Rows
from softmax_cosim.trace import Layer

__all__ = ["Extremes", "quantised"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Extremes:
    """Of each row the highest and the lowest code that takes part; shape [rows].

    Where none does, the highest is the lowest there is, and the other way round.
    """

    top: npt.NDArray[np.int32]
    bottom: npt.NDArray[np.int32]


class _Quantiser(ctypes.Structure):
    """``Quantiser`` of ``elements.cpp``."""

    _fields_ = (
        *((name, ctypes.c_double) for name in ("unit", "low", "high", "top_at", "own")),
        ("masks", ctypes.c_double * 3),
        ("recentre", ctypes.c_int32),
    )


def quantised(
    cfg: Config, layer: Layer, picked: Ints, name: str
) -> tuple[Rows, Ints, Clipping, Extremes]:
    """As :meth:`.trace.Layer.flatten` and :func:`.golden.quantise.quantise` of these rows.

    Rows of which a score is clipped are looked at by the latter, and some of some batches.

    Args:
        cfg: whose input format is fixed point.
        layer: as read from a trace, its scores contiguous.
        picked: numbers of rows.
        name: what an error calls the scores.

    Returns:
        The rows, how many elements take part in each, what was clipped, and the codes' extremes.

    Raises:
        UsageError: NaN or +inf among the scores.
        RuntimeError: the two differ.
    """
    form, scores = cfg.inputs, layer.scores
    assert isinstance(form, Fixed)
    count, length = len(picked), scores.shape[-1]
    own = float(np.finfo(scores.dtype).min)
    masks = [lowest for lowest in LOWEST if lowest > own]
    how = _Quantiser(
        form.one / cfg.scale,
        form.lowest,
        form.highest,
        form.highest,
        own,
        (*masks, *[math.nan] * (3 - len(masks))),
        cfg.recentre,
    )
    told: tuple[Any, ...] = None, None, 0
    if layer.mask is not None:
        mask = np.broadcast_to(layer.mask, scores.shape)
        *strides, step = mask.strides
        mask_at = np.zeros(count, np.int64)
        for place, stride in zip(layer.places(picked), strides, strict=True):
            if stride:
                mask_at += place * stride
        told = ctypes.c_void_p(mask.ctypes.data), mask_at, step
    q, keep = np.empty(count * length, np.int32), np.empty(count * length, np.bool_)
    kept, held = np.empty(count, np.int64), np.empty(count, np.bool_)
    extremes = Extremes(np.empty(count, np.int32), np.empty(count, np.int32))
    numbers = call(
        f"quantise_{scores.dtype.name}",
        *(scores, layer.starts(picked), count, length, *told),
        *(ctypes.byref(how), q, keep, kept, extremes.top, extremes.bottom, held),
    )
    rows = Rows(q, keep, np.arange(count + 1, dtype=np.int64) * length)
    clipping = Clipping(int(kept.sum()))
    if held.any() or not numbers:
        flat = layer.flatten(picked[held] if numbers else picked)
        found = quantise(flat.scores, flat.keep, cfg, name=name).clipping
        clipping = Clipping(clipping.scores, found.clipped, found.underflow, found.moved)
    _confirm(cfg, layer, picked, rows)
    return rows, kept, clipping, extremes


@functools.cache
def _confirmed(cfg: Config, dtype: str) -> Confirmed:
    return Confirmed()


def _confirm(cfg: Config, layer: Layer, picked: Ints, rows: Rows) -> None:
    some = _confirmed(cfg, layer.scores.dtype.name).of(len(picked), len(rows.q))
    if some.start == some.stop:
        return
    flat = layer.flatten(picked[some])
    codes = quantise(flat.scores, flat.keep, cfg)
    part = rows.slice(some.start, some.stop)
    equal = np.array_equal(part.keep, codes.keep.reshape(-1))
    if not equal or not np.array_equal(part.q[part.keep], codes.q.reshape(-1)[part.keep]):
        raise RuntimeError(f"{cfg.name}: the compiled quantiser differs from the golden one")
