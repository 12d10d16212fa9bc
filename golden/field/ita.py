"""ITA's streaming softmax: shifts for powers of two, a running maximum, a division a row.

Islamaj et al., "ITA: An Energy-Efficient Attention and Softmax Accelerator for Quantized
Transformers", arXiv 2307.03493, section IV. Scores are in octaves, and every exponent is a shift by
the rounded distance; sixteen scores come in at a time, and the sum is shifted when the maximum
rises::

    S <- (S >> round(max - old max)) + sum(2^8 >> round(max - q))
    y = floor((2^8 - 1) * 2^8 / S) >> round(max - q)

Chosen here: more fraction bits of a score than theirs round the same way, half up; masks, which it
does not have, leave an element out of maximum and sum; at other output widths w the two 8s are w.
"""

from __future__ import annotations

import numpy as np

from softmax_cosim.configs import Config
from softmax_cosim.golden.field.common import About, Array, Ints, beats, distance, frac, method
from softmax_cosim.golden.rows import Rows

__all__ = ["ABOUT", "LANES", "softmax"]

ABOUT = About("ITA", "arXiv 2307.03493", multipliers=0, dividers=0, passes=2)

#: Scores that come in at a time, but where a design with RTL says so itself.
LANES = 16
_FAR = 1 << 40


@method
def softmax(cfg: Config, rows: Rows) -> Array:
    """Codes of which the largest is 1.0, [elements]."""
    f, w = frac(cfg), cfg.w
    half = (1 << f) >> 1

    def octaves(d: Ints) -> Ints:
        rounded: Ints = np.minimum((d + half) >> f, 62)
        return rounded

    d = distance(rows)
    lanes = cfg.lanes if cfg.design and cfg.design.rtl else LANES
    incoming = beats(rows, d, lanes, _FAR)
    top = np.full(len(rows), _FAR, np.int64)
    total = np.zeros(len(rows), np.int64)
    for beat in incoming.swapaxes(0, 1):
        now = np.minimum(top, beat.min(axis=1))
        # Nothing has come in yet where the sum is 0: there is nothing to shift.
        total >>= octaves(np.where(total > 0, top - now, 0))
        terms = np.int64(1 << w) >> octaves(beat - now[:, None])
        total += np.where(beat < _FAR, terms, 0).sum(axis=1)
        top = now
    inverse = ((1 << w) - 1 << w) // np.maximum(total, 1)
    return np.repeat(inverse, rows.lengths) >> octaves(d)
