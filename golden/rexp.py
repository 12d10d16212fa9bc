"""Method ``rexp``, reciprocal exponentiation: one function a stage, named as its symbol.

Vasyltsov & Chang, arXiv 2111.10770, section 4.1. All quantities are raw non-negative integers;
``s``, ``A[j]`` and ``y`` are fractions of ``M``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from softmax_cosim.configs import Config
from softmax_cosim.golden import shell, tables
from softmax_cosim.golden.shell import Ints

__all__ = ["k", "run", "s", "y"]


def k(cfg: Config, q: Ints, top: Ints) -> Ints:
    """Index of LUT_1/e from a score and its row's maximum, held within 0 .. K-1.

    ``distance`` takes the integer part of the distance; ``msb`` the distance of integer parts.
    """
    msb = cfg.index == "msb"
    distance = (top >> cfg.frac) - (q >> cfg.frac) if msb else (top - q) >> cfg.frac
    return np.minimum(distance, tables.lut_1e_length(cfg.w) - 1)


def s(inverse_e: tables.Table, k: Ints, keep: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint16]:
    """Reciprocal exponential ``T[k]``; 0 where masked."""
    return inverse_e.astype(np.uint16)[k] * keep


def y(cfg: Config, alpha: tables.Table, s: npt.NDArray[np.uint16], j: Ints) -> Ints:
    """Output ``floor(s * A[j] / M)``; the product is below ``M * 2**w``."""
    return shell.div_m(s * alpha[j], cfg.w)


def run(
    cfg: Config,
    q: Ints,
    keep: npt.NDArray[np.bool_],
    starts: npt.NDArray[np.int64],
    loaded: tables.Loaded | None = None,
) -> dict[str, npt.NDArray[Any]]:
    """Every stage of a batch of rows: ``max``, ``k``, ``s``, ``sum``, ``j``, ``y``."""
    held = tables.default(cfg) if loaded is None else loaded
    lengths = np.diff(starts, append=len(q))
    q = shell.lower_masked(cfg, q, keep)
    top = shell.row_max(q, starts)
    index = k(cfg, q, np.repeat(top, lengths))
    term = s(held["LUT_1E"], index, keep)
    total = shell.row_sum(term, starts)
    row = shell.j(cfg, total)
    out = y(cfg, held["LUT_ALPHA"], term, np.repeat(row, lengths))
    return {"max": top, "k": index, "s": term, "sum": total, "j": row, "y": out}
