"""What the methods share: chunks of rows, distances, sums, and what a method costs.

Every function takes rows of which only the kept elements count.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from softmax_cosim.configs import Config, UsageError
from softmax_cosim.configs.numbers import Fixed
from softmax_cosim.golden import shell
from softmax_cosim.golden.rows import Rows

__all__ = [
    "About",
    "Array",
    "Ints",
    "beats",
    "distance",
    "flat",
    "frac",
    "half_up",
    "method",
    "step",
    "total",
    "unit",
]

Ints = npt.NDArray[np.int64]
Array = npt.NDArray[Any]
Method = Callable[[Config, Rows], Array]

#: Elements worked on at a time.
CHUNK = 1 << 18


@dataclass(frozen=True)
class About:
    """What is known of a method beside its numbers."""

    name: str
    source: str
    """A paper, or where its description stands."""
    multipliers: int
    """Products of two variables that an element takes; those by a constant do not count."""
    dividers: int
    """Divisions that an element takes; those of a row, by a table or not, do not count."""
    passes: int
    """Times that the scores of a row are read, in the authors' schedule."""


def method(function: Method) -> Method:
    """A golden function that works through runs of rows, and gives 0 where masked."""

    @functools.wraps(function)
    def run(cfg: Config, rows: Rows) -> Array:
        parts = [
            np.where(part.keep, function(cfg, part), 0)
            for start, stop in shell.chunks(rows.offsets, CHUNK)
            for part in [rows.slice(start, stop)]
        ]
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    return run


def step(cfg: Config) -> float:
    """The real score of one step of the input.

    Raises:
        UsageError: the input has no equal steps.
    """
    if not isinstance(cfg.inputs, Fixed):
        raise UsageError(f"{cfg.name}: input = {cfg.input!r}; this method wants fixed point, qI.F")
    return cfg.scale / cfg.inputs.one


def frac(cfg: Config) -> int:
    """Fraction bits of the input.

    Raises:
        UsageError: the input has no equal steps.
    """
    step(cfg)
    return cfg.frac


def unit(cfg: Config) -> int:
    """Fraction bits of the output.

    Raises:
        UsageError: its 1.0 is no power of two.
    """
    form = cfg.outputs
    if not isinstance(form, Fixed) or form.one != 2.0 ** round(math.log2(form.one)):
        raise UsageError(f"{cfg.name}: output = {form}; this method wants fixed point, uqI.F")
    return round(math.log2(form.one))


def distance(rows: Rows) -> Ints:
    """Codes below the row's largest, [elements]; 0 where masked."""
    q = np.where(rows.keep, rows.q, np.int64(-(1 << 40)))
    top = np.maximum.reduceat(q, rows.offsets[:-1])
    found: Ints = np.where(rows.keep, np.repeat(top, rows.lengths) - q, 0)
    return found


def total(rows: Rows, terms: Array) -> Array:
    """Sum of each row's terms, [rows]; of a row with nothing kept 1, which can be divided by."""
    sums = np.add.reduceat(np.where(rows.keep, terms, terms.dtype.type(0)), rows.offsets[:-1])
    kept = np.logical_or.reduceat(rows.keep, rows.offsets[:-1])
    return np.where(kept, sums, sums.dtype.type(1))


def half_up(x: Ints, by: Ints | int) -> Ints:
    """``x * 2^-by`` to nearest, half up."""
    rounded: Ints = x + (np.int64(1) << by >> 1) >> by
    return rounded


def beats(rows: Rows, values: Array, width: int, fill: Any) -> Array:
    """Values as they come in, ``width`` at a time: [rows, beats, width].

    Masked elements, and those beyond the row's end, have ``fill``.
    """
    count = -(-int(rows.lengths.max()) // width)
    wide = np.full((len(rows), count * width), fill, dtype=values.dtype)
    wide[_inside(rows, count * width)] = np.where(rows.keep, values, values.dtype.type(fill))
    return wide.reshape(len(rows), count, width)


def flat(rows: Rows, wide: Array) -> Array:
    """The elements of rows out of what :func:`beats` made of them: [elements]."""
    wide = wide.reshape(len(rows), -1)
    found: Array = wide[_inside(rows, wide.shape[1])]
    return found


def _inside(rows: Rows, width: int) -> npt.NDArray[np.bool_]:
    inside: npt.NDArray[np.bool_] = np.arange(width) < rows.lengths[:, None]
    return inside
