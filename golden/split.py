"""Method ``split`` (ours): base 2, split at the binary point, made to be accurate.

    c   = round(q * log2(e) * 2**(g - F))      the score in octaves: a constant multiplication
    c   = round(q * 2**(g - F))                with base2, where scores come in octaves
    o   = c >> g, counted from 1               its octave; 0 where masked
    p   = 2**(fraction of c)                   in [1, 2): the table P, one octave
    sum = sum(p * 2**(o - max(o)))             exact
    r   = M / 2**w / sum                       through R, one octave, the sum being normalised
    y   = round(p * r * 2**(o + x))            x is the row exponent

What makes the sum exact in one pass, whatever the order: it is added up by columns, as on paper.
Octaves are grouped into windows of 8. A term is ``p`` shifted left by the octave's place in its
window, an integer of two digits: what is above the window's width goes into the window's own
column, the rest into the one below. Four accumulators hold the column of the maximum's window and
the three below; when the maximum enters a higher window they move down. No carry passes from column
to column before the row's end, so nothing depends on when that happened: ``sum``. Digits further
below are lost, of each term less than 2**-24 of the largest. (At int16 it is three columns of 16
octaves, and 2**-31.) Scores of fewer than 32 octaves have one column.

With base 2 the words are shorter, and the product of ``p`` and ``r`` goes without its last bits:
each digit of base 4 of ``p`` picks a multiple of ``r``, of which the bits below the cut are not
added.

Error bound. Let ``w_i = exp(q_i 2**-F)``, ``p_i`` the softmax of a row, and let the hardware's
terms be ``w_i (1 + a_i)`` with all ``a_i`` within ``[a, b]``. A common factor cancels, so only
``delta = (1 + b) / (1 + a) - 1`` counts. Let its reciprocal be that of the sum times ``1 + t``,
``|t| <= tau``. Then, before rounding, element ``i`` comes out as

    p_i (1 + a_i) (1 + t) / sum_j p_j (1 + a_j)

which is off by at most ``p (1 - p) delta + p tau (1 + delta)``: worst when the element has one
extreme error and all others the opposite one. The bound is ``M`` times the maximum of that over
``p``, and what the product's cut can take; with a row exponent ``M p 2**x <= M`` stands for
``M p``, and as ``p`` may be small then, the factor ``1 - p`` goes. ``delta`` and ``tau`` are no
estimates: tests/golden/split_bound.py goes through every score and every normalised sum, and
tests/golden/split_search.py finds rows that come within three tenths of the bound. Two numbers less
than 1 apart round to numbers at most 1 apart, two numbers less than 2 apart to numbers at most 2
apart.

    format          table bytes   bound in LSB        largest error against round(M * softmax)
    uint8                48          0.64                      1 LSB
    uint8_base2          56          0.83                      1 LSB
    uint8_rowexp         68          0.93                      1 LSB
    int16               252          0.51, 1.75 scaled         1 LSB, 2 scaled
    int16_base2         132          1.60                      2 LSB

``y`` is a monotonic function of ``c`` within a row, and ``c`` of ``q``: no order is ever reversed.
For the product that holds as one more in the last bit of ``p`` outweighs what one digit can lose,
and digits that fall from 3 to 0 by it lose nothing any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from softmax_cosim.configs import Config
from softmax_cosim.golden import split_tables
from softmax_cosim.golden.shell import Ints
from softmax_cosim.golden.split_tables import ONE_WINDOW, Format

__all__ = [
    "Octaves",
    "Row",
    "c",
    "form",
    "lost",
    "octaves",
    "of_row",
    "p",
    "place",
    "product",
    "r",
    "run",
    "top",
    "total",
    "x",
    "y",
]

Wide = npt.NDArray[np.int64]


def form(cfg: Config) -> Format:
    """The word lengths of a configuration."""
    return split_tables.form(_name(cfg))


def _name(cfg: Config) -> str:
    return split_tables.format_name(cfg)


@dataclass(frozen=True)
class Octaves:
    """How scores become octaves: ``c = (q * factor + bias) >> shift``, octave 1 the lowest."""

    factor: int
    shift: int
    bias: int
    """A half for rounding, and what counts the octaves from 1."""
    last: int
    """Octave of the highest score."""
    window: int
    """Octaves of a window of the sum."""
    columns: int
    """Columns that are kept: 1 where a window holds every octave there is."""
    frac: int
    """Bits of the sum below the foot of its highest window."""


@cache
def octaves(cfg: Config) -> Octaves:
    """The octaves of a configuration's scores."""
    fmt = form(cfg)
    k = 0 if cfg.base2 else fmt.k
    factor, shift = 1 if cfg.base2 else split_tables.log2e(k), k + cfg.frac - fmt.g
    if shift < 0:
        factor, shift = factor << -shift, 0
    half, limit = 1 << shift >> 1, 1 << cfg.in_w - 1
    lowest = (-limit * factor + half) >> shift + fmt.g
    highest = ((limit - 1) * factor + half) >> shift + fmt.g
    bias = half + ((1 - lowest) << shift + fmt.g)
    last = highest - lowest + 1
    one = last < ONE_WINDOW
    window, columns = (ONE_WINDOW, 1) if one else (1 << fmt.window, fmt.columns)
    frac = fmt.mant if one else max(fmt.mant, fmt.s)
    return Octaves(factor, shift, bias, last, window, columns, frac)


def c(cfg: Config, q: Ints) -> Wide:
    """The score in octaves, ``g`` fraction bits; the lowest score there is lies in octave 1."""
    scale = octaves(cfg)
    return (q.astype(np.int64) * scale.factor + scale.bias) >> scale.shift


def p(cfg: Config, c: Wide) -> Wide:
    """Power of two of the fraction, in [1, 2) with ``mant`` fraction bits: the table P."""
    fmt = form(cfg)
    table, low = split_tables.power_lines(_name(cfg)), fmt.g - fmt.p_seg
    segment, offset = (c >> low) & (2**fmt.p_seg - 1), c & (2**low - 1)
    change = table.slope[segment] * offset >> fmt.p_shift
    power: Wide = (1 << fmt.mant) + table.entry[segment] + change
    return power


def total(cfg: Config, o: Wide, p: Wide, top: Wide, starts: npt.NDArray[np.int64]) -> Wide:
    """``sum``: the row's terms, ``frac`` bits below the top window's foot.

    A term goes without its digits below the last column, all at once here: without its last bits.

    Args:
        cfg: the configuration.
        o: octaves, shape [elements].
        p: shape [elements], 0 where masked.
        top: highest octave of each element's row, shape [elements].
        starts: start of each row.
    """
    octave = octaves(cfg)
    below = max(octave.columns - 2, 0) * octave.window  # the last column lies so far below ``p``'s
    at = o - top // octave.window * octave.window + below
    term = (p << np.maximum(at, 0) >> np.maximum(-at, 0)) * (at >= -octave.window)
    whole: Wide = np.add.reduceat(term, starts)
    return whole >> below - (octave.frac - form(cfg).mant)


def lost(cfg: Config, o: Ints, highest: Ints) -> npt.NDArray[np.bool_]:
    """Terms too small for the sum: below the columns that are kept."""
    octave = octaves(cfg)
    below = highest // octave.window - o // octave.window
    return np.asarray(below >= octave.columns)


def _foot(cfg: Config, o: Ints) -> Ints:
    """First octave of the window in which ``o`` lies."""
    window = octaves(cfg).window
    foot: Ints = o // window * window
    return foot


def top(cfg: Config, o: Ints, total: Wide) -> Ints:
    """Octave of the sum: that of its leading one.

    Args:
        cfg: the configuration.
        o: highest octave of each row, shape [rows].
        total: shape [rows].
    """
    exponent = np.frexp(total.astype(np.float64))[1] - 1
    exponent -= total < np.int64(1) << np.maximum(exponent, 0)  # a large sum may have rounded up
    octave: Ints = _foot(cfg, o) + exponent - octaves(cfg).frac
    return octave


def r(cfg: Config, o: Ints, top: Ints, total: Wide) -> Wide:
    """Reciprocal of the normalised sum, times ``M / 2**w``, ``r`` fraction bits; shape [rows]."""
    fmt = form(cfg)
    # A row's largest term has its leading one at or above bit ``frac``; without any, ``top`` lies
    # below the foot.
    right = np.maximum(top - _foot(cfg, o), 0) + octaves(cfg).frac - fmt.s
    return reciprocal(_name(cfg), (total << np.maximum(-right, 0)) >> np.maximum(right, 0))


def reciprocal(name: str, s: Wide) -> Wide:
    """R of a sum ``s`` in [1, 2), ``fmt.s`` fraction bits, and the Newton step if there is one.

    The step refines the table's ``t`` to ``t * (1 + unity - s * t)``, which squares its error.
    """
    fmt, table = split_tables.form(name), split_tables.reciprocal_lines(name)
    low, seen = fmt.r_in - fmt.r_seg, (s >> fmt.s - fmt.r_in) & (2**fmt.r_in - 1)
    segment, offset = seen >> low, seen & (2**low - 1)
    t: Wide = table.entry[segment] - (table.slope[segment] * offset >> fmt.r_shift)
    if not fmt.newton:
        return t
    error = (fmt.unity - s * t) >> fmt.s + fmt.r_out - fmt.newton
    drop = fmt.r_out + fmt.newton - fmt.r
    refined: Wide = ((t << fmt.newton) + t * error + (1 << drop - 1)) >> drop
    return refined


def product(fmt: Format, p: Wide, r: Wide) -> Wide:
    """``p * r`` without its last ``cut`` bits, nearly: a digit of base 4 of ``p`` at a time.

    Each digit's multiple of ``r`` loses what lies below the cut, about half of the last bit that is
    left: one for every two digits makes up for that.
    """
    digits, whole = (fmt.mant + 2) // 2, np.zeros(np.broadcast(p, r).shape, np.int64)
    for n in range(digits):
        whole += ((p >> 2 * n & 3) * r << 2 * n) >> fmt.cut
    return whole + (fmt.cut + 1) // 4


def x(cfg: Config, largest: Wide, r: Wide, top: Ints) -> Ints:
    """Row exponent, shape [rows]: the largest of 0 .. 15 at which the row does not saturate.

    Args:
        cfg: the configuration.
        largest: ``c`` of each row's largest element.
        r: reciprocals.
        top: octaves of the sums.
    """
    fmt = form(cfg)
    found = product(fmt, p(cfg, largest), r)
    # round(found >> n) <= M while found < 2**(n + w) - 2**(n - 1), with n down to ``drop``.
    drop = fmt.r + fmt.mant - fmt.w - fmt.cut
    limit = (1 << drop + fmt.w) - (1 << drop - 1)
    distance = top - (largest >> fmt.g)
    fits = (found < limit).astype(np.int32) + (2 * found < limit)
    return np.clip(distance - 1 + fits, 0, 15).astype(np.int32)


def place(cfg: Config, top: Ints, x: Ints) -> Ints:
    """Places by which the product is shifted right to become an output, and its octave more."""
    fmt = form(cfg)
    places: Ints = fmt.r + fmt.mant - fmt.w - fmt.cut + top - x
    return places


def y(cfg: Config, o: Wide, p: Wide, r: Wide, place: Ints) -> Wide:
    """Output: the product, shifted to its place and rounded to nearest; 0 where masked."""
    rounded: Wide = ((product(form(cfg), p, r) >> np.clip(place - o - 1, 0, 63)) + 1) >> 1
    return rounded * (p > 0)


@dataclass(frozen=True)
class Row:
    """What is computed once a row, from its sum; stages of :data:`.golden.softmax.STAGES`."""

    top: Ints
    r: Wide
    x: Ints


def of_row(cfg: Config, largest: Wide, total: Wide) -> Row:
    """The stages between a row's sum and its outputs.

    Args:
        cfg: the configuration.
        largest: ``c`` of each row's largest element, 0 where nothing is kept, shape [rows].
        total: ``sum`` of each row.
    """
    highest = (largest >> form(cfg).g).astype(np.int32)
    leading = top(cfg, highest, total)
    inverse = r(cfg, highest, leading, total)
    scale = x(cfg, largest, inverse, leading) * (largest > 0) if cfg.row_exp else 0 * highest
    return Row(leading, inverse, scale)


def run(
    cfg: Config, q: Ints, keep: npt.NDArray[np.bool_], starts: npt.NDArray[np.int64]
) -> dict[str, npt.NDArray[Any]]:
    """Every stage of a batch of rows, by the names of :data:`.golden.softmax.STAGES`."""
    fmt, lengths = form(cfg), np.diff(starts, append=len(q))
    score = c(cfg, np.where(keep, q, 0)) * keep
    octave, power = score >> fmt.g, p(cfg, score) * keep
    largest = np.maximum.reduceat(score, starts)
    highest = (largest >> fmt.g).astype(np.int32)
    whole = total(cfg, octave, power, np.repeat(highest, lengths), starts)
    row = of_row(cfg, largest, whole)
    places = np.repeat(place(cfg, row.top, row.x), lengths)
    out = y(cfg, octave, power, np.repeat(row.r, lengths), places)
    return {
        "o": octave,
        "p": power,
        "max": highest,
        "sum": whole,
        "top": row.top,
        "r": row.r,
        "x": row.x,
        "y": out,
    }
