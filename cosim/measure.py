"""One slice of one tensor: quantise, golden model, hardware, and everything measured about it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from configs import Config
from cosim.report import Failure, RowBatch, RowDetail
from cosim.trace import Layer, Trace
from golden import metrics, reference, timing
from golden.quantise import quantise
from golden.rows import Results, Rows
from golden.softmax import Outputs, softmax

__all__ = ["Measured", "measure"]


@dataclass(frozen=True)
class Measured:
    """What one slice gave."""

    cfg: Config
    rows: Rows
    """As driven."""
    golden: Outputs
    results: Results
    batch: RowBatch
    reference: npt.NDArray[np.float64]
    """Float64 softmax of the original scores, shape [elements]."""

    @property
    def output(self) -> npt.NDArray[np.float64]:
        """What came out as probability, shape [elements]."""
        lengths = self.rows.lengths
        return self.results.y / self.cfg.m * np.repeat(_scale(self.results), lengths)

    def failures(self) -> Iterator[Failure]:
        """Each row that is not what the golden model says."""
        batch = self.batch
        for i in np.flatnonzero((batch.mismatched > 0) | batch.lost | batch.error).tolist():
            failure = Failure(
                trace=batch.trace,
                tensor=batch.tensor,
                row=int(batch.row[i]),
                batch=int(batch.batch[i]),
                head=int(batch.head[i]),
                query=int(batch.query[i]),
                what="lost" if batch.lost[i] else "error flag" if batch.error[i] else "mismatch",
                command=f"{batch.detail(i).command} --waves",
            )
            if batch.mismatched[i]:
                part = slice(self.rows.offsets[i], self.rows.offsets[i + 1])
                expected, actual = self.golden.y[part], self.results.y[part]
                element = int((expected != actual).argmax())
                failure = replace(
                    failure,
                    element=element,
                    lane=element % self.cfg.lanes,
                    expected=int(expected[element]),
                    actual=int(actual[element]),
                )
            yield failure


def measure(
    cfg: Config,
    trace: Trace,
    layer: Layer,
    picked: npt.NDArray[np.int64],
    hardware: Callable[[Rows], Results] | None = None,
    *,
    predictable: bool = False,
) -> Measured:
    """Run and measure some rows of a tensor.

    Args:
        cfg: the configuration.
        trace: where the tensor is from.
        layer: the tensor.
        picked: numbers of the rows to take, shape [rows].
        hardware: plays rows; None measures the golden model alone.
        predictable: the sink never stalls, so the timing model says when each row leaves.
    """
    flat = layer.flatten(picked)
    count, length = flat.scores.shape
    codes = quantise(flat.scores, flat.keep, cfg, name=f"{trace.path}: {layer.name}")
    offsets = np.arange(count + 1, dtype=np.int64) * length
    rows = Rows(codes.q.reshape(-1), codes.keep.reshape(-1), offsets)
    golden = softmax(cfg, rows)
    results = _unplayed(golden, count) if hardware is None else hardware(rows)
    lost = results.lost & (hardware is not None)

    predicted = (np.full(count, -1), np.full(count, -1))
    if predictable and not lost.any():
        predicted = timing.predict(cfg, results.last_in, rows.beats(cfg.lanes))
    differs = (results.y != golden.y).reshape(count, length)
    differs |= (results.exponent != golden.exponent)[:, None]
    differs[lost | results.error] = False
    of_scores = reference.softmax_of_scores(flat.scores.reshape(-1), rows.keep, offsets)
    of_quantised = reference.softmax_of_quantised(rows, cfg.frac)
    lsb = _scale(results) / cfg.m
    output = results.y * np.repeat(lsb, length)
    hits = metrics.TableHits()
    hits.update(cfg, rows, golden)

    def detail(i: int) -> RowDetail:
        part = slice(offsets[i], offsets[i + 1])
        command = (
            f"cosim replay {shlex.quote(str(trace.path))} --config {shlex.quote(cfg.name)} "
            f"--lanes {cfg.lanes} --layers {layer.index} --rows {picked[i]}"
        )
        return RowDetail(of_scores[part], output[part], command)

    batch = RowBatch(
        trace=str(trace.path),
        model=trace.model,
        tensor=layer.name,
        row=picked,
        batch=flat.batch,
        head=flat.head,
        query=flat.query,
        length=rows.lengths,
        active=np.count_nonzero(codes.keep, axis=1),
        first_in=results.first_in,
        last_in=results.last_in,
        first_out=results.first_out,
        last_out=results.last_out,
        predicted_first_out=predicted[0],
        predicted_last_out=predicted[1],
        mismatched=np.count_nonzero(differs, axis=1),
        lost=lost,
        error=results.error,
        clipped=codes.clipped,
        hits=hits,
        datapath=metrics.row_errors(of_quantised, output, rows.keep, offsets, lsb),
        total=metrics.row_errors(of_scores, output, rows.keep, offsets, lsb),
        detail=detail,
    )
    return Measured(cfg, rows, golden, results, batch, of_scores)


def _unplayed(golden: Outputs, rows: int) -> Results:
    """The golden outputs as if from hardware that takes no time."""
    never = np.full(rows, -1, dtype=np.int64)
    flags = np.zeros(rows, dtype=np.bool_)
    return Results(golden.y, flags, golden.exponent, never, never, never, never)


def _scale(results: Results) -> npt.NDArray[np.float64]:
    """What the row exponent multiplies a row's values with, shape [rows]."""
    return np.ldexp(1.0, -results.exponent.astype(np.int32))
