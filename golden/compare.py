"""Whether an output is what the golden model says: equal, or as close as the design promises."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from softmax_cosim.configs import Config

__all__ = ["apart"]


def apart(
    cfg: Config, expected: npt.NDArray[Any] | None, actual: npt.NDArray[Any]
) -> npt.NDArray[np.bool_]:
    """Raw outputs that are not what was expected, of the arrays' shape.

    That is: more than ``cfg.tolerance`` steps of the output format apart (of floats: numbers that
    lie between them, or units in the last place). What is no number is never what was expected,
    even where nothing is (``None``).
    """
    if expected is None:
        wrong = np.zeros(actual.shape, np.bool_)
    else:
        wrong = actual != expected
        if cfg.tolerance and wrong.any():
            rank = cfg.outputs.rank
            wrong = np.abs(rank(actual) - rank(expected)) > cfg.tolerance
    if cfg.outputs.has_nan:
        return wrong | ~np.isfinite(cfg.real(actual))
    return wrong
