"""Log-softmax: as ``log_softmax`` computes it, and exactly."""

import numpy as np

from softmax_cosim.configs import Config
from softmax_cosim.golden.rows import Rows

LOWEST = -(2**15)


def bow(v: np.ndarray) -> np.ndarray:
    """``v * (1 - v)`` in UQ.16, of v in UQ.8."""
    return v * (256 - v)


def power(d: np.ndarray) -> np.ndarray:
    """``e**-d`` in UQ1.16, d in UQ8.8."""
    octaves = (d * 369) >> 8
    f = octaves & 255
    return (65536 - (f << 7) - ((bow(f) * 11) >> 6)) >> np.minimum(octaves >> 8, 63)


def log(total: np.ndarray) -> np.ndarray:
    """``ln`` of a sum UQ.16 in UQ.8; 0 of an empty one."""
    k = np.maximum(np.frexp(total)[1] - 17, 0)
    g = ((total >> k) >> 8) & 255
    return (((k << 8) + g + ((bow(g) * 11) >> 13)) * 177) >> 8


def golden(cfg: Config, rows: Rows) -> np.ndarray:
    """Q8.8, shape [elements]; the lowest number where masked."""
    starts, lengths = rows.offsets[:-1], rows.lengths
    q = np.where(rows.keep, rows.q, LOWEST).astype(np.int64)
    top = np.maximum.reduceat(q, starts)
    distance = np.repeat(top, lengths) - q
    total = np.add.reduceat(np.where(rows.keep, power(distance), 0), starts)
    y = np.maximum(-distance - np.repeat(log(total), lengths), LOWEST)
    return np.where(rows.keep, y, LOWEST)


def reference(scores: np.ndarray, keep: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """The same of floats, shape [elements]; 0 where masked, where nobody looks."""
    starts, lengths = offsets[:-1], np.diff(offsets)
    x = np.where(keep, scores, -np.inf)
    top = np.maximum.reduceat(x, starts)
    top[np.isneginf(top)] = 0
    total = np.add.reduceat(np.exp(x - np.repeat(top, lengths)), starts)
    level = top + np.log(np.where(total > 0, total, 1))
    return np.where(keep, scores - np.repeat(level, lengths), 0)
