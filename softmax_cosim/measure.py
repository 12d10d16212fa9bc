"""One slice of one tensor: quantise, golden model, hardware, and everything measured about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from softmax_cosim.compiled import golden, library, quantised
from softmax_cosim.compiled.errors import Scores, errors_of
from softmax_cosim.compiled.golden import Answers
from softmax_cosim.compiled.quantised import Extremes
from softmax_cosim.configs import Config
from softmax_cosim.configs.numbers import Fixed
from softmax_cosim.golden import framing, metrics, reference, timing
from softmax_cosim.golden.compare import apart
from softmax_cosim.golden.metrics import RowErrors, TableHits
from softmax_cosim.golden.quantise import Clipping, quantise
from softmax_cosim.golden.rows import Results, Rows
from softmax_cosim.golden.softmax import softmax
from softmax_cosim.kept import Kept
from softmax_cosim.plan import Design, Planned
from softmax_cosim.report import Failure, RowBatch, RowDetail
from softmax_cosim.trace import Layer

__all__ = ["Measured", "Slice", "predicted"]

Floats = npt.NDArray[np.float64]
#: Rows as driven, elements of each that take part, what the quantiser could not hold, and extreme
#: codes where they are known.
Driven = tuple[Rows, npt.NDArray[np.int64], Clipping, Extremes | None]


@dataclass(frozen=True)
class Slice:
    """Some rows of a tensor; they are quantised when that is first asked for."""

    design: Design
    planned: Planned
    layer: Layer
    picked: npt.NDArray[np.int64]
    """Numbers of the rows within the tensor, shape [rows]."""

    @property
    def rows(self) -> Rows:
        """As driven.

        Raises:
            UsageError: scores that are no numbers, or elements that the design cannot be given.
        """
        return self._driven[0]

    @property
    def active(self) -> npt.NDArray[np.int64]:
        """Elements that take part, shape [rows]; errors as of :attr:`rows`."""
        return self._driven[1]

    @property
    def clipping(self) -> Clipping:
        """What the quantiser could not hold of them; errors as of :attr:`rows`."""
        return self._driven[2]

    @cached_property
    def _driven(self) -> Driven:
        cfg = self.design.cfg
        kept, form = self.planned.kept, (cfg.inputs, cfg.scale, cfg.recentre)
        key = self.layer.index, self.picked.tobytes(), form
        judged = *key, cfg.outputs.lsb
        driven: Driven | None = kept.find(key) or kept.find(judged)
        if driven is None:
            driven = self._quantised()
            rows, active, clipping, _ = driven
            size = sum(one.nbytes for one in (rows.q, rows.keep, rows.offsets, active, self.picked))
            # What is clipped is judged by a step of the output.
            kept.keep(judged if clipping.clipped or clipping.underflow else key, driven, size)
        framing.check(cfg, driven[0])
        return driven

    def _quantised(self) -> Driven:
        cfg, name = self.design.cfg, f"{self.planned.trace.path}: {self.layer.name}"
        if isinstance(cfg.inputs, Fixed) and library.ready():
            return quantised.quantised(cfg, self.layer, self.picked, name)
        flat = self.layer.flatten(self.picked)
        codes = quantise(flat.scores, flat.keep, cfg, name=name)
        offsets = np.arange(len(self.picked) + 1, dtype=np.int64) * flat.scores.shape[1]
        rows = Rows(codes.q.reshape(-1), codes.keep.reshape(-1), offsets)
        return rows, np.count_nonzero(codes.keep, axis=1), codes.clipping, None

    @property
    def identity(self) -> dict[str, Any]:
        """Which rows they are, as :class:`RowBatch` has it."""
        trace = self.planned.trace
        batch, head, query = self.layer.places(self.picked)
        return {
            "trace": str(trace.path),
            "model": trace.model,
            "tensor": self.layer.name,
            "row": self.picked,
            "batch": batch,
            "head": head,
            "query": query,
        }

    def measure(
        self, results: Results | None = None, *, predictable: bool = False, errors: bool = True
    ) -> Measured:
        """Compare with the golden model and measure.

        Args:
            results: what the hardware answered; None measures the golden model alone.
            predictable: the sink never stalled, so the timing model says when each row leaves.
            errors: measure how far from float it is; else bit accuracy and cycles alone.
        """
        cfg, rows = self.design.cfg, self.rows
        answers = self.answers(fast=library.ready())
        played = results is not None
        if results is None:
            assert answers is not None
            results = _unplayed(answers, len(rows))
        lost = results.lost & played
        wrong = _mismatched(cfg, rows, answers, results)
        if wrong.any():  # nobody but the golden model itself says so
            answers = self.answers()
            wrong = _mismatched(cfg, rows, answers, results)
        wrong[lost | results.error] = 0

        if predictable and not lost.any():
            leaves = predicted(cfg, rows.lengths, results)
        else:
            leaves = (np.full(len(rows), -1), np.full(len(rows), -1))
        strange = ~np.isfinite(_real(cfg, rows, results)) if cfg.outputs.has_nan else None
        nonfinite = np.zeros(len(rows), np.int64)
        if strange is not None:
            nonfinite = np.add.reduceat(strange, rows.offsets[:-1], dtype=np.int64)
        datapath, total = self._errors(results, strange) if errors else (None, None)
        return Measured(
            self,
            lambda: answers,
            results,
            RowBatch(
                **self.identity,
                length=rows.lengths,
                active=self.active,
                first_in=results.first_in,
                last_in=results.last_in,
                first_out=results.first_out,
                last_out=results.last_out,
                predicted_first_out=leaves[0],
                predicted_last_out=leaves[1],
                mismatched=wrong,
                nonfinite=nonfinite,
                lost=lost,
                error=results.error,
                clipped=self.clipping.clipped,
                underflow=self.clipping.underflow,
                moved=self.clipping.moved,
                hits=answers.hits if answers else None,
                datapath=datapath,
                total=total,
                detail=partial(self.detail, results),
                played=played,
            ),
        )

    def detail(self, results: Results, i: int) -> RowDetail:
        """The ``i``-th row looked at closely, of what came out of all."""
        reference_, output = _rows(self, results, [i])
        return RowDetail(reference_[0], output[0], self.command([i]))

    def answers(self, *, fast: bool = False) -> Answers | None:
        """What must come out; None where there is no golden model.

        ``fast``: by compiled code, which is not to be believed where it says that a row is wrong.
        """
        cfg, rows = self.design.cfg, self.rows
        if not cfg.golden:
            return None
        if fast and cfg.method in golden.METHODS:
            return golden.softmax(cfg, rows, self._driven[3])
        outputs, hits = softmax(cfg, rows), None
        if len(outputs.stages) > 1:
            hits = TableHits()
            hits.update(cfg, rows, outputs)
        return Answers(outputs.y, outputs.exponent, hits)

    def _errors(
        self, results: Results, strange: npt.NDArray[np.bool_] | None
    ) -> tuple[RowErrors, RowErrors]:
        """Of what came out, against what is computed of the quantised and the original scores.

        Rows with a ``strange`` element, which is no number, have none that mean anything.
        """
        cfg, rows, layer = self.design.cfg, self.rows, self.layer
        lsb = np.ldexp(cfg.outputs.lsb, -results.exponent.astype(np.int32))
        compiled = cfg.reference == "softmax" and library.ready()
        in_steps = isinstance(cfg.outputs, Fixed) and not cfg.outputs.signed
        output: npt.NDArray[Any] = results.y
        if not (compiled and in_steps and output.dtype == np.uint16):
            output = _real(cfg, rows, results)
        if strange is not None:
            output = np.where(strange, 0.0, output)
        offsets, shape = rows.offsets, (output, rows.keep, rows.offsets, lsb)
        if compiled:
            codes, scale = (
                (rows.q, cfg.scale / cfg.inputs.one)
                if isinstance(cfg.inputs, Fixed)
                else (cfg.scores(rows.q), 1.0)
            )
            quantised_ = Scores(codes, offsets[:-1], scale)
            original = Scores(layer.scores, layer.starts(self.picked))
            datapath, total = errors_of([quantised_, original], *shape)
            return datapath, total
        references = (
            reference.of_quantised(cfg, rows),
            reference.of_scores(cfg, layer.rows(self.picked).reshape(-1), rows.keep, offsets),
        )
        softmax_like = cfg.reference == "softmax"
        datapath, total = (
            metrics.row_errors(one, *shape, distribution=softmax_like) for one in references
        )
        return datapath, total

    def of_rows(self, picked: npt.NDArray[np.int64]) -> Slice:
        """Other rows of the same tensor."""
        return Slice(self.design, self.planned, self.layer, picked)

    def alone(self) -> Slice:
        """The same rows as a tensor of their own, without those that are around them."""
        layer = self.layer
        scores, mask = layer.rows(self.picked)[None, None], None
        if layer.mask is not None:
            of_all = np.broadcast_to(layer.mask, layer.scores.shape)
            mask = of_all[layer.places(self.picked)][None, None]
        planned = replace(self.planned, picked={}, kept=Kept())
        own = Layer(layer.index, scores, mask)
        return Slice(self.design, planned, own, np.arange(len(self.picked)))

    def command(self, places: Iterable[int], *, draws: Sequence[str] = ()) -> str:
        """What plays just these rows, by their places in the slice."""
        rows = (int(self.picked[place]) for place in places)
        return self.design.command(self.planned.trace, self.layer.index, rows, draws=draws)


@dataclass(frozen=True)
class Measured:
    """What one slice gave."""

    slice: Slice
    golden: Callable[[], Answers | None]
    """What should have come out; None where there is no golden model."""
    results: Results
    batch: RowBatch

    def rows(self, places: Sequence[int]) -> tuple[Floats, Floats]:
        """Some rows as they should be, of their original scores, and as they came out.

        Both are probabilities, or what else the design computes, of shape [places, length].
        """
        return _rows(self.slice, self.results, places)

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
        golden = self.golden()
        expected = golden.y[part] if golden else None
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


def _rows(part: Slice, results: Results, places: Sequence[int]) -> tuple[Floats, Floats]:
    """See :meth:`Measured.rows`."""
    cfg, length = part.design.cfg, part.layer.scores.shape[-1]
    shape = len(places), length
    scores = part.layer.rows(part.picked[places]).reshape(-1)
    keep = part.rows.keep.reshape(-1, length)[places].reshape(-1)
    y = results.y.reshape(-1, length)[places].reshape(-1)
    exponent = np.repeat(results.exponent[places], length)
    reference_ = reference.of_scores(cfg, scores, keep, np.arange(len(places) + 1) * length)
    return reference_.reshape(shape), cfg.real(y, exponent).reshape(shape)


def _mismatched(
    cfg: Config, rows: Rows, answers: Answers | None, results: Results
) -> npt.NDArray[np.int64]:
    """Elements of each row that are not what they must be, shape [rows]."""
    differs = apart(cfg, answers.y if answers else None, results.y)
    if not differs.any():
        wrong = np.zeros(len(rows), np.int64)
    else:
        wrong = np.add.reduceat(differs, rows.offsets[:-1], dtype=np.int64)
    if answers is not None:
        wrong = np.where(results.exponent != answers.exponent, rows.lengths, wrong)
    return wrong


def _real(cfg: Config, rows: Rows, results: Results) -> Floats:
    """What came out, as real values, shape [elements]."""
    exponent = results.exponent
    return cfg.real(results.y, np.repeat(exponent, rows.lengths) if exponent.any() else None)


def _unplayed(golden: Answers, rows: int) -> Results:
    """The golden outputs as if from hardware that takes no time."""
    never = np.full(rows, -1, dtype=np.int64)
    flags = np.zeros(rows, dtype=np.bool_)
    return Results(golden.y, flags, golden.exponent, never, never, never, never)
