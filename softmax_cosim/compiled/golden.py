"""The golden model of our methods, an element at a time in C++ and a row at a time in ``golden``.

Of a method the C++ knows tables alone, and those are filled by the functions of its stages: the
term and the column of every distance from the maximum (``rexp``, ``lut2d``), the power of every
code (``split``).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from softmax_cosim.compiled.library import Confirmed, call
from softmax_cosim.compiled.quantised import Extremes
from softmax_cosim.configs import Config
from softmax_cosim.golden import lut2d, rexp, shell, split, tables
from softmax_cosim.golden.metrics import TableHits
from softmax_cosim.golden.rows import Raw, Rows
from softmax_cosim.golden.softmax import check_range
from softmax_cosim.golden.softmax import softmax as softmax_itself

__all__ = ["METHODS", "Answers", "softmax"]

#: Those that are compiled.
METHODS = ("rexp", "lut2d", "split")

_POWER = np.dtype([("octave", np.int32), ("power", np.int32)])


@dataclass(frozen=True)
class Answers:
    """What the hardware must answer for a batch of rows."""

    y: Raw
    """Raw outputs, shape [elements]."""
    exponent: npt.NDArray[np.uint8]
    """Of each row, shape [rows]; 0 without one."""
    hits: TableHits | None
    """None where nobody knows the tables."""


@dataclass(frozen=True)
class _Batch:
    """Rows, and of each the highest and the lowest code that takes part; arrays of [rows]."""

    rows: Rows
    top: npt.NDArray[np.int32]
    bottom: npt.NDArray[np.int32]
    some: npt.NDArray[np.bool_]
    """Whether any does."""

    @property
    def where(self) -> tuple[Any, ...]:
        """The first parameters of the functions of C++."""
        return self.rows.q, self.rows.keep, self.rows.offsets, len(self.rows)


def softmax(cfg: Config, rows: Rows, known: Extremes | None = None) -> Answers:
    """As :func:`.golden.softmax.softmax`, of one of :data:`METHODS`.

    Of some batches, the first among them, that model computes some rows itself. Extremes of the
    rows that are ``known`` are not looked for.

    Raises:
        ValueError: a kept score that ``cfg.in_w`` bits cannot hold.
        RuntimeError: the two differ.
    """
    batch = _batch(cfg, rows, known)
    answers = _by_octave(cfg, batch) if cfg.method == "split" else _by_distance(cfg, batch)
    _confirm(cfg, rows, answers)
    return answers


@functools.cache
def _confirmed(cfg: Config) -> Confirmed:
    return Confirmed()


def _confirm(cfg: Config, rows: Rows, answers: Answers) -> None:
    some = _confirmed(cfg).of(len(rows), len(rows.q))
    if some.start == some.stop:
        return
    low, high = rows.offsets[[some.start, some.stop]]
    expected = softmax_itself(cfg, rows.slice(some.start, some.stop))
    equal = np.array_equal(answers.y[low:high], expected.y)
    if not equal or not np.array_equal(answers.exponent[some], expected.exponent):
        raise RuntimeError(f"{cfg.name}: the compiled golden model differs from the golden model")


def _batch(cfg: Config, rows: Rows, known: Extremes | None) -> _Batch:
    low, high = cfg.inputs.lowest, cfg.inputs.highest
    if known:
        return _Batch(rows, known.top, known.bottom, known.top >= known.bottom)
    top, bottom = np.empty(len(rows), np.int32), np.empty(len(rows), np.int32)
    kept = np.empty(len(rows), np.int64)
    call("extremes", rows.q, rows.keep, rows.offsets, len(rows), low, high, top, bottom, kept)
    if (top > high).any() or (bottom < low).any():
        check_range(cfg, rows)
    return _Batch(rows, top, bottom, kept > 0)


@dataclass(frozen=True)
class _Distances:
    """What ``rexp`` and ``lut2d`` make of how far a score lies below its row's maximum."""

    shift: int
    """Bits that both are cut down by first."""
    columns: npt.NDArray[np.uint8]
    """By distance, up to where all have one, the index of LUT_1/e or LUT_exp; and one more, that
    of what takes no part."""
    terms: npt.NDArray[np.uint16]
    """By column."""
    outputs: npt.NDArray[np.uint16]
    """By index of the sum and column."""


@functools.cache
def _distances(cfg: Config) -> _Distances:
    held = tables.default(cfg)
    shift = cfg.frac if cfg.method == "rexp" and cfg.index == "msb" else 0
    far, none = np.arange(1 << cfg.in_w >> shift, dtype=np.int32) << shift, np.zeros(1, np.int32)
    columns = np.append(np.arange(tables.index_entries(cfg), dtype=np.int32), 0)
    every = np.arange(len(columns)) < len(columns) - 1
    lines = np.arange(cfg.xs + 1, dtype=np.int32)[:, None]
    if cfg.method == "rexp":
        index = rexp.k(cfg, none, far)
        term = rexp.s(held["LUT_1E"], columns, every)
        outputs = rexp.y(cfg, held["LUT_ALPHA"], term, lines)
    else:
        index = lut2d.k(cfg, none, far)
        term = lut2d.e(held["LUT_EXP"], columns, every)
        outputs = lut2d.y(held["LUT_SIGMA"], lines, lut2d.c(cfg, term), every)
    near = index[: np.searchsorted(index, index[-1]) + 1]
    by_distance = np.append(near, len(columns) - 1).astype(np.uint8)
    return _Distances(shift, by_distance, term, np.ascontiguousarray(outputs, np.uint16))


def _by_distance(cfg: Config, batch: _Batch) -> Answers:
    held, top = _distances(cfg), batch.top
    total, y = np.empty(len(top), np.int32), np.empty(len(batch.rows.q), np.uint16)
    far, width = len(held.columns) - 2, len(held.terms)
    tables_ = far, held.columns, held.terms
    call("sums_by_distance", *batch.where, held.shift, top, *tables_, total, y)
    line = shell.j(cfg, total).astype(np.int32)
    call("outputs_by_distance", batch.rows.offsets, len(top), held.outputs, width, line, y)
    lowest = np.minimum((top >> held.shift) - (batch.bottom >> held.shift), far)
    last = batch.some & (held.columns[np.where(batch.some, lowest, 0)] == width - 2)
    hits = TableHits(len(top), int(last.sum()), int((line == cfg.xs).sum()))
    return Answers(y, np.zeros(len(top), np.uint8), hits)


@functools.cache
def _powers(cfg: Config) -> npt.NDArray[np.void]:
    codes = np.arange(cfg.inputs.lowest, cfg.inputs.highest + 1, dtype=np.int32)
    score = split.c(cfg, codes)
    powers = np.empty(len(codes), _POWER)
    powers["octave"], powers["power"] = score >> split.form(cfg).g, split.p(cfg, score)
    return powers


def _by_octave(cfg: Config, batch: _Batch) -> Answers:
    low, powers = cfg.inputs.lowest, _powers(cfg)
    largest = split.c(cfg, batch.top) * batch.some
    octaves = (largest >> split.form(cfg).g).astype(np.int32)
    total = np.empty(len(octaves), np.int64)
    scale = split.octaves(cfg)
    call(
        "sums_by_octave",
        *(*batch.where, low, powers, octaves, scale.window.bit_length() - 1, scale.columns),
        *(scale.frac - split.form(cfg).mant, total),
    )
    row = split.of_row(cfg, largest, total)
    y = np.empty(len(batch.rows.q), np.uint16)
    place = split.place(cfg, row.top, row.x).astype(np.int32)
    fmt = split.form(cfg)
    call(
        "outputs_by_octave",
        *(*batch.where, low, powers, row.r.astype(np.int32), (fmt.mant + 2) // 2, fmt.cut),
        *(place, y),
    )
    lowest = powers["octave"][np.where(batch.some, batch.bottom, low) - low]
    lost = batch.some & split.lost(cfg, lowest, octaves)
    return Answers(y, row.x.astype(np.uint8), TableHits(len(octaves), int(lost.sum())))
