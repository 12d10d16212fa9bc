"""I-ViT's Shiftmax: ``e^x`` by shifts and additions, a division a row.

Li & Gu, "I-ViT: Integer-only Quantization for Efficient Vision Transformer Inference", arXiv
2207.01405, section 3.4::

    e^x = 2^(x log2(e)),  x log2(e) = x + (x >> 1) - (x >> 4)
    2^(-n - f) = (1 - f / 2) >> n,  f in [0, 1)

Chosen here: the scale of a score is the step of the input format; the octaves that are told apart,
their N, are 15 at the 4 fraction bits of their 8-bit scores and one less with each bit more, so
that the 32-bit sum holds as much (15 always made it worse).
"""

from __future__ import annotations

import math

import numpy as np

from softmax_cosim.configs import Config
from softmax_cosim.golden.field.common import About, Ints, distance, method, step, total, unit
from softmax_cosim.golden.rows import Rows

__all__ = ["ABOUT", "softmax"]

ABOUT = About("I-ViT", "arXiv 2207.01405", multipliers=1, dividers=0, passes=3)

#: Of the sum, and of the reciprocal.
_MOST = (1 << 31) - 1


@method
def softmax(cfg: Config, rows: Rows) -> Ints:
    """Fixed point of ``unit`` fraction bits, [elements]."""
    octave = math.ceil(1 / step(cfg))
    n = max(1, 19 - (octave - 1).bit_length())
    x = -distance(rows)
    x = np.maximum(x + (x >> 1) - (x >> 4), -n * octave)
    below = -x // octave
    terms = (x + (below + 2) * octave) << n - below >> 1
    factor = _MOST // np.minimum(total(rows, terms), _MOST)
    y: Ints = terms * np.repeat(factor, rows.lengths) >> 31 - unit(cfg)
    return y
