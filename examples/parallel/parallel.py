"""Golden function of ``parallel_softmax``."""

import numpy as np

from softmax_cosim.configs import Config
from softmax_cosim.golden.rows import Rows

#: UQ1.15: 2^(-f/16), and 1 / (1 + (g + 1/2)/16).
POWER = np.floor(32768 * 2.0 ** (-np.arange(16) / 16) + 0.5).astype(np.int64)
RECIPROCAL = np.floor(32768 / (1 + (np.arange(16) + 0.5) / 16) + 0.5).astype(np.int64)


def exponential(distance: np.ndarray) -> np.ndarray:
    """``e**-distance`` in UQ1.15, of a distance UQ.4."""
    octaves = (distance * 185) >> 7
    return POWER[octaves & 15] >> np.minimum(octaves >> 4, 63)


def softmax(cfg: Config, rows: Rows) -> np.ndarray:
    """UQ1.15, shape [elements]."""
    starts, lengths = rows.offsets[:-1], rows.lengths
    q = rows.q.astype(np.int64)
    powers = exponential(np.repeat(np.maximum.reduceat(q, starts), lengths) - q)
    total = np.add.reduceat(powers, starts)
    shift = np.frexp(total)[1] - 16
    factor = RECIPROCAL[(total >> shift) >> 11 & 15]
    return (powers * np.repeat(factor, lengths)) >> 15 >> np.repeat(shift, lengths)
