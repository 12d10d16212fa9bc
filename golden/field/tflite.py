"""TensorFlow Lite's softmax of 8-bit scores, by gemmlowp's fixed point; CMSIS-NN's is the same.

gemmlowp ``fixedpoint.h`` and the reference kernel ``softmax.h`` of TensorFlow Lite; no paper of
its own. ``e^x`` of Q5.26 is a polynomial of fourth degree within a quarter, times a constant for
each bit above it; ``1/x`` is three steps of Newton and Raphson. The sum is Q12.19.

Chosen here: beta is 1, and the scale of a score the step of the input format. A row whose sum comes
to 512 or more asks the 8-bit kernel for a shift by more than 31, which C leaves undefined; here it
is that shift. The sum is taken as unsigned, so that 4,096 equal scores fit.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from softmax_cosim.configs import Config
from softmax_cosim.golden.field.common import About, Ints, distance, method, step, total, unit
from softmax_cosim.golden.rows import Rows

__all__ = ["ABOUT", "FIRST", "exponent", "mul", "scaled", "shift_round", "softmax", "zeros"]

ABOUT = About("TFLite int8", "gemmlowp ``fixedpoint.h``", multipliers=4, dividers=0, passes=3)

_MAX = (1 << 31) - 1
_INTEGER = 5
"""Bits of a distance before the point."""
#: ``e^-(2^i)`` in Q0.31, i = -2 .. 4.
_STEPS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
_E_EIGHTH, _THIRD = 1895147668, 715827883
#: ``48/17`` and ``-32/17`` in Q2.29: the line with which a reciprocal begins.
FIRST = 1515870810, -1010580540


def mul(a: Ints, b: Ints | int) -> Ints:
    """``a * b * 2^-31`` to nearest, half away from 0: the product of Q0.31."""
    product = a * b
    nudged: Ints = np.abs(product) + (1 << 30) >> 31
    return np.minimum(np.where(product < 0, -nudged, nudged), _MAX)


def shift_round(x: Ints, by: Ints | int) -> Ints:
    """``x * 2^-by`` to nearest, half away from 0."""
    size: Ints = np.abs(x) + (np.int64(1) << by >> 1) >> by
    return np.where(x < 0, -size, size)


def scaled(cfg: Config, d: Ints) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Minus a distance in Q5.26, and where it is within the range that the kernel computes."""
    real = min(step(cfg) * 2.0 ** (31 - _INTEGER), _MAX)
    mantissa, left = math.frexp(real)
    multiplier = round(mantissa * 2**31)
    if multiplier == 1 << 31:
        multiplier, left = multiplier >> 1, left + 1
    radius = math.floor(((1 << _INTEGER) - 1) * 2.0 ** (31 - _INTEGER) / 2.0**left)
    near = d <= radius
    return mul(-np.where(near, d, 0) << left, multiplier), near


def exponent(x: Ints) -> Ints:
    """``e^x`` in Q0.31 of x <= 0 in Q5.26."""
    quarter = 1 << 24
    within = (x & quarter - 1) - quarter
    rest = within - x
    f = (within << _INTEGER) + (1 << 28)
    f2 = mul(f, f)
    poly = mul(shift_round(mul(f2, f2), 2) + mul(f2, f), _THIRD) + f2
    found = _E_EIGHTH + mul(f + shift_round(poly, 1), _E_EIGHTH)
    for bit, factor in enumerate(_STEPS):
        found = np.where(rest & quarter << bit, mul(found, factor), found)
    return np.where(x == 0, _MAX, found)


def zeros(x: Ints) -> Ints:
    """Leading zeros of 32 bits."""
    found: Ints = 32 - np.frexp(x)[1].astype(np.int64)
    return found


def _reciprocal(x: Ints) -> Ints:
    """``1 / (1 + x)`` in Q0.31 of x in Q0.31."""
    half = x + _MAX + 1 >> 1
    y = FIRST[0] + mul(half, FIRST[1])
    for _ in range(3):
        y = y + np.clip(mul(y, (1 << 29) - mul(half, y)) << 2, -_MAX - 1, _MAX)
    found: Ints = np.minimum(y << 1, _MAX)
    return found


@method
def softmax(cfg: Config, rows: Rows) -> Ints:
    """Fixed point of ``unit`` fraction bits, [elements]."""
    x, near = scaled(cfg, distance(rows))
    terms = np.where(near, exponent(x), 0)
    sums = total(rows, shift_round(terms, 12))
    headroom = zeros(sums)
    inverse = np.repeat(_reciprocal((sums << headroom) - (1 << 31)), rows.lengths)
    shift = np.repeat(12 - headroom, rows.lengths) + 31 - unit(cfg)
    return np.minimum(shift_round(mul(inverse, terms), shift), cfg.outputs.highest)
