"""Word lengths and tables of method ``split``, exact: every entry comes from integer arithmetic.

Both tables are lines, one a segment: entry + slope * offset. ``P`` holds one octave of powers of
two, ``R`` one octave of reciprocals. For each segment the entry and the slope are those that keep
the largest error of the rounded line smallest, among lines that leave the whole table monotonic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from softmax_cosim.configs import Config

__all__ = [
    "FORMATS",
    "ONE_WINDOW",
    "Format",
    "Lines",
    "bits",
    "form",
    "format_name",
    "log2e",
    "power_lines",
    "reciprocal_lines",
]

#: Where scores have fewer octaves than this, one column of the sum holds them all.
ONE_WINDOW = 32

_GUARD = 24  # bits below an entry's last to which the exact values are known
_WORK = 128  # fraction bits in which they are computed


@dataclass(frozen=True)
class Format:
    """Word lengths of ``split``; all in bits."""

    w: int
    """Bits of an output."""
    g: int
    """Fraction bits of a score in octaves."""
    k: int
    """Fraction bits of the constant log2(e)."""
    mant: int
    """Fraction bits of ``p`` in [1, 2)."""
    p_seg: int
    """log2 of the segments of P."""
    p_shift: int
    """Fraction bits of the slopes of P, in units of the last bit of ``p`` a step of the score."""
    window: int
    """log2 of the octaves of a window of the sum."""
    columns: int
    """Columns of the sum, one a window; an element further below the maximum counts as 0."""
    s: int
    """Fraction bits of the normalised sum."""
    r: int
    """Bits of the reciprocal, all of them fraction bits: it lies between 1/2 and 1."""
    r_seg: int
    """log2 of the segments of R."""
    r_in: int
    """Fraction bits of the normalised sum that R sees."""
    r_out: int
    """Bits of a value of R, fewer than ``r`` where a Newton step follows."""
    r_shift: int
    """Fraction bits of the slopes of R, in units of its last bit a step of the sum it sees."""
    cut: int
    """Last bits of the product of ``p`` and the reciprocal that are not computed."""
    newton: int = 0
    """Fraction bits of what the Newton step multiplies with; 0: there is no such step."""

    @property
    def unity(self) -> int:
        """What the Newton step wants ``s * R`` to be, with ``s + r_out`` fraction bits.

        M / 2**w, less what truncation took off the sum: 3/8 of its last bit, as R is 3/4 on
        average and truncation takes half a bit.
        """
        one = 1 << self.s + self.r_out
        return one - (one >> self.w) - (3 << self.r_out >> 3)


@dataclass(frozen=True)
class Lines:
    """A table of one line a segment."""

    entry: npt.NDArray[np.int64]
    """Value at each segment's start, shape [segments]."""
    slope: npt.NDArray[np.int64]
    """Size of the change a step, times ``2**shift``, shape [segments]."""
    entry_bits: int
    slope_bits: int

    @property
    def bits(self) -> int:
        """Bits that the table takes."""
        return len(self.entry) * (self.entry_bits + self.slope_bits)


# Chosen by the bound of golden/split.py. The row exponent keeps eight significant bits in every
# row, so uint8 needs more of them inside; the others have enough either way. Scores in octaves
# bring no error of their own, so that fewer are enough: 1 LSB at uint8, 2 at int16.
_FORMATS = {
    name: Format(*words)
    for name, *words in (
        # w, g, k, mant, P: seg, shift, sum: window, columns, s, R: r, seg, in, out, shift,
        # cut, newton
        ("int16", 15, 16, 17, 17, 6, 8, 4, 3, 17, 18, 4, 11, 12, 5, 0, 20),
        ("int16_base2", 15, 15, 0, 15, 5, 8, 4, 3, 17, 17, 4, 11, 12, 5, 14, 18),
        ("uint8", 8, 9, 12, 9, 3, 6, 3, 4, 9, 10, 4, 9, 10, 5, 0),
        ("uint8_base2", 8, 8, 0, 8, 4, 3, 3, 4, 9, 10, 4, 9, 10, 5, 6),
        ("uint8_rowexp", 8, 10, 14, 10, 4, 6, 3, 4, 10, 11, 4, 10, 11, 5, 0),
        ("uint4", 4, 7, 10, 6, 2, 5, 3, 4, 6, 7, 2, 6, 7, 4, 0),
        ("uint2", 2, 6, 8, 5, 1, 5, 3, 4, 5, 6, 1, 5, 6, 4, 0),
    )
}
#: Names of the formats: the precisions, and what some of them have for a row exponent or base 2.
FORMATS = tuple(_FORMATS)


def format_name(cfg: Config) -> str:
    """The format of a configuration: the precision's own where there is none more particular."""
    kind = "_rowexp" if cfg.row_exp else "_base2" if cfg.base2 else ""
    name = f"{cfg.precision}{kind}"
    return name if name in _FORMATS else cfg.precision


def form(name: str) -> Format:
    """The word lengths of one of :data:`FORMATS`."""
    return _FORMATS[name]


def log2e(bits: int) -> int:
    """``round(log2(e) * 2**bits)``, from the series ln 2 = sum 1 / (n * 2**n)."""
    one = 1 << _WORK
    ln2 = sum(one // (n << n) for n in range(1, _WORK))
    return ((one << bits + 1) // ln2 + 1) >> 1


@cache
def power_lines(name: str) -> Lines:
    """P: ``2**f - 1`` for f in [0, 1), in units of ``2**-mant``; the leading one is implied.

    The mantissa of fraction ``f`` is ``entry[s] + (slope[s] * t >> p_shift)``, with ``s`` the
    leading ``p_seg`` bits of ``f`` and ``t`` the others.
    """
    fmt = form(name)
    root = _two_to_the_inverse(fmt.g)
    values, power = [], 1 << _WORK
    for _ in range(1 << fmt.g):
        values.append((power - (1 << _WORK)) >> (_WORK - fmt.mant - _GUARD))
        power = power * root >> _WORK
    return _fit(np.array(values), 1 << fmt.p_seg, fmt.p_shift, 0, (1 << fmt.mant) - 1)


@cache
def reciprocal_lines(name: str) -> Lines:
    """R: ``M / 2**w / s`` for s in [1, 2), in units of ``2**-r_out``.

    The value at the middle of what truncation to ``r_in`` fraction bits lumps together is
    ``entry[s] - (slope[s] * t >> r_shift)``, with ``s`` the leading ``r_seg`` fraction bits of the
    sum and ``t`` the others.
    """
    fmt = form(name)
    m, steps = (1 << fmt.w) - 1, 1 << fmt.r_in
    # M / 2**w / (1 + (2 i + 1) / (2 steps))
    values = [
        (m << fmt.r_out + _GUARD + fmt.r_in + 1) // ((2 * (steps + i) + 1) << fmt.w)
        for i in range(steps)
    ]
    return _fit(np.array(values), 1 << fmt.r_seg, fmt.r_shift, 1, (1 << fmt.r_out) - 1)


def bits(name: str) -> int:
    """Bits that P and R take together."""
    return power_lines(name).bits + reciprocal_lines(name).bits


def _two_to_the_inverse(g: int) -> int:
    """``2**(2**-g)`` with _WORK fraction bits: ``g`` square roots of 2."""
    root = 2 << _WORK
    for _ in range(g):
        root = math.isqrt(root << _WORK)
    return root


def _fit(
    values: npt.NDArray[np.int64], segments: int, shift: int, falling: int, largest: int
) -> Lines:
    """The best lines for ``values`` (with _GUARD bits below the last), one segment at a time."""
    steps = len(values) // segments
    t = np.arange(steps)
    sign = -1 if falling else 1
    entries, slopes = [], []
    bound = largest if falling else 0  # where the segment before has ended
    for part in values.reshape(segments, steps):
        secant = abs(int(part[-1] - part[0])) * 2**shift // ((steps - 1) << _GUARD)
        best: tuple[int, int, int] | None = None
        for slope in range(max(secant - 1, 0), secant + 3):
            line = sign * (slope * t >> shift)
            rest = part - (line << _GUARD)
            middle = (int(rest.max()) + int(rest.min())) >> (_GUARD + 1)
            for entry in (middle - 1, middle, middle + 1, middle + 2):
                error = int(np.abs(rest - (entry << _GUARD)).max())
                ends = (entry, entry + int(line[-1]))
                legal = min(ends) >= 0 and max(ends) <= largest and sign * (entry - bound) >= 0
                if legal and (best is None or error < best[0]):
                    best = (error, entry, slope)
        if best is None:
            raise AssertionError("no line keeps the table within its range and monotonic")
        entries.append(best[1])
        slopes.append(best[2])
        bound = best[1] + sign * (best[2] * (steps - 1) >> shift)
    whole, change = np.array(entries, dtype=np.int64), np.array(slopes, dtype=np.int64)
    for table in (whole, change):
        table.flags.writeable = False
    return Lines(whole, change, int(whole.max()).bit_length(), int(change.max()).bit_length())
