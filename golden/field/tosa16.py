"""TOSA's softmax of 16-bit scores: two interpolated tables; TensorFlow Lite's and CMSIS-NN's too.

``legalize_common.cc`` of TensorFlow's TOSA dialect; no paper of its own. Tables of 513 entries of
16 bits: ``e^x`` over [-10, 0], and ``1 / (1 + x)`` over [0, 1].

Chosen here: the scale of a score is the step of the input format; outputs of 15 fraction bits are
rounded to the output's, half up. Entries are those of ``gen_lut`` of TensorFlow Lite in float64;
two of CMSIS-NN's differ by one.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from softmax_cosim.configs import Config
from softmax_cosim.golden.field import tflite
from softmax_cosim.golden.field.common import (
    About,
    Array,
    Ints,
    distance,
    half_up,
    method,
    step,
    total,
    unit,
)
from softmax_cosim.golden.rows import Rows

__all__ = ["ABOUT", "softmax", "table"]

ABOUT = About("TOSA int16", "``legalize_common.cc``", multipliers=2, dividers=0, passes=3)


def table(function: Callable[[Array], Array], low: float, high: float) -> Ints:
    """513 entries in Q0.15, shifted so that half of what a chord misses is on either side."""

    def rounded(x: Array) -> Array:
        return np.copysign(np.floor(np.abs(x) + 0.5), x)

    at = low + np.arange(513) * ((high - low) / 512)
    values = function(at) * 32768.0
    ends = rounded(values)
    middle = rounded((values[1:] + ends[:-1]) / 2)
    off = middle - rounded(function(at[:-1] + (high - low) / 1024) * 32768.0)
    ends[:-1] -= rounded(off / 2)
    return np.clip(ends, -32768, 32767).astype(np.int64)


_EXP = table(np.exp, -10.0, 0.0)
_INVERSE = table(lambda x: 1 / (1 + x), 0.0, 1.0)


def _look_up(entries: Ints, x: Ints) -> Ints:
    """Between entries, Q0.15, of x of 16 bits with a sign."""
    at = (x >> 7) + 256
    return half_up((entries[at] << 7) + (entries[at + 1] - entries[at]) * (x & 0x7F), 7)


@method
def softmax(cfg: Config, rows: Rows) -> Ints:
    """Fixed point of ``unit`` fraction bits, [elements]."""
    mantissa, power = math.frexp(step(cfg) / (10.0 / 65535.0))
    multiplier, shift = round(mantissa * 2**31), 31 - power
    scaled = -distance(rows) * multiplier + (1 << shift - 1)
    if shift > 31:  # rounded twice
        scaled = np.where(scaled >= 0, scaled + (1 << 30), scaled - (1 << 30))
    terms = _look_up(_EXP, np.clip((scaled >> shift) + 32767, -32768, 32767))
    sums = total(rows, terms)
    zeros = tflite.zeros(sums)
    x = half_up((sums << zeros - 1) - (1 << 30), 14) - 32768
    inverse = _look_up(_INVERSE, np.minimum(x, 32767))
    product = terms * np.repeat(inverse, rows.lengths)
    y = half_up(product, np.repeat(31 - zeros, rows.lengths))
    return np.minimum(half_up(y, 15 - unit(cfg)), cfg.outputs.highest)
