"""Contents of every lookup table, exact: no entry hangs on how a float happened to round.

The tables of Vasyltsov & Chang, "Efficient Softmax Approximation for Deep Neural Networks with
Attention Mechanism" (arXiv 2111.10770), sections 4.1 and 4.2. ``w`` is the width of an entry in
bits and ``M = 2**w - 1`` the entry that means 1.0. Arrays are int32, shared and read-only.
"""

from __future__ import annotations

from decimal import Context, Decimal
from fractions import Fraction
from functools import cache

import numpy as np
import numpy.typing as npt

from configs import Config
from golden import split_tables

__all__ = [
    "TENTHS",
    "index_entries",
    "lut_1e",
    "lut_1e_length",
    "lut_alpha",
    "lut_exp",
    "lut_sigma",
    "table_bytes",
]

Table = npt.NDArray[np.int32]

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
def lut_1e(w: int) -> Table:
    """LUT_1/e of ``rexp``: ``T[k] = floor(M * e**-k)``, shape [K]; the last entry is 0."""
    return _freeze([_floor_exp(2**w - 1, Fraction(k)) for k in range(lut_1e_length(w))])


@cache
def lut_alpha(w: int, xs: int) -> Table:
    """LUT_alpha of ``rexp``: ``A[j] = floor(M / j)``, shape [xs + 1].

    Entry 0 is no entry, and 0.
    """
    return _freeze([0, *((2**w - 1) // j for j in range(1, xs + 1))])


@cache
def lut_exp(w: int, ke: int) -> Table:
    """LUT_exp of ``lut2d``: ``E[k] = floor(M * e**(-k / 10))``, shape [ke]."""
    return _freeze([_floor_exp(2**w - 1, Fraction(k, TENTHS)) for k in range(ke)])


@cache
def lut_sigma(w: int, xs: int) -> Table:
    """LUT_sigma of ``lut2d``: ``L[j][c] = floor(M * (c / 10) / j)``, shape [xs + 1, 11].

    Row 0 is no entry, and 0.
    """
    columns = range(TENTHS + 1)
    rows = [[(2**w - 1) * c // (TENTHS * j) for c in columns] for j in range(1, xs + 1)]
    return _freeze([[0 for _ in columns], *rows])


def index_entries(cfg: Config) -> int:
    """Entries of the table that the distance indexes: LUT_1/e or LUT_exp; not of ``split``."""
    return lut_1e_length(cfg.w) if cfg.method == "rexp" else cfg.ke


def table_bytes(cfg: Config) -> int:
    """Bytes the method's tables take: entries times ``w`` bits, rounded up to a byte.

    ``rexp`` at uint8 and XS = 16 has 8 + 16 entries, 24 bytes; ``lut2d`` at uint8 has
    101 + 11 * 60 entries, 761 bytes. ``split`` at uint8 has 8 lines of 9 + 7 bits and 16 of 10 + 6,
    48 bytes. 0 for ``custom``, whose tables nobody knows.
    """
    if cfg.method == "custom":
        return 0
    if cfg.method == "split":
        return -(-split_tables.bits(split_tables.format_name(cfg.precision, cfg.row_exp)) // 8)
    columns = 1 if cfg.method == "rexp" else TENTHS + 1
    return -(-(index_entries(cfg) + columns * cfg.xs) * cfg.w // 8)
