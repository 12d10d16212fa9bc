"""One slice of one tensor: quantise, golden model, hardware, and everything measured about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from softmax_cosim.configs import Config
from softmax_cosim.golden import framing, metrics, reference, timing
from softmax_cosim.golden.compare import apart
from softmax_cosim.golden.quantise import Clipping, quantise
from softmax_cosim.golden.rows import Results, Rows
from softmax_cosim.golden.softmax import Outputs, softmax
from softmax_cosim.plan import Design, Planned
from softmax_cosim.report import Failure, RowBatch, RowDetail
from softmax_cosim.trace import Layer, LayerRows

__all__ = ["Measured", "Slice", "predicted"]


@dataclass(frozen=True)
class Slice:
    """Some rows of a tensor, ready to be played."""

    design: Design
    planned: Planned
    layer: Layer
    picked: npt.NDArray[np.int64]
    """Numbers of the rows within the tensor, shape [rows]."""
    flat: LayerRows
    rows: Rows
    """As driven."""
    clipping: Clipping
    """What the quantiser could not hold of them."""

    @classmethod
    def of(
        cls, design: Design, planned: Planned, layer: Layer, picked: npt.NDArray[np.int64]
    ) -> Slice:
        """Quantise the rows ``picked`` of a tensor.

        Raises:
            UsageError: scores that are no numbers, or elements that the design cannot be given.
        """
        cfg, trace = design.cfg, planned.trace
        flat = layer.flatten(picked)
        count, length = flat.scores.shape
        codes = quantise(flat.scores, flat.keep, cfg, name=f"{trace.path}: {layer.name}")
        offsets = np.arange(count + 1, dtype=np.int64) * length
        rows = Rows(codes.q.reshape(-1), codes.keep.reshape(-1), offsets)
        framing.check(cfg, rows)
        return cls(design, planned, layer, picked, flat, rows, codes.clipping)

    def measure(self, results: Results | None = None, *, predictable: bool = False) -> Measured:
        """Compare with the golden model and measure.

        Args:
            results: what the hardware answered; None measures the golden model alone.
            predictable: the sink never stalled, so the timing model says when each row leaves.
        """
        cfg, rows, offsets = self.design.cfg, self.rows, self.rows.offsets
        count, length = self.flat.scores.shape
        golden = softmax(cfg, rows) if cfg.golden else None
        played = results is not None
        if results is None:
            assert golden is not None
            results = _unplayed(golden, count)
        lost = results.lost & played

        leaves = (np.full(count, -1), np.full(count, -1))
        if predictable and not lost.any():
            leaves = predicted(cfg, rows.lengths, results)
        of_scores = reference.of_scores(cfg, self.flat.scores.reshape(-1), rows.keep, offsets)
        of_quantised = reference.of_quantised(cfg, rows)
        lsb = np.ldexp(cfg.outputs.lsb, -results.exponent.astype(np.int32))
        output = cfg.real(results.y, np.repeat(results.exponent, length))
        nonfinite = ~np.isfinite(output)
        differs = apart(cfg, golden.y if golden else None, results.y).reshape(count, length)
        if golden is not None:
            differs |= (results.exponent != golden.exponent)[:, None]
        differs[lost | results.error] = False
        hits = None
        if golden is not None and len(golden.stages) > 1:
            hits = metrics.TableHits()
            hits.update(cfg, rows, golden)

        numbers = np.where(nonfinite, 0.0, output)  # rows that have others stay out of the errors
        shape = numbers, rows.keep, offsets, lsb
        softmax_like = cfg.reference == "softmax"

        def detail(i: int) -> RowDetail:
            part = slice(offsets[i], offsets[i + 1])
            return RowDetail(of_scores[part], output[part], self.command([i]))

        batch = RowBatch(
            trace=str(self.planned.trace.path),
            model=self.planned.trace.model,
            tensor=self.layer.name,
            row=self.picked,
            batch=self.flat.batch,
            head=self.flat.head,
            query=self.flat.query,
            length=rows.lengths,
            active=np.count_nonzero(rows.keep.reshape(count, length), axis=1),
            first_in=results.first_in,
            last_in=results.last_in,
            first_out=results.first_out,
            last_out=results.last_out,
            predicted_first_out=leaves[0],
            predicted_last_out=leaves[1],
            mismatched=np.count_nonzero(differs, axis=1),
            nonfinite=np.count_nonzero(nonfinite.reshape(count, length), axis=1),
            lost=lost,
            error=results.error,
            clipped=self.clipping.clipped,
            underflow=self.clipping.underflow,
            moved=self.clipping.moved,
            hits=hits,
            datapath=metrics.row_errors(of_quantised, *shape, distribution=softmax_like),
            total=metrics.row_errors(of_scores, *shape, distribution=softmax_like),
            detail=detail,
            played=played,
        )
        return Measured(self, golden, results, batch, of_scores, output)

    def of_rows(self, picked: npt.NDArray[np.int64]) -> Slice:
        """Other rows of the same tensor."""
        return Slice.of(self.design, self.planned, self.layer, picked)

    def command(self, places: Iterable[int], *, draws: Sequence[str] = ()) -> str:
        """What plays just these rows, by their places in the slice."""
        rows = (int(self.picked[place]) for place in places)
        return self.design.command(self.planned.trace, self.layer.index, rows, draws=draws)


@dataclass(frozen=True)
class Measured:
    """What one slice gave."""

    slice: Slice
    golden: Outputs | None
    """None when there is no golden model."""
    results: Results
    batch: RowBatch
    reference: npt.NDArray[np.float64]
    """Float64 softmax of the original scores, shape [elements]."""
    output: npt.NDArray[np.float64]
    """What came out as probability, shape [elements]."""

    @property
    def wrong(self) -> npt.NDArray[np.bool_]:
        """True where a row is not what the golden model says, [rows]."""
        batch = self.batch
        wrong: npt.NDArray[np.bool_] = (batch.mismatched > 0) | batch.lost | batch.error
        return wrong

    def failure(self, i: int) -> Failure:
        """What is wrong with the ``i``-th row of the slice."""
        batch = self.batch
        failure = Failure(
            trace=batch.trace,
            tensor=batch.tensor,
            row=int(batch.row[i]),
            batch=int(batch.batch[i]),
            head=int(batch.head[i]),
            query=int(batch.query[i]),
            what="lost" if batch.lost[i] else "error flag" if batch.error[i] else "mismatch",
            command="",
        )
        if not batch.mismatched[i]:
            return failure
        offsets, cfg = self.slice.rows.offsets, self.slice.design.cfg
        part = slice(offsets[i], offsets[i + 1])
        expected = self.golden.y[part] if self.golden else None
        actual = self.results.y[part]
        wrong = apart(cfg, expected, actual)
        if not wrong.any():
            return replace(failure, what="row exponent")
        element = int(wrong.argmax())
        if expected is None:
            value = f"0x{actual[element]:x}"
            return replace(failure, what=f"element {element} is {value}, which is no number")
        return replace(
            failure,
            element=element,
            lane=element % cfg.lanes,
            expected=int(expected[element]),
            actual=int(actual[element]),
        )


def predicted(
    cfg: Config, lengths: npt.NDArray[np.int64], results: Results
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Cycles in which rows of one tensor should have left: of their first and last output beat.

    ``lengths`` are those of the rows, [rows].
    """
    if cfg.design is None:
        return timing.predict(cfg, results.last_in, -(-lengths // cfg.lanes))
    # A formula speaks of a row's whole time, not of its first output.
    cycles = timing.stated(cfg, framing.driven_lengths(cfg, lengths))
    return results.first_out, results.first_in + cycles


def _unplayed(golden: Outputs, rows: int) -> Results:
    """The golden outputs as if from hardware that takes no time."""
    never = np.full(rows, -1, dtype=np.int64)
    flags = np.zeros(rows, dtype=np.bool_)
    return Results(golden.y, flags, golden.exponent, never, never, never, never)
