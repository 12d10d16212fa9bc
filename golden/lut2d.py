"""Method ``lut2d``, two-dimensional table: one function a stage, named as its symbol.

Vasyltsov & Chang, arXiv 2111.10770, section 4.2. All quantities are raw non-negative integers;
``e`` and ``y`` are fractions of ``M``, ``c`` is a number of tenths.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from softmax_cosim.configs import Config
from softmax_cosim.golden import shell, tables
from softmax_cosim.golden.shell import Ints
from softmax_cosim.golden.tables import TENTHS

__all__ = ["c", "e", "k", "run", "y"]


def k(cfg: Config, q: Ints, top: Ints) -> Ints:
    """Index of LUT_exp: the distance in whole tenths, held within 0 .. KE-1."""
    tenths: Ints = ((top - q) * TENTHS) >> cfg.frac
    return np.minimum(tenths, cfg.ke - 1)


def e(exp: tables.Table, k: Ints, keep: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint16]:
    """Exponential ``E[k]``; 0 where masked."""
    return exp.astype(np.uint16)[k] * keep


def c(cfg: Config, e: npt.NDArray[np.uint16]) -> Ints:
    """Column of LUT_sigma: ``e`` to the nearest tenth, ``floor((20 * e + M) / (2 * M))``.

    M is odd, so half of ``20 * e + M`` loses nothing that the division would not.
    """
    return shell.div_m(e * np.int32(TENTHS) + cfg.m // 2, cfg.w)


def y(sigma: tables.Table, j: Ints, c: Ints, keep: npt.NDArray[np.bool_]) -> Ints:
    """Output ``L[j][c]``: no multiplier, no divider; 0 where masked, whatever ``L[j][0]`` is."""
    return sigma[j, c] * keep


def run(
    cfg: Config,
    q: Ints,
    keep: npt.NDArray[np.bool_],
    starts: npt.NDArray[np.int64],
    loaded: tables.Loaded | None = None,
) -> dict[str, npt.NDArray[Any]]:
    """Every stage of a batch of rows: ``max``, ``k``, ``e``, ``sum``, ``j``, ``c``, ``y``."""
    held = tables.default(cfg) if loaded is None else loaded
    lengths = np.diff(starts, append=len(q))
    q = shell.lower_masked(cfg, q, keep)
    top = shell.row_max(q, starts)
    index = k(cfg, q, np.repeat(top, lengths))
    term = e(held["LUT_EXP"], index, keep)
    total = shell.row_sum(term, starts)
    row = shell.j(cfg, total)
    column = c(cfg, term)
    out = y(held["LUT_SIGMA"], np.repeat(row, lengths), column, keep)
    return {"max": top, "k": index, "e": term, "sum": total, "j": row, "c": column, "y": out}
