"""Figures of merit: how far an output is from the reference, by row and over any number of rows.

:func:`row_errors` measures each row of a batch; an :class:`Errors` adds batches up, so that a
million rows need no more memory than one batch; two of them merge (layers into a model).
Probabilities are floats and come with the size of an LSB, which may differ by row (row exponent).

Definitions, for a row with reference ``p`` and output ``o`` at the elements that are kept:

* absolute error ``|o - p|``, as probability and in LSB; L1 is its sum over the row. An output
  where masked is an error like any other.
* KL(reference || output) in nats. Outputs need not add up to 1 and may be 0 where ``p`` is not, so
  they are given half an LSB more, spread evenly over the row's kept elements, and divided by their
  sum. The divergence is then finite and never negative, small (half an LSB) for a perfect one-hot
  row, that of a uniform guess for a row of zeros, and the true one as the LSB shrinks. It is all
  but blind to a common factor: the row sum tells that.
* top-1 agreement: let R be the elements where ``p`` is largest and O those where ``o`` is. The row
  agrees if O lies within R, is wrong if they share nothing, and else is a tie: the output is
  largest at the right element and at a wrong one as well.

Rows with nothing kept have no distribution: they count in ``empty_rows`` and for the largest
error, and in no mean.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from softmax_cosim.configs import Config
from softmax_cosim.golden import shell, split, tables
from softmax_cosim.golden.rows import Rows
from softmax_cosim.golden.softmax import Outputs

__all__ = ["AGREE", "TIE", "WRONG", "Errors", "RowErrors", "TableHits", "row_errors"]

Floats = npt.NDArray[np.float64]

#: Codes of :attr:`RowErrors.top1`.
WRONG, TIE, AGREE = 0, 1, 2


@dataclass(frozen=True)
class RowErrors:
    """Errors of each row of a batch, every array of shape [rows]."""

    kept: npt.NDArray[np.int64]
    """Elements that take part."""
    max_abs: Floats
    """Largest absolute error, as probability; ``max_lsb`` the same in LSB."""
    max_lsb: Floats
    l1: Floats
    """Sum of absolute errors, as probability; ``l1_lsb`` the same in LSB."""
    l1_lsb: Floats
    kl: Floats
    """KL(reference || output) in nats; 0 where nothing is kept."""
    row_sum: Floats
    """Sum of the outputs, as probability."""
    top1: npt.NDArray[np.uint8]
    """WRONG, TIE or AGREE; AGREE where nothing is kept."""


def row_errors(
    reference: Floats,
    output: Floats,
    keep: npt.NDArray[np.bool_],
    offsets: npt.NDArray[np.int64],
    lsb: float | Floats,
    *,
    distribution: bool = True,
) -> RowErrors:
    """Measure each row.

    Args:
        reference: probabilities, shape [elements].
        output: probabilities, shape [elements].
        keep: true where an element takes part, shape [elements].
        offsets: start of each row and end of the last, shape [rows + 1].
        lsb: size of an output's LSB as probability: ``1 / M``, or ``2**-r / M`` of each row.
        distribution: whether the reference is one; else there is no KL divergence, and it is NaN.
    """
    rows = len(offsets) - 1
    whole_lsb = np.broadcast_to(np.asarray(lsb, dtype=np.float64), rows)
    result = RowErrors(
        kept=np.empty(rows, np.int64),
        max_abs=np.empty(rows),
        max_lsb=np.empty(rows),
        l1=np.empty(rows),
        l1_lsb=np.empty(rows),
        kl=np.empty(rows),
        row_sum=np.empty(rows),
        top1=np.empty(rows, np.uint8),
    )
    for start, stop in shell.chunks(offsets):
        part = slice(offsets[start], offsets[stop])
        place = slice(start, stop)
        starts, lengths = offsets[place] - offsets[start], np.diff(offsets[start : stop + 1])
        p, o, kept, size = reference[part], output[part], keep[part], whole_lsb[place]

        error = np.abs(o - p)
        if not distribution:  # what stands at a masked element is nobody's business
            error[~kept] = 0.0
        result.kept[place] = np.add.reduceat(kept, starts, dtype=np.int64)
        result.max_abs[place] = np.maximum.reduceat(error, starts)
        result.max_lsb[place] = result.max_abs[place] / size
        result.l1[place] = np.add.reduceat(error, starts)
        result.l1_lsb[place] = result.l1[place] / size
        result.row_sum[place] = np.add.reduceat(o, starts)
        result.kl[place] = _kl(p, o, kept, starts, lengths, size) if distribution else np.nan
        result.top1[place] = _top1(p, o, kept, starts, lengths)
    return result


def _kl(
    p: Floats,
    o: Floats,
    keep: npt.NDArray[np.bool_],
    starts: npt.NDArray[np.int64],
    lengths: npt.NDArray[np.int64],
    lsb: Floats,
) -> Floats:
    """KL(p || o) of each row, after spreading half an LSB over ``o`` and dividing by its sum."""
    kept = np.maximum(np.add.reduceat(keep, starts, dtype=np.int64), 1)
    smooth = np.maximum(o, 0.0) + np.repeat(lsb / 2 / kept, lengths)  # some formats have a sign
    total = np.add.reduceat(np.where(keep, smooth, 0.0), starts)
    ratio = np.divide(p, smooth, where=p > 0, out=np.ones(len(p)))
    # sum p ln(p / (o / total)) = sum p ln(p / o) + ln(total), as p adds up to 1
    kl = np.add.reduceat(p * np.log(ratio), starts) + np.log(np.where(total > 0, total, 1.0))
    positive: Floats = np.maximum(kl, 0.0)  # rounding may leave -1e-17
    return positive


def _top1(
    p: Floats,
    o: Floats,
    keep: npt.NDArray[np.bool_],
    starts: npt.NDArray[np.int64],
    lengths: npt.NDArray[np.int64],
) -> npt.NDArray[np.uint8]:
    """WRONG, TIE or AGREE of each row."""

    def largest(values: Floats) -> npt.NDArray[np.bool_]:
        kept = np.where(keep, values, -np.inf)
        top = np.repeat(np.maximum.reduceat(kept, starts), lengths)
        found: npt.NDArray[np.bool_] = (kept == top) & keep
        return found

    right, chosen = largest(p), largest(o)
    shared = np.logical_or.reduceat(right & chosen, starts)
    strayed = np.logical_or.reduceat(chosen & ~right, starts)
    return np.where(strayed, np.where(shared, TIE, WRONG), AGREE).astype(np.uint8)


#: How two accumulators' fields become one; the others add up.
_COMBINE: dict[str, Callable[[Any, Any], Any]] = {
    "max_abs": max,
    "max_lsb": max,
    "row_sum_min": min,
    "row_sum_max": max,
}


@dataclass
class Errors:
    """Errors added up over any number of batches, of one output against one reference."""

    rows: int = 0
    empty_rows: int = 0
    """Rows with nothing kept."""
    elements: int = 0
    """Kept elements."""
    agree: int = 0
    ties: int = 0
    max_abs: float = 0.0
    max_lsb: float = 0.0
    l1: float = 0.0
    l1_lsb: float = 0.0
    kl: float = 0.0
    row_sum: float = 0.0
    row_sum_min: float = math.inf
    row_sum_max: float = -math.inf

    def update(
        self,
        reference: Floats,
        output: Floats,
        keep: npt.NDArray[np.bool_],
        offsets: npt.NDArray[np.int64],
        lsb: float | Floats,
    ) -> RowErrors:
        """Add a batch; arguments and result are those of :func:`row_errors`."""
        errors = row_errors(reference, output, keep, offsets, lsb)
        self.add(errors)
        return errors

    def add(self, errors: RowErrors) -> None:
        """Add rows that have been measured."""
        full = errors.kept > 0
        some = slice(None) if full.all() else full
        row_sum, top1 = errors.row_sum[some], errors.top1[some]
        self.merge(
            Errors(
                rows=len(full),
                empty_rows=int(np.count_nonzero(~full)),
                elements=int(errors.kept.sum()),
                agree=int(np.count_nonzero(top1 == AGREE)),
                ties=int(np.count_nonzero(top1 == TIE)),
                max_abs=float(errors.max_abs.max(initial=0.0)),
                max_lsb=float(errors.max_lsb.max(initial=0.0)),
                l1=float(errors.l1[some].sum()),
                l1_lsb=float(errors.l1_lsb[some].sum()),
                kl=float(errors.kl[some].sum()),
                row_sum=float(row_sum.sum()),
                row_sum_min=float(row_sum.min(initial=math.inf)),
                row_sum_max=float(row_sum.max(initial=-math.inf)),
            )
        )

    def merge(self, other: Errors) -> None:
        """Add what another accumulator holds."""
        mine, theirs = vars(self), vars(other)
        for name, value in theirs.items():
            mine[name] = _COMBINE.get(name, operator.add)(mine[name], value)

    def result(self) -> dict[str, float]:
        """The figures: largest, means over kept elements or over rows, and counts of rows.

        ``max_lsb``, ``max_abs``, ``mean_lsb``, ``mean_abs`` (over elements), ``l1``, ``kl``,
        ``row_sum_mean``, ``row_sum_min``, ``row_sum_max``, ``top1``, ``top1_ties`` (fractions of
        rows) and ``rows``, ``empty_rows``, ``elements``. All but the counts are 0 while no row
        has anything kept.
        """
        full = self.rows - self.empty_rows
        per_row, per_element = max(full, 1), max(self.elements, 1)
        return {
            "rows": self.rows,
            "empty_rows": self.empty_rows,
            "elements": self.elements,
            "max_lsb": self.max_lsb,
            "max_abs": self.max_abs,
            "mean_lsb": self.l1_lsb / per_element,
            "mean_abs": self.l1 / per_element,
            "l1": self.l1 / per_row,
            "kl": self.kl / per_row,
            "row_sum_mean": self.row_sum / per_row,
            "row_sum_min": self.row_sum_min if full else 0.0,
            "row_sum_max": self.row_sum_max if full else 0.0,
            "top1": self.agree / per_row,
            "top1_ties": self.ties / per_row,
        }


@dataclass
class TableHits:
    """Rows that hit the last entry of a table, added up over any number of batches."""

    rows: int = 0
    index_last_rows: int = 0
    """Rows with a kept element at the last entry of LUT_1/e or LUT_exp, as far as it reaches;
    with ``split``, below the columns of the sum."""
    sum_last_rows: int = 0
    """Rows whose sum came to index XS or beyond, the last of LUT_alpha or LUT_sigma; none with
    ``split``."""

    def update(self, cfg: Config, rows: Rows, outputs: Outputs) -> None:
        """Add a batch and its golden outputs."""
        stages = outputs.stages
        self.rows += len(rows)
        if cfg.method == "split":
            at_last = split.lost(cfg, stages["o"], np.repeat(stages["max"], rows.lengths))
        else:
            at_last = stages["k"] == tables.index_entries(cfg) - 1
            self.sum_last_rows += int(np.count_nonzero(stages["j"] == cfg.xs))
        hit = np.logical_or.reduceat(at_last & rows.keep, rows.offsets[:-1])
        self.index_last_rows += int(np.count_nonzero(hit))

    def merge(self, other: TableHits) -> None:
        """Add what another accumulator holds."""
        self.rows += other.rows
        self.index_last_rows += other.index_last_rows
        self.sum_last_rows += other.sum_last_rows
