"""Method ``rexp``, reciprocal exponentiation: one function a stage, named as its symbol.

Vasyltsov & Chang, arXiv 2111.10770, section 4.1. All quantities are raw non-negative integers;
``s``, ``A[j]`` and ``y`` are fractions of ``M``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from configs import Config
from golden import shell, tables
from golden.shell import Ints

__all__ = ["k", "run", "s", "y"]


def k(cfg: Config, q: Ints, top: Ints) -> Ints:
    """Index of LUT_1/e from a score and its row's maximum, held within 0 .. K-1.

    ``distance`` takes the integer part of the distance; ``msb`` the distance of integer parts.
    """
    msb = cfg.index == "msb"
    distance = (top >> cfg.frac) - (q >> cfg.frac) if msb else (top - q) >> cfg.frac
    return np.minimum(distance, tables.lut_1e_length(cfg.w) - 1)


def s(cfg: Config, k: Ints, keep: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint16]:
    """Reciprocal exponential ``T[k]``; 0 where masked."""
    return tables.lut_1e(cfg.w).astype(np.uint16)[k] * keep


def y(cfg: Config, s: npt.NDArray[np.uint16], j: Ints) -> Ints:
    """Output ``floor(s * A[j] / M)``; the product is below ``M * 2**w``."""
    return shell.div_m(s * tables.lut_alpha(cfg.w, cfg.xs)[j], cfg.w)


def run(
    cfg: Config, q: Ints, keep: npt.NDArray[np.bool_], starts: npt.NDArray[np.int64]
) -> dict[str, npt.NDArray[Any]]:
    """Every stage of a batch of rows: ``max``, ``k``, ``s``, ``sum``, ``j``, ``y``."""
    lengths = np.diff(starts, append=len(q))
    q = shell.lower_masked(cfg, q, keep)
    top = shell.row_max(q, starts)
    index = k(cfg, q, np.repeat(top, lengths))
    term = s(cfg, index, keep)
    total = shell.row_sum(term, starts)
    row = shell.j(cfg, total)
    out = y(cfg, term, np.repeat(row, lengths))
    return {"max": top, "k": index, "s": term, "sum": total, "j": row, "y": out}
