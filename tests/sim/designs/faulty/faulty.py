"""Golden function of the design without a fault."""

import numpy as np


def distance(cfg, rows):
    """``255 - (max - q)``."""
    top = np.maximum.reduceat(rows.q, rows.offsets[:-1])
    return 255 - (np.repeat(top, rows.lengths) - rows.q)
