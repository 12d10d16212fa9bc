"""Golden function of the example design: how far below its row's maximum an element stands."""

import numpy as np

from softmax_cosim.configs import Config
from softmax_cosim.golden.rows import Rows


def distance(cfg: Config, rows: Rows) -> np.ndarray:
    """``M - (max - q)``, not below 0; 0 where masked. Shape [elements]."""
    lowest = -(2 ** (cfg.in_w - 1))
    q = np.where(rows.keep, rows.q, lowest)
    top = np.maximum.reduceat(q, rows.offsets[:-1])
    d = np.repeat(top, rows.lengths) - q
    return np.where(rows.keep, np.maximum(cfg.m - d, 0), 0)
