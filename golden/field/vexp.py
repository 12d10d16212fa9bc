"""VEXP's softmax in bfloat16: Schraudolph's exponent with a corrected mantissa.

Wang et al., "VEXP: A Low-Cost RISC-V ISA Extension for Accelerated Softmax Computation in
Transformers", arXiv 2504.11227; the exponent is that of SoftEx (Belano et al., arXiv 2412.06321).
A score times ``log2(e)`` of 14 fraction bits, in 7 fraction bits, are exponent and mantissa of the
power; the mantissa f is then corrected by a parabola in each half, with 4-bit factors::

    f < 1/2:  f (f + 2.836) / 4        f >= 1/2:  1 - (1 - f) (f + 2.172) 7/16

Chosen here: the constants are those of SoftEx's hardware. The sum is the exact one, rounded to
fp32, which no order of additions gives for certain; its reciprocal is rounded to bfloat16, as is
every difference and product, ties to even. Scores of another format are rounded to bfloat16 first.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from softmax_cosim.configs import Config
from softmax_cosim.configs.numbers import parse
from softmax_cosim.golden.field.common import About, Ints, method, total
from softmax_cosim.golden.rows import Rows

__all__ = ["ABOUT", "exponent", "softmax"]

ABOUT = About("VEXP", "arXiv 2504.11227", multipliers=2, dividers=0, passes=3)

Reals = npt.NDArray[np.float64]
_BF16 = parse("bf16", "format")
_BIAS, _MANTISSA = 127, 7
_LOG2E = 23637  # Q1.14
#: Beyond this exponent of a score its power has none.
_LAST = _BIAS + 6
_ALPHA, _BETA = 4, 7  # Q.4
_GAMMA = 363, 278  # Q.7


def exponent(pattern: Ints) -> Ints:
    """bfloat16 patterns of ``e^x`` of patterns that are not positive."""
    e, m = pattern >> _MANTISSA & 0xFF, pattern & 0x7F | 0x80
    product = m * _LOG2E
    steps = (product >> 7) >> np.clip(_LAST - e, 0, 62)
    steps = (steps >> 1) + (steps & 1)
    power = (_BIAS << _MANTISSA) - steps
    f = power & 0x7F
    low = (2 * f * _ALPHA * (f + _GAMMA[0])) >> 12
    high = ~(((~(2 * f) & 0x7F) * _BETA * (f + _GAMMA[1])) >> 12) & 0x7F
    corrected = (power & ~0x7F) | np.where(f & 0x40, high, low)
    found: Ints = np.where((e > _LAST) | (power < 1 << _MANTISSA), 0, corrected)
    return found


def _round(x: Reals) -> Reals:
    return _BF16.decode(_BF16.encode(x))


@method
def softmax(cfg: Config, rows: Rows) -> Reals:
    """Probabilities in bfloat16, [elements]."""
    scores = np.where(rows.keep, _round(cfg.scores(rows.q)), -np.inf)
    top = np.repeat(np.maximum.reduceat(scores, rows.offsets[:-1]), rows.lengths)
    below = _BF16.encode(np.where(rows.keep, scores - np.where(rows.keep, top, 0), 0))
    terms = _BF16.decode(exponent(below & 0x7FFF))
    inverse = _round((1 / total(rows, terms).astype(np.float32)).astype(np.float64))
    return _round(terms * np.repeat(inverse, rows.lengths))
