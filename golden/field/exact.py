"""Softmax itself, rounded to the output's format: the least error that a format allows.

The float64 softmax of the quantised scores (:mod:`.golden.reference`); no hardware is meant.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from softmax_cosim.configs import Config
from softmax_cosim.golden import reference
from softmax_cosim.golden.field.common import About
from softmax_cosim.golden.rows import Rows

__all__ = ["ABOUT", "softmax"]

ABOUT = About("exact, rounded", ":mod:`.golden.reference`", multipliers=1, dividers=1, passes=3)


def softmax(cfg: Config, rows: Rows) -> npt.NDArray[np.float64]:
    """Probabilities, [elements]."""
    return reference.softmax_of_scores(cfg.scores(rows.q), rows.keep, rows.offsets)
