"""Table contents against their definitions, in exact rational arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from softmax_cosim.configs import KE_LIMIT, PRECISIONS, XS_LIMIT, Config
from softmax_cosim.golden import tables

WIDTHS = tuple(PRECISIONS.values())


def exp_bounds(x: Fraction) -> tuple[Fraction, Fraction]:
    """Rationals just below and above ``e**x``: the Taylor series and a bound of its rest."""
    terms = 20 + 4 * int(x)
    term = total = Fraction(1)
    for n in range(1, terms):
        term = term * x / n
        total += term
    rest = term * x / terms / (1 - x / (terms + 1))  # a geometric series from the next term on
    return total, total + rest


def is_floor_of_exp(entry: int, m: int, x: Fraction) -> bool:
    """``entry == floor(m * e**-x)``, that is ``entry <= m / e**x < entry + 1``, beyond doubt."""
    low, high = exp_bounds(x)
    return entry * high <= m < (entry + 1) * low


@pytest.mark.parametrize("w", WIDTHS)
def test_lut_1e_is_the_floor_of_the_exponential(w: int) -> None:
    table = tables.lut_1e(w).tolist()
    assert all(is_floor_of_exp(t, 2**w - 1, Fraction(k)) for k, t in enumerate(table))
    assert table[-1] == 0


@pytest.mark.parametrize("w", WIDTHS)
def test_lut_exp_is_the_floor_of_the_exponential_in_tenths(w: int) -> None:
    table = tables.lut_exp(w, KE_LIMIT).tolist()
    assert len(table) == KE_LIMIT
    assert all(is_floor_of_exp(e, 2**w - 1, Fraction(k, 10)) for k, e in enumerate(table))


@pytest.mark.parametrize("w", WIDTHS)
def test_lut_alpha_is_the_floor_of_the_reciprocal(w: int) -> None:
    table = tables.lut_alpha(w, XS_LIMIT).tolist()
    assert table[0] == 0
    assert all(a * j <= 2**w - 1 < (a + 1) * j for j, a in enumerate(table[1:], start=1))


@pytest.mark.parametrize("w", WIDTHS)
def test_lut_sigma_is_the_floor_of_the_quotient(w: int) -> None:
    table = tables.lut_sigma(w, XS_LIMIT)
    assert table.shape == (XS_LIMIT + 1, 11)
    assert not table[0].any()
    j, c = np.ogrid[1 : XS_LIMIT + 1, 0:11]
    exact = (2**w - 1) * c
    entry = table[1:].astype(np.int64)
    assert ((entry * 10 * j <= exact) & (exact < (entry + 1) * 10 * j)).all()


def test_lengths_of_lut_1e_are_the_papers() -> None:
    assert [tables.lut_1e_length(w) for w in (15, 8, 4, 2)] == [13, 8, 5, 4]


def test_a_smaller_table_is_the_start_of_a_larger() -> None:
    np.testing.assert_array_equal(tables.lut_alpha(8, 16), tables.lut_alpha(8, 512)[:17])
    np.testing.assert_array_equal(tables.lut_sigma(8, 60), tables.lut_sigma(8, 512)[:61])
    np.testing.assert_array_equal(tables.lut_exp(8, 101), tables.lut_exp(8, 128)[:101])


def test_worked_values_at_uint8() -> None:
    assert tables.lut_1e(8).tolist() == [255, 93, 34, 12, 4, 1, 0, 0]
    assert tables.lut_alpha(8, 4).tolist() == [0, 255, 127, 85, 63]
    assert tables.lut_exp(8, 11)[[0, 1, 10]].tolist() == [255, 230, 93]
    assert tables.lut_sigma(8, 2)[2].tolist() == [0, 12, 25, 38, 51, 63, 76, 89, 102, 114, 127]


@pytest.mark.parametrize(
    ("method", "precision", "xs", "expected"),
    [
        ("rexp", "uint8", 16, 24),
        ("lut2d", "uint8", 60, 761),
        ("rexp", "int16", 16, 55),  # 29 entries of 15 bits: 435 bits
        ("rexp", "uint2", 16, 5),  # 20 entries of 2 bits
        ("split", "uint8", 1, 48),  # 8 lines of 9 + 7 bits, 16 of 10 + 6
        ("split", "int16", 1, 252),  # 64 lines of 17 + 10 bits, 16 of 12 + 6
    ],
)
def test_table_bytes(method: str, precision: str, xs: int, expected: int) -> None:
    assert tables.table_bytes(Config("t", method, precision, xs=xs)) == expected


def test_shared_tables_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="read-only"):
        tables.lut_1e(8)[0] = 1
