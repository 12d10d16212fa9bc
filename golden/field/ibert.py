"""I-BERT's integer softmax: a quadratic for ``e^x`` within an octave, a division a row.

Kim et al., "I-BERT: Integer-only BERT Quantization", arXiv 2101.01321, algorithms 3 and 4::

    e^x = 2^-n * e^p,  p in (-ln 2, 0],  e^p = 0.3585 (p + 1.353)^2 + 0.344

Its coefficients are those of the authors' code, of 8 digits (0.35815147 p^2 + 0.96963238 p + 1).

Chosen here: the scale of a score, which theirs is calibrated, is the step of the input format; the
exponents are brought to 16 bits by the multiplier that takes the largest possible, ``e^0``, to
32767, which is what their calibration finds on any row; it has 31 bits, or as many as fit 62.
"""

from __future__ import annotations

import math

import numpy as np

from softmax_cosim.configs import Config
from softmax_cosim.golden.field.common import (
    About,
    Ints,
    distance,
    method,
    step,
    total,
    unit,
)
from softmax_cosim.golden.rows import Rows

__all__ = ["ABOUT", "exponent", "softmax"]

ABOUT = About("I-BERT", "arXiv 2101.01321", multipliers=2, dividers=0, passes=3)

_A, _B, _C = 0.35815147, 0.96963238, 1.0
_LN2 = 0.6931
#: Octaves below the maximum that are told apart.
OCTAVES = 30


def exponent(cfg: Config, d: Ints) -> tuple[Ints, Ints, int]:
    """``e^-d`` as ``z * 2^-n``: z, n, and the z of distance 0.

    ``z`` is in units of ``a * S^2`` for the step S of a score.
    """
    s = step(cfg)
    octave = math.ceil(_LN2 / s)
    b, c = math.floor(_B / _A / s), math.floor(_C / _A / s**2)
    d = np.minimum(d, OCTAVES * octave)
    n = d // octave
    r = d - n * octave
    return c - r * (b - r), n, c


@method
def softmax(cfg: Config, rows: Rows) -> Ints:
    """Fixed point of ``unit`` fraction bits, [elements]."""
    z, n, c = exponent(cfg, distance(rows))
    mantissa, power = math.frexp(32767 / c)
    bits = min(31, 62 - c.bit_length())
    shift = np.minimum(bits - power + n, 62)
    terms = (z * round(mantissa * 2**bits) + (np.int64(1) << shift - 1)) >> shift
    factor = (1 << 32) // total(rows, terms)
    y: Ints = terms * np.repeat(factor, rows.lengths) >> 32 - unit(cfg)
    return y
