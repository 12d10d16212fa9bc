"""How far method ``split`` can be from softmax: the bound of golden/split.py, gone through.

No sampling: the errors of the terms are those of every score there is, the reciprocal's those of
every normalised sum.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from softmax_cosim.configs import MAX_LEN_LIMIT, Config
from softmax_cosim.golden import split, split_tables

__all__ = ["bound", "cut", "delta", "tau", "term_errors"]

Floats = npt.NDArray[np.float64]

#: Two terms up to ``_NEAR`` octaves apart are compared in full. Up to ``_FAR`` the lower one counts
#: for what it weighs, all 4096 of a row's together; beyond, it may be wrong altogether.
_NEAR, _FAR = 20, 40
_LN2 = np.log(2.0)


def term_errors(cfg: Config) -> Floats:
    """ln of the hardware's term over the true one, of every score from the lowest up."""
    fmt, limit = split.form(cfg), 2 ** (cfg.in_w - 1)
    q = np.arange(-limit, limit, dtype=np.int32)
    c = split.c(cfg, q)
    return np.log(split.p(cfg, c) / 2.0**fmt.mant) + (c >> fmt.g) * _LN2 - cfg.scores(q)


def _spread(errors: Floats, reach: int) -> float:
    """Largest difference between two errors at most ``reach`` scores apart, or a little more."""
    size = max(reach // 16, 1)
    starts = np.arange(0, len(errors), size)
    high, low = np.maximum.reduceat(errors, starts), np.minimum.reduceat(errors, starts)
    worst = 0.0
    for apart in range(min(reach // size + 2, len(starts))):
        stop = len(starts) - apart
        one, other = high[apart:] - low[:stop], high[:stop] - low[apart:]
        worst = max(worst, float(one.max()), float(other.max()))
    return worst


def delta(cfg: Config) -> float:
    """Largest relative error between two terms of a row, those far apart weighed."""
    errors, octave = term_errors(cfg), _LN2 / cfg.scores(np.int32(1))
    near, far = (np.expm1(_spread(errors, int(np.ceil(n * octave)))) for n in (_NEAR, _FAR))
    scale = split.octaves(cfg)
    # A digit that is lost is less than 1 in the last column, and the largest term at least 1.0.
    kept = scale.window * (scale.columns - 2) + split.form(cfg).mant if scale.columns > 1 else _FAR
    lost = MAX_LEN_LIMIT * (2.0**-kept + 2.0 ** (1 - _FAR))
    return float(near + far * MAX_LEN_LIMIT * 2.0**-_NEAR + lost)


def tau(cfg: Config) -> float:
    """Largest relative error of the reciprocal, its sum being anything that truncates to ``s``."""
    fmt = split.form(cfg)
    name = split_tables.format_name(cfg)
    s = np.arange(2**fmt.s, 2 ** (fmt.s + 1), dtype=np.int64)
    r = split.reciprocal(name, s) / 2.0**fmt.r * 2.0**fmt.w / cfg.m
    low, high = r * s / 2.0**fmt.s - 1, r * (s + 1) / 2.0**fmt.s - 1
    return float(max(-low.min(), high.max()))


def cut(cfg: Config) -> float:
    """What the product loses, in LSB: of each digit what is below the cut; half is made up for."""
    fmt = split.form(cfg)
    digits = range(0, fmt.cut, 2)
    lost, added = sum(1 - 2.0 ** (n - fmt.cut) for n in digits), len(digits) // 2
    lsb = 2.0 ** (fmt.r + fmt.mant - fmt.w - fmt.cut - cfg.row_exp)
    return max(lost - added, added) / lsb


def bound(cfg: Config) -> float:
    """Largest error before rounding, in LSB, over all rows up to 4096 elements."""
    d, t = delta(cfg), tau(cfg)
    t *= 1 + d
    if cfg.row_exp:
        return cfg.m * (d + t) + cut(cfg)
    # The maximum over p of p (1 - p) d + p t.
    return cfg.m * (t if t >= d else (d + t) ** 2 / (4 * d)) + cut(cfg)
