"""Method ``split`` read off its definition: one row, one element at a time, in exact arithmetic.

Nothing but the two tables is taken from the golden model; the sum is a fraction, every rounding
and every truncation is written down where it happens.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, localcontext
from fractions import Fraction
from math import floor

from softmax_cosim.configs import Config
from softmax_cosim.golden import split_tables


def log2e(bits: int) -> int:
    """log2(e) rounded to ``bits`` fraction bits."""
    with localcontext(prec=60):
        return round(Decimal(2**bits) / Decimal(2).ln())


def windows(cfg: Config, last: int) -> tuple[int, int]:
    """Octaves of a window, and columns of the sum; ``last`` is the octave of the highest score."""
    fmt = split_tables.form(split_tables.format_name(cfg))
    return (32, 1) if last < 32 else (2**fmt.window, fmt.columns)


def row_sum(
    cfg: Config, terms: Iterable[tuple[int, Fraction]], highest: int, last: int
) -> tuple[int, Fraction]:
    """First octave of the window in which the ``highest`` lies, and the sum in units of it.

    A term has two digits: the last column has the high one of those in its window.
    """
    fmt = split_tables.form(split_tables.format_name(cfg))
    size, count = windows(cfg, last)
    foot = highest // size * size
    unit = Fraction(1, 2 ** (fmt.mant + max(count - 2, 0) * size))
    total = Fraction(0)
    for octave, p in terms:
        if octave >= foot - (count - 1) * size:
            total += floor(p * Fraction(2) ** (octave - foot) / unit) * unit
    bits = fmt.mant if count == 1 else max(fmt.mant, fmt.s)
    return foot, Fraction(floor(total * 2**bits), 2**bits)


def split_row(cfg: Config, q: list[int], keep: list[bool]) -> tuple[list[int], int]:
    """Outputs of a row, and its row exponent."""
    name = split_tables.format_name(cfg)
    fmt, m, half = split_tables.form(name), cfg.m, Fraction(1, 2)
    power, reciprocal = split_tables.power_lines(name), split_tables.reciprocal_lines(name)
    factor = Fraction(1) if cfg.base2 else Fraction(log2e(fmt.k), 2**fmt.k)

    def octaves(score: int) -> int:
        """In units of ``2**-g``."""
        return floor(Fraction(score, 2**cfg.frac) * factor * 2**fmt.g + half)

    def term(c: int) -> tuple[int, Fraction]:
        """Octave and power of the fraction, in [1, 2)."""
        octave, fraction = divmod(c, 2**fmt.g)
        segment, t = divmod(fraction, 2 ** (fmt.g - fmt.p_seg))
        change = floor(Fraction(int(power.slope[segment]) * t, 2**fmt.p_shift))
        return octave, 1 + Fraction(int(power.entry[segment]) + change, 2**fmt.mant)

    kept = [octaves(score) for score, k in zip(q, keep, strict=True) if k]
    if not kept:
        return [0] * len(q), 0
    # The lowest score there is stands in octave 1.
    limit = 2 ** (cfg.in_w - 1)
    origin = octaves(-limit) // 2**fmt.g - 1
    last = octaves(limit - 1) // 2**fmt.g - origin
    terms = [term(c - origin * 2**fmt.g) for c in kept]
    foot, total = row_sum(cfg, terms, max(octave for octave, _ in terms), last)

    exponent = 0
    while total >= 2:
        total, exponent = total / 2, exponent + 1
    s = Fraction(floor(total * 2**fmt.s), 2**fmt.s)
    segment, t = divmod(floor((s - 1) * 2**fmt.r_in), 2 ** (fmt.r_in - fmt.r_seg))
    change = floor(Fraction(int(reciprocal.slope[segment]) * t, 2**fmt.r_shift))
    r = Fraction(int(reciprocal.entry[segment]) - change, 2**fmt.r_out)
    if fmt.newton:
        unity = Fraction(m, m + 1) - Fraction(3, 8) / 2**fmt.s
        error = Fraction(floor((unity - s * r) * 2**fmt.newton), 2**fmt.newton)
        r = Fraction(floor((r + r * error) * 2**fmt.r + half), 2**fmt.r)

    def output(c: int, x: int) -> int:
        octave, p = term(c - origin * 2**fmt.g)
        last = Fraction(2**fmt.cut, 2 ** (fmt.mant + fmt.r))
        product = last * (len(range(0, fmt.cut, 2)) // 2)
        digits = int(p * 2**fmt.mant)
        for n in range(0, fmt.mant + 1, 2):
            digit = Fraction(digits >> n & 3) / 2**fmt.mant * 2**n
            product += floor(digit * r / last) * last
        return floor(product * Fraction(2) ** (octave - foot - exponent + cfg.w + x) + half)

    x = 0
    while cfg.row_exp and x < 15 and output(max(kept), x + 1) <= m:
        x += 1
    answers = iter([min(output(c, x), m) for c in kept])
    return [next(answers) if k else 0 for k in keep], x
