"""Contents of every lookup table, exact: no entry hangs on how a float happened to round.

The tables of Vasyltsov & Chang, "Efficient Softmax Approximation for Deep Neural Networks with
Attention Mechanism" (arXiv 2111.10770), sections 4.1 and 4.2. ``w`` is the width of an entry in
bits and ``M = 2**w - 1`` the entry that means 1.0. Arrays are int32, shared and read-only.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal
from fractions import Fraction
from functools import cache

import numpy as np
import numpy.typing as npt

from softmax_cosim.configs import Config, UsageError
from softmax_cosim.golden import split_tables

__all__ = [
    "LOADABLE",
    "TENTHS",
    "Loaded",
    "check",
    "default",
    "for_scale",
    "index_entries",
    "lut_1e",
    "lut_1e_length",
    "lut_alpha",
    "lut_exp",
    "lut_sigma",
    "table_bytes",
]

Table = npt.NDArray[np.int32]

#: Methods whose tables can be loaded.
LOADABLE = ("rexp", "lut2d")

#: The tables of a build by the names of their windows in ``rtl/registers.toml``.
Loaded = Mapping[str, Table]

#: LUT_exp steps by 1/10, and LUT_sigma has one column for each of 0/10 .. 10/10.
TENTHS = 10

# Powers of e are irrational, so M * e^-x is an integer for x = 0 alone, and 40 digits leave no
# doubt on which side of an integer any other entry lies (none is nearer than 9e-6).
_PRECISE = Context(prec=40)


def _floor_exp(m: int, x: Fraction) -> int:
    """``floor(m * e**-x)`` for ``x >= 0``."""
    power = _PRECISE.divide(Decimal(-x.numerator), Decimal(x.denominator))
    return int(_PRECISE.multiply(Decimal(m), _PRECISE.exp(power)))


def _freeze(values: list[int] | list[list[int]]) -> Table:
    table = np.array(values, dtype=np.int32)
    table.flags.writeable = False
    return table


def lut_1e_length(w: int) -> int:
    """Entries of LUT_1/e: ``K = ceil(ln M) + 2``, so 13, 8, 5, 4 for w = 15, 8, 4, 2."""
    return int(_PRECISE.ln(Decimal(2**w - 1))) + 1 + 2  # ln M is no integer


@cache
def lut_1e(w: int, scale: Fraction = Fraction(1)) -> Table:
    """LUT_1/e of ``rexp``: ``T[k] = floor(M * e**(-k * scale))``, shape [K]; the last one is 0."""
    entries = [_floor_exp(2**w - 1, k * scale) for k in range(lut_1e_length(w) - 1)]
    return _freeze([*entries, 0])


@cache
def lut_alpha(w: int, xs: int) -> Table:
    """LUT_alpha of ``rexp``: ``A[j] = floor(M / j)``, shape [xs + 1].

    Entry 0 is no entry, and 0.
    """
    return _freeze([0, *((2**w - 1) // j for j in range(1, xs + 1))])


@cache
def lut_exp(w: int, ke: int, scale: Fraction = Fraction(1)) -> Table:
    """LUT_exp of ``lut2d``: ``E[k] = floor(M * e**(-k * scale / 10))``, shape [ke]."""
    return _freeze([_floor_exp(2**w - 1, k * scale / TENTHS) for k in range(ke)])


@cache
def lut_sigma(w: int, xs: int) -> Table:
    """LUT_sigma of ``lut2d``: ``L[j][c] = floor(M * (c / 10) / j)``, shape [xs + 1, 11].

    Row 0 is no entry, and 0.
    """
    columns = range(TENTHS + 1)
    rows = [[(2**w - 1) * c // (TENTHS * j) for c in columns] for j in range(1, xs + 1)]
    return _freeze([[0 for _ in columns], *rows])


def for_scale(cfg: Config, scale: Fraction) -> Loaded:
    """The tables with which a build serves scores that count ``scale`` times what it thinks.

    One fraction bit more than ``cfg.frac`` is a scale of 1/2; a temperature of 2 is another.

    Raises:
        UsageError: the method's tables cannot be loaded, or the scale is not positive.
    """
    if scale <= 0:
        raise UsageError(f"{cfg.name}: the scale of the scores is {scale}; give a positive one")
    if cfg.method == "rexp":
        return {"LUT_1E": lut_1e(cfg.w, scale), "LUT_ALPHA": lut_alpha(cfg.w, cfg.xs)}
    if cfg.method == "lut2d":
        return {
            "LUT_EXP": lut_exp(cfg.w, cfg.ke, scale),
            "LUT_SIGMA": lut_sigma(cfg.w, cfg.xs),
        }
    raise UsageError(f"{cfg.name}: the tables of method {cfg.method} cannot be loaded")


def default(cfg: Config) -> Loaded:
    """The tables of a build that was loaded with nothing.

    Raises:
        UsageError: the method's tables cannot be loaded.
    """
    return for_scale(cfg, Fraction(1))


def check(cfg: Config, loaded: Loaded) -> None:
    """Refuse what the hardware refuses.

    Raises:
        UsageError: a table is missing, of another shape, or has an entry that cannot be.
    """
    tables = default(cfg)
    if set(loaded) != set(tables):
        raise UsageError(f"{cfg.name} has the tables {', '.join(tables)}, not {', '.join(loaded)}")
    for name, table in loaded.items():
        if table.shape != tables[name].shape:
            raise UsageError(f"{name} has shape {table.shape} instead of {tables[name].shape}")
        if table.min() < 0 or table.max() > cfg.m:
            raise UsageError(f"{name}: an entry lies outside 0..{cfg.m}")
    if "LUT_1E" in loaded and loaded["LUT_1E"][-1] != 0:
        raise UsageError("LUT_1E: the last entry, for everything farther away, must be 0")


def index_entries(cfg: Config) -> int:
    """Entries of the table that the distance indexes: LUT_1/e or LUT_exp; not of ``split``."""
    return lut_1e_length(cfg.w) if cfg.method == "rexp" else cfg.ke


def table_bytes(cfg: Config) -> int | None:
    """Bytes the method's tables take: entries times ``w`` bits, rounded up to a byte.

    ``rexp`` at uint8 and XS = 16 has 8 + 16 entries, 24 bytes; ``lut2d`` at uint8 has
    101 + 11 * 60 entries, 761 bytes. ``split`` at uint8 has 8 lines of 9 + 7 bits and 16 of 10 + 6,
    48 bytes. Of a design of somebody's own what its configuration says; None if nothing.
    """
    if cfg.design is not None:
        return cfg.design.table_bytes
    if cfg.method == "split":
        return -(-split_tables.bits(split_tables.format_name(cfg)) // 8)
    columns = 1 if cfg.method == "rexp" else TENTHS + 1
    return -(-(index_entries(cfg) + columns * cfg.xs) * cfg.w // 8)
