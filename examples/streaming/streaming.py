"""Golden function of ``streaming_softmax``: the online form, element by element."""

import numpy as np

from softmax_cosim.configs import Config
from softmax_cosim.golden.rows import Rows


def power(d: np.ndarray) -> np.ndarray:
    """UQ1.12 of ``2**-d``, d in UQ.4: a line within each octave."""
    return (4096 - ((d & 15) << 7)) >> np.minimum(d >> 4, 63)


def log2(total: np.ndarray) -> np.ndarray:
    """UQ.4 of a sum UQ.12 that is above a half: a line within each octave."""
    k = np.frexp(total)[1] - 1
    return ((k - 12) << 4) | ((total >> (k - 4)) & 15)


def softmax(cfg: Config, rows: Rows) -> np.ndarray:
    """Patterns of fp16, shape [elements]."""
    octaves = (rows.q.astype(np.int64).reshape(-1, cfg.length) * 185) >> 7
    ceiling = (octaves + 15) >> 4
    top, total = ceiling[:, 0], np.zeros(len(octaves), np.int64)
    for x, high in zip(octaves.T, ceiling.T, strict=True):
        before, top = top, np.maximum(top, high)
        total = (total >> (top - before)) + power((top << 4) - x)
    below = ((top << 4) + log2(total))[:, None] - octaves
    return np.where(below < 15 << 4, 0x3C00 - (below << 6), 0).reshape(-1)
