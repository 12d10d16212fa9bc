"""TOSA's softmax: what a TensorFlow Lite softmax becomes in TOSA operators, by tables.

``legalize_common.cc`` of TensorFlow's TOSA dialect; Arm NN and Ethos-U take the same operators; no
paper of its own. 8-bit scores: gemmlowp's ``e^x`` of every distance in four tables, of a byte each
(513 entries of 16 bits, as the operator has them), then gemmlowp's reciprocal, with products
rounded half up. 16-bit scores: two tables of 513 entries of 16 bits, interpolated: ``e^x`` over
[-10, 0] and ``1 / (1 + x)`` over [0, 1].

Chosen here: the scale of a score is the step of the input format. Scores of more than 8 bits take
the tables of 16-bit ones, and their outputs of 15 fraction bits are rounded to the output's, half
up. Entries are those of ``gen_lut`` of TensorFlow Lite in float64; two of CMSIS-NN's differ by one.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from softmax_cosim.configs import Config
from softmax_cosim.golden.field import tflite
from softmax_cosim.golden.field.common import (
    About,
    Array,
    Ints,
    distance,
    method,
    step,
    total,
    unit,
)
from softmax_cosim.golden.rows import Rows

__all__ = ["ABOUT", "softmax", "table"]

ABOUT = About("TOSA", "``legalize_common.cc``", multipliers=2, dividers=0, passes=3)


def table(function: Callable[[Array], Array], low: float, high: float) -> Ints:
    """513 entries in Q0.15, shifted so that half of what a chord misses is on either side."""

    def rounded(x: Array) -> Array:
        return np.copysign(np.floor(np.abs(x) + 0.5), x)

    at = low + np.arange(513) * ((high - low) / 512)
    values = function(at) * 32768.0
    ends = rounded(values)
    middle = rounded((values[1:] + ends[:-1]) / 2)
    off = middle - rounded(function(at[:-1] + (high - low) / 1024) * 32768.0)
    ends[:-1] -= rounded(off / 2)
    return np.clip(ends, -32768, 32767).astype(np.int64)


_EXP = table(np.exp, -10.0, 0.0)
_INVERSE = table(lambda x: 1 / (1 + x), 0.0, 1.0)


def _half_up(x: Ints, by: Ints | int) -> Ints:
    shifted: Ints = x + (np.int64(1) << by >> 1) >> by
    return shifted


def _look_up(entries: Ints, x: Ints) -> Ints:
    """Between entries, Q0.15, of x of 16 bits with a sign."""
    at = (x >> 7) + 256
    return _half_up((entries[at] << 7) + (entries[at + 1] - entries[at]) * (x & 0x7F), 7)


def _of_8_bits(cfg: Config, rows: Rows) -> Ints:
    x, near = tflite.scaled(cfg, distance(rows))
    terms = np.where(near, tflite.exponent(x), 0)
    sums = total(rows, _half_up(terms, 12))
    zeros = tflite.zeros(sums)
    half = sums << zeros - 1
    y = 1515870810 + _half_up(half * -1010580540, 31)
    for _ in range(3):
        y = y + 4 * _half_up(y * ((1 << 29) - _half_up(y * half, 31)), 31)
    product = _half_up(terms * np.repeat(y, rows.lengths), 30)
    return _half_up(product, np.repeat(12 + 31 - unit(cfg) - zeros, rows.lengths))


def _of_16_bits(cfg: Config, rows: Rows) -> Ints:
    mantissa, power = math.frexp(step(cfg) / (10.0 / 65535.0))
    multiplier, shift = round(mantissa * 2**31), 31 - power
    scaled = -distance(rows) * multiplier + (1 << shift - 1)
    if shift > 31:  # rounded twice
        scaled = np.where(scaled >= 0, scaled + (1 << 30), scaled - (1 << 30))
    terms = _look_up(_EXP, np.clip((scaled >> shift) + 32767, -32768, 32767))
    sums = total(rows, terms)
    zeros = tflite.zeros(sums)
    x = _half_up((sums << zeros - 1) - (1 << 30), 14) - 32768
    inverse = _look_up(_INVERSE, np.minimum(x, 32767))
    product = terms * np.repeat(inverse, rows.lengths)
    y = _half_up(product, np.repeat(31 - zeros, rows.lengths))
    return _half_up(y, 15 - unit(cfg))


@method
def softmax(cfg: Config, rows: Rows) -> Ints:
    """Fixed point of ``unit`` fraction bits, [elements]."""
    y = _of_8_bits(cfg, rows) if cfg.in_w <= 8 else _of_16_bits(cfg, rows)
    return np.minimum(y, cfg.outputs.highest)
