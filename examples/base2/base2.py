"""Golden function of ``base2_softmax``, one line of it a function."""

import numpy as np

from softmax_cosim.configs import Config
from softmax_cosim.golden.rows import Rows


def power(distance: np.ndarray) -> np.ndarray:
    """UQ1.8 of a distance UQ.4: a line within each octave."""
    return (256 - ((distance & 15) << 3)) >> np.minimum(distance >> 4, 63)


def log2(total: np.ndarray) -> np.ndarray:
    """UQ.4 of a sum UQ.8 that is 1.0 at least: a line within each octave."""
    k = np.frexp(total)[1] - 1
    return ((k - 8) << 4) | ((total >> (k - 4)) & 15)


def softmax(cfg: Config, rows: Rows) -> np.ndarray:
    """UQ0.8, shape [elements]."""
    starts, lengths = rows.offsets[:-1], rows.lengths
    q = rows.q.astype(np.int64)
    distance = np.repeat(np.maximum.reduceat(q, starts), lengths) - q
    total = np.add.reduceat(power(distance), starts)
    return np.minimum(power(distance + np.repeat(log2(total), lengths)), 255)
