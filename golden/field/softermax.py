"""Softermax: base 2, lines within an octave, a running maximum of whole octaves.

Stevens et al., "Softermax: Hardware/Software Co-Design of an Efficient Softmax for Transformers",
arXiv 2103.09301, section IV and table I::

    score Q(6,2)   maximum, rounded up Q(6,2)   2^x Q(1,15)   sum Q(10,6)   1/sum Q(1,7)   y Q(1,7)

``2^x`` and ``1/x`` are four lines an octave. A slice of a row comes in at a time; its terms are
relative to the maximum so far, and sum and terms are shifted when that has risen.

Chosen here: slices of 16; lines between the exact values at the ends of their segments, rounded to
the table's format; every width is cut down to, the sum's at the end of a slice (rounding that alone
made it worse); a sum that does not fit stays at its largest value.
"""

from __future__ import annotations

import numpy as np

from softmax_cosim.configs import Config
from softmax_cosim.golden.field.common import (
    About,
    Array,
    Ints,
    beats,
    flat,
    frac,
    method,
    unit,
)
from softmax_cosim.golden.rows import Rows

__all__ = ["ABOUT", "LANES", "softmax"]

ABOUT = About("Softermax", "arXiv 2103.09301", multipliers=2, dividers=0, passes=2)

#: Scores that come in at a time.
LANES = 16
_SEGMENTS = 4
_TERM, _SUM, _INVERSE = 15, 6, 7
_MOST = (1 << 16) - 1
_ENDS = np.arange(_SEGMENTS + 1) / _SEGMENTS
_POWER = np.rint(2**_ENDS * 2**_TERM).astype(np.int64)
_RECIPROCAL = np.rint(2**_INVERSE / (1 + _ENDS)).astype(np.int64)


def _lines(ends: Ints, x: Ints, bits: Array | int) -> Ints:
    """Between the ends of four segments; ``x`` of ``bits`` fraction bits is within [0, 1)."""
    x = x << 2
    segment = x >> bits
    found: Ints = ends[segment] + (
        (ends[segment + 1] - ends[segment]) * (x - (segment << bits)) >> bits
    )
    return found


@method
def softmax(cfg: Config, rows: Rows) -> Ints:
    """Fixed point of ``unit`` fraction bits, [elements]."""
    f = frac(cfg)
    lowest = cfg.inputs.lowest
    q = rows.q.astype(np.int64)
    incoming = beats(rows, q, LANES, lowest)
    inside = beats(rows, np.ones(len(q), np.int64), LANES, 0)
    top = np.full(len(rows), lowest >> f, np.int64)
    total = np.zeros(len(rows), np.int64)
    terms, tops = np.empty_like(incoming), np.empty(incoming.shape[:2], np.int64)
    for i, beat in enumerate(incoming.swapaxes(0, 1)):
        now = np.maximum(top, (beat.max(axis=1) + (1 << f) - 1) >> f)
        x = beat - (now << f)[:, None]
        octave = x >> f
        power = _lines(_POWER, x - (octave << f), f) >> np.minimum(-octave, 62)
        terms[:, i], tops[:, i] = power * inside[:, i], now
        total = (total >> np.minimum(now - top, 62)) + (terms[:, i].sum(axis=1) >> _TERM - _SUM)
        total = np.minimum(total, _MOST)
        top = now
    total = np.maximum(total, 1)
    e = np.frexp(total)[1].astype(np.int64) - 1
    inverse = _lines(_RECIPROCAL, total - (np.int64(1) << e), e)
    terms >>= np.minimum(top[:, None] - tops, 62)[:, :, None]
    shift = _TERM + _INVERSE - unit(cfg) + e - _SUM
    y = terms * inverse[:, None, None] >> shift[:, None, None]
    return np.minimum(flat(rows, y), cfg.outputs.highest)
