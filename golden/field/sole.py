"""SOLE's E2Softmax: exponents of whole octaves in 4 bits, and a division by shifts.

Wang et al., "SOLE: Hardware-Software Co-design of Softmax and LayerNorm for Efficient Transformer
Inference", ICCAD 2023, section III::

    k = round((max - x) log2(e)),  0 .. 15,  log2(e) = 1 + 1/2 - 1/16
    y = 2^-(k + n) (0.818 if s < 1/2 else 0.568),  sum of 2^-k = 2^n (1 + s)

A slice of a row comes in at a time; sum and exponents are shifted when the maximum has risen.

Chosen here: slices of 32; the log2 is rounded to nearest, half up (either way alone made it worse;
exponents of two slices may be out of order by one); a sum of 15 fraction bits, which holds every
``2^-k``; the two factors rounded to the output's format, and shifts cut off.
"""

from __future__ import annotations

import numpy as np

from softmax_cosim.configs import Config
from softmax_cosim.golden.field.common import (
    About,
    Ints,
    beats,
    flat,
    frac,
    method,
    unit,
)
from softmax_cosim.golden.rows import Rows

__all__ = ["ABOUT", "LANES", "softmax"]

ABOUT = About("SOLE", "ICCAD 2023", multipliers=0, dividers=0, passes=2)

#: Scores that come in at a time.
LANES = 32
_MOST = 15
_FACTORS = 0.818, 0.568


@method
def softmax(cfg: Config, rows: Rows) -> Ints:
    """Fixed point of ``unit`` fraction bits, [elements]."""
    f = frac(cfg)
    half = (1 << f) >> 1
    lowest = cfg.inputs.lowest

    def octaves(d: Ints) -> Ints:
        found: Ints = np.minimum((d + (d >> 1) - (d >> 4) + half) >> f, _MOST)
        return found

    q = rows.q.astype(np.int64)
    incoming = beats(rows, q, LANES, lowest)
    inside = beats(rows, np.ones(len(q), np.int64), LANES, 0)
    top = np.full(len(rows), lowest, np.int64)
    total = np.zeros(len(rows), np.int64)
    k, tops = np.empty_like(incoming), np.empty(incoming.shape[:2], np.int64)
    for i, beat in enumerate(incoming.swapaxes(0, 1)):
        now = np.maximum(top, beat.max(axis=1))
        k[:, i], tops[:, i] = octaves(now[:, None] - beat), now
        terms = (np.int64(1) << _MOST >> k[:, i]) * inside[:, i]
        total = (total >> octaves(now - top)) + terms.sum(axis=1)
        top = now
    total = np.maximum(total, 1)
    n = np.frexp(total)[1].astype(np.int64) - 1
    more = 2 * (total - (np.int64(1) << n)) >= np.int64(1) << n
    low, high = (round(factor * 2 ** unit(cfg)) for factor in _FACTORS)
    k += octaves(top[:, None] - tops)[:, :, None]
    shift = k + (n - _MOST)[:, None, None]
    return flat(rows, np.where(more, high, low)[:, None, None] >> np.maximum(shift, 0))
