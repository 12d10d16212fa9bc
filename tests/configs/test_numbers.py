"""Number formats against numpy, and against exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from softmax_cosim.configs import UsageError, numbers
from softmax_cosim.configs.numbers import Fixed, Floating

FIXED = ["q8.8", "q1.15", "q16.0", "q2.0", "q1.31", "q32.0", "uq0.8", "uq1.15", "uq0.32", "unorm8"]
FIXED += ["uq1.0", "unorm1", "unorm32", "q0.8"]
FLOATS = ["bf16", "fp16", "fp32"]
#: A thousand patterns of each width, the ends among them.
PATTERNS = np.unique(
    np.concatenate(
        [
            np.random.default_rng(5).integers(0, 2**32, 1000),
            *([2**k - 1, 2**k, 2**k + 1] for k in range(32)),
            [2**32 - 1, 0x7F7F, 0x7F80, 0xFF7F, 0x7BFF, 0xFBFF, 0x8000],
        ]
    )
)


def codes_of(form: numbers.Format) -> np.ndarray:
    """Finite codes of a format, as patterns."""
    codes = PATTERNS & ((1 << form.bits) - 1)
    return codes[np.isfinite(form.decode(codes))]


@pytest.mark.parametrize("name", FIXED + FLOATS)
def test_decoding_and_encoding_undo_each_other(name: str):
    form = numbers.parse(name, "x")
    codes = codes_of(form)
    again = form.encode(form.decode(codes))
    assert ((again ^ codes) & ((1 << form.bits) - 1) == 0).all()


@pytest.mark.parametrize("name", FIXED + FLOATS)
def test_rank_has_the_order_of_the_values(name: str):
    form = numbers.parse(name, "x")
    codes = codes_of(form)
    values, rank = form.decode(codes), form.rank(codes)
    order = np.argsort(rank, kind="stable")
    steps = np.diff(values[order])
    assert (steps >= 0).all()
    assert ((steps == 0) == (np.diff(rank[order]) == 0)).all()


def exact(form: numbers.Format, code: int) -> Fraction:
    """The value of a code, without floats; the codes beyond the largest are what would be next."""
    if isinstance(form, Fixed):
        return Fraction(code) / Fraction(form.one)
    sign, magnitude = code >> (form.bits - 1) & 1, code & ((1 << form.bits - 1) - 1)
    field, mantissa = magnitude >> form.mantissa, magnitude & ((1 << form.mantissa) - 1)
    bias = (1 << (form.bits - 2 - form.mantissa)) - 1
    whole = mantissa + ((1 << form.mantissa) if field else 0)
    return (-1) ** sign * whole * Fraction(2) ** (max(field, 1) - bias - form.mantissa)


@pytest.mark.parametrize("name", ["q4.4", "uq0.8", "q1.31", "uq1.15", *FLOATS])
def test_encoding_is_to_the_nearest_and_ties_go_to_even(name: str):
    """Between two neighbours, at the middle, and a little to either side of it."""
    form = numbers.parse(name, "x")
    top = form.highest if isinstance(form, Fixed) else form.highest & ((1 << form.bits - 1) - 1)
    for low in {0, 1, 2, 3, top // 2, top // 2 + 1, top - 2, top - 1} | set(
        np.random.default_rng(3).integers(0, top, 200).tolist()
    ):
        assert form.decode(low) == float(exact(form, low))
        middle = (exact(form, low) + exact(form, low + 1)) / 2
        for signed in (1, -1) if form.signed else (1,):
            for x in (middle, math.nextafter(middle, 0), math.nextafter(middle, math.inf)):
                below, above = (abs(Fraction(float(x)) - exact(form, low + i)) for i in (0, 1))
                right = low + (below > above if below != above else low % 2)
                found = int(form.encode(signed * float(x)))
                assert form.rank(found) == signed * right, (name, low, x)


@pytest.mark.parametrize("name", ["fp16", "fp32"])
def test_floats_are_those_of_numpy(name: str):
    form = numbers.parse(name, "x")
    kinds = {"fp16": (np.float16, np.uint16), "fp32": (np.float32, np.uint32)}
    kind, raw = kinds[name]
    x = np.random.default_rng(1).normal(0, 1, 1000) * np.exp2(np.linspace(-30, 14, 1000))
    assert (form.encode(x) & ((1 << form.bits) - 1) == x.astype(kind).view(raw)).all()


@pytest.mark.parametrize("name", FIXED + FLOATS)
def test_beyond_the_range_is_its_end(name: str):
    form = numbers.parse(name, "x")
    for x, end in ((np.inf, form.highest), (1e300, form.highest), (-1e300, form.lowest)):
        assert form.encode(x) == end
    assert np.isfinite(form.decode([form.lowest, form.highest])).all()
    assert (form.decode([form.lowest]) <= 0).all()


@pytest.mark.parametrize("name", FLOATS)
def test_no_number_stays_none(name: str):
    form = numbers.parse(name, "x")
    assert isinstance(form, Floating)
    assert np.isnan(form.decode(form.encode(np.nan)))


@pytest.mark.parametrize(
    "name", ["q8", "8.8", "q.8", "Q8.8", "bfloat16", "", 8, None, "unorm", "fp8"]
)
def test_what_is_no_format_is_named(name: object):
    with pytest.raises(UsageError, match=r"^x = .*; give a number format: qI\.F, uqI\.F"):
        numbers.parse(name, "x")


@pytest.mark.parametrize(
    ("name", "bits"), [("q17.16", 33), ("uq0.0", 0), ("q1.0", 1), ("unorm33", 33), ("unorm0", 0)]
)
def test_what_is_too_wide_or_too_narrow_is_named(name: str, bits: int):
    with pytest.raises(UsageError, match=f"^x = '{name}' has {bits} bits; give [12] to 32$"):
        numbers.parse(name, "x")
