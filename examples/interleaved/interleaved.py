"""Golden function of ``block_softmax``: what one row gives, for the rows of a block are alike."""

from pathlib import Path

import numpy as np

from softmax_cosim.configs import Config
from softmax_cosim.golden.rows import Rows


def table(name: str) -> np.ndarray:
    """UQ0.16, from the file that the hardware reads."""
    words = Path(__file__).with_name(name).read_text().split()
    return np.array([int(word, 16) for word in words], np.int64)


def softmax(cfg: Config, rows: Rows) -> np.ndarray:
    """Of 255, shape [elements]."""
    starts, lengths = rows.offsets[:-1], rows.lengths
    q = rows.q.astype(np.int64)
    distance = np.repeat(np.maximum.reduceat(q, starts), lengths) - q
    near = np.minimum(distance, 2047)
    power = (table("coarse.hex")[near >> 6] * table("fine.hex")[near & 63]) >> 16
    power[distance > 2047] = 0
    reciprocal = 2**30 // np.add.reduceat(power, starts)
    return (power * np.repeat(reciprocal, lengths) * 255 + 2**29) >> 30
