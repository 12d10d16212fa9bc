"""Sums up a run while its rows pass by, in memory that does not grow with their number."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from softmax_cosim.configs import Config
from softmax_cosim.golden import framing
from softmax_cosim.golden.metrics import Errors, RowErrors, TableHits
from softmax_cosim.report.model import (
    AttentionMap,
    Bools,
    Distribution,
    Failure,
    Floats,
    Formula,
    Ints,
    Latency,
    LeftOut,
    Merit,
    OwnDesign,
    PowerUp,
    RowBatch,
    RunResult,
    Stated,
    TensorResult,
    WorstRow,
)

__all__ = ["L1_EDGES", "Tally"]

#: Edges of the L1 bins, twelve a decade; the first and last bin also take what lies beyond them.
L1_EDGES = np.logspace(-5, 0.5, 67)

WORST = 4
"""Worst rows kept a run."""
FAILURES = 5
"""Failures kept a run."""
#: Counts that only a simulator gives.
_PLAYED = ("mismatched_elements", "mismatched_rows", "lost_rows", "flagged_rows")
_COUNTS = (
    *("rows", "elements", *_PLAYED, "nonfinite", "nonfinite_rows"),
    *("scores", "clipped", "underflow", "moved"),
)


def _merit(errors: Errors) -> Merit:
    figures, some = errors.result(), errors.rows > errors.empty_rows
    names = [field.name for field in dataclasses.fields(Merit)]
    return Merit(**{name: figures[name] if some else np.nan for name in names})


def _added(errors: RowErrors | None, rows: Bools) -> Errors:
    """Those of the rows marked in ``rows`` [rows], added up."""
    found = Errors()
    if errors is not None:
        found.add(errors if rows.all() else _only(errors, rows))
    return found


def _only(errors: RowErrors, rows: Bools) -> RowErrors:
    """The rows marked in ``rows`` [rows]."""
    fields = [field.name for field in dataclasses.fields(errors)]
    return RowErrors(**{name: getattr(errors, name)[rows] for name in fields})


class _Sums:
    """Running counts of a tensor, or of the whole run."""

    def __init__(self) -> None:
        self.counts = Counter[str](dict.fromkeys(_COUNTS, 0))
        self.played = True
        self.hits: TableHits | None = TableHits()
        self.datapath, self.total = Errors(), Errors()

    @classmethod
    def of(cls, batch: RowBatch) -> _Sums:
        sums = cls()
        sums.counts.update(
            rows=len(batch),
            elements=len(batch) * int(batch.length[0]),
            mismatched_elements=int(batch.mismatched.sum()),
            mismatched_rows=int(np.count_nonzero(batch.mismatched)),
            lost_rows=int(np.count_nonzero(batch.lost)),
            flagged_rows=int(np.count_nonzero(batch.error)),
            nonfinite=int(batch.nonfinite.sum()),
            nonfinite_rows=int(np.count_nonzero(batch.nonfinite)),
            scores=int(batch.active.sum()),
            clipped=batch.clipped,
            underflow=batch.underflow,
            moved=batch.moved,
        )
        sums.played, sums.hits = batch.played, batch.hits
        sums.datapath, sums.total = (
            _added(errors, batch.measured) for errors in (batch.datapath, batch.total)
        )
        return sums

    def merge(self, other: _Sums) -> None:
        self.counts.update(other.counts)
        self.played &= other.played
        if other.hits is None:
            self.hits = None
        elif self.hits is not None:
            self.hits.merge(other.hits)
        self.datapath.merge(other.datapath)
        self.total.merge(other.total)

    def fields(self, compared: bool) -> dict[str, Any]:
        """What a :class:`RunResult` and a :class:`TensorResult` both carry.

        Without a golden model to compare with (``compared``), what is wrong is no number.
        """
        unknown = dict.fromkeys(() if self.played else _PLAYED)
        if not compared:
            unknown |= {"mismatched_elements": self.counts["mismatched_elements"] or None}
            unknown |= {"mismatched_rows": self.counts["mismatched_rows"] or None}
        return {
            **self.counts,
            **unknown,
            "datapath": _merit(self.datapath),
            "total": _merit(self.total),
            "hits": self.hits and dataclasses.replace(self.hits),
        }


class Tally:
    """Collects what one configuration's run gives; :meth:`result` says what it was.

    Rows that were lost or came out with the error flag set have no output: they count as such
    and stay out of latencies and errors. Rows of which an element is NaN or infinite stay out of
    the errors.
    """

    def __init__(
        self,
        config: Config,
        *,
        table_bytes: int | None,
        formula: Formula | Stated | None,
        name: str | None = None,
        own: OwnDesign | None = None,
        draws: Sequence[str] = (),
        left_out: Sequence[LeftOut] = (),
    ) -> None:
        """Start empty.

        Args:
            config: what is run.
            table_bytes: of its tables, if that is known.
            formula: the latency that the report draws, if it is known.
            name: of the run; that of the configuration when not given.
            own: what a design of the user's own consists of.
            draws: the power-up draws that rows are played from; none without a simulator.
            left_out: rows that were asked for and are too long.
        """
        self._config, self._table_bytes, self._formula = config, table_bytes, formula
        self._name, self._own = name or config.name, own
        self._draws = tuple(draws)
        self._drawn = self._unsettled = self._broken = 0
        self._filled = self._added = 0
        self._left_out = tuple(left_out)
        self._build = (0, "")
        self._warnings: tuple[tuple[str, int], ...] = ()
        self._sums = _Sums()
        self._tensors: dict[tuple[str, str, str], _Sums] = {}
        self._pairs = Counter[tuple[int, int]]()  # rows by length and latency
        self._predicted = self._prediction_errors = self._beats = 0
        self._l1 = {name: np.zeros(len(L1_EDGES) - 1, np.int64) for name in ("datapath", "total")}
        self._worst: dict[tuple[str, str, int, int], WorstRow] = {}
        self._failures: list[Failure] = []
        self._maps: list[AttentionMap] = []

    def add(self, batch: RowBatch) -> None:
        """Take in the rows of ``batch``, which are of one length, as those of a tensor are.

        May call its ``detail`` for the worst of them.
        """
        key = (batch.trace, batch.model, batch.tensor)
        sums = _Sums.of(batch)
        self._sums.merge(sums)
        if key not in self._tensors:
            self._tensors[key] = _Sums()
        self._tensors[key].merge(sums)
        length, size = int(batch.length[0]), self._config.rows_per_block
        driven = int(framing.driven_lengths(self._config, batch.length[:1])[0])
        self._beats += -(-driven // self._config.lanes) * -(-len(batch) // size)
        self._filled += len(batch) if driven > length * size else 0
        self._added += -len(batch) % size
        self._predicted += int(np.count_nonzero(batch.predicted))
        self._prediction_errors += int(np.count_nonzero(batch.mispredicted))
        self._add_latency(length, batch.latency, batch.whole)
        some = batch.measured & (batch.active > 0)
        if batch.datapath is not None:
            self._l1["datapath"] += _histogram(batch.datapath.l1[some])
        if batch.total is not None:
            self._l1["total"] += _histogram(batch.total.l1[some])
            self._add_worst(batch, np.where(some, batch.total.l1, -1.0))

    def compare(self, *, rows: int, unsettled: int) -> None:
        """Count rows that were played from every draw, and those that did not come out alike."""
        self._drawn += rows
        self._unsettled += unsettled

    def breaks(self) -> None:
        """Count a batch in which the design broke the rules of its streams."""
        self._broken += 1

    def built(self, warnings: int, log: str) -> None:
        """Tell how many warnings a design of somebody's own gave, and where they stand."""
        self._build = (warnings, log)

    def warned(self, warnings: Mapping[str, int]) -> None:
        """Tell what the design warned of while it ran, and how often."""
        self._warnings = tuple(sorted(warnings.items(), key=lambda found: -found[1]))

    def fail(self, failure: Failure) -> None:
        """Describe a failing row; only the first few are kept, so don't describe many more."""
        if not self.enough_failures:
            self._failures.append(failure)

    @property
    def enough_failures(self) -> bool:
        """True when :meth:`fail` keeps no more."""
        return len(self._failures) >= FAILURES

    def show(self, attention: AttentionMap) -> None:
        """Have a head drawn in the report."""
        self._maps.append(attention)

    def result(self, *, cycles: int, wall_s: float) -> RunResult:
        """The run so far, which took ``cycles`` clock cycles and ``wall_s`` seconds."""
        compared = self._config.golden
        return RunResult(
            config=self._config,
            name=self._name,
            table_bytes=self._table_bytes,
            **self._sums.fields(compared),
            beats=self._beats,
            latency=self._latency(),
            cycles=cycles if self._sums.played else None,
            wall_s=wall_s,
            distribution=Distribution(**{name: rows.copy() for name, rows in self._l1.items()}),
            tensors=tuple(
                TensorResult(trace=trace, model=model, tensor=tensor, **sums.fields(compared))
                for (trace, model, tensor), sums in self._tensors.items()
            ),
            worst=tuple(sorted(self._worst.values(), key=lambda row: -row.l1)),
            failures=tuple(self._failures),
            maps=tuple(self._maps),
            own=self._own,
            power_up=PowerUp(self._draws, self._drawn, self._unsettled) if self._draws else None,
            broken=self._broken,
            left_out=self._left_out,
            filled_rows=self._filled,
            added_rows=self._added,
            build_warnings=self._build[0],
            build_log=self._build[1],
            warnings=self._warnings,
        )

    def _add_latency(self, length: int, latency: Ints, whole: Bools) -> None:
        found, rows = np.unique(latency[whole & (latency >= 0)], return_counts=True)
        pairs = ((length, cycles) for cycles in found.tolist())
        self._pairs.update(dict(zip(pairs, rows.tolist(), strict=True)))

    def _latency(self) -> Latency:
        found = [(*pair, rows) for pair, rows in sorted(self._pairs.items())]
        pairs = np.array(found, np.int64).reshape(-1, 3)
        order = np.argsort(pairs[:, 1], kind="stable")
        latency, rank = pairs[order, 1], np.cumsum(pairs[order, 2])

        def percentile(share: float) -> int | None:
            if not len(rank):
                return None
            wanted = max(1, int(np.ceil(share * int(rank[-1]))))
            return int(latency[np.searchsorted(rank, wanted)])

        return Latency(
            min=percentile(0.0),
            p50=percentile(0.5),
            p99=percentile(0.99),
            max=percentile(1.0),
            formula=self._formula,
            predicted=self._predicted,
            prediction_errors=self._prediction_errors if self._predicted else None,
            pairs=pairs,
        )

    def _add_worst(self, batch: RowBatch, l1: Floats) -> None:
        """Keep the worst rows; ``l1`` is that of each, or -1 of those that do not count."""
        worse = np.arange(len(l1))
        if len(self._worst) == WORST:
            worse = np.flatnonzero(l1 > min(row.l1 for row in self._worst.values()))
        for i in worse[np.argsort(-l1[worse], kind="stable")].tolist():
            floor = min((row.l1 for row in self._worst.values()), default=0.0)
            if l1[i] < 0 or (len(self._worst) == WORST and l1[i] <= floor):
                return
            head = (batch.trace, batch.tensor, int(batch.batch[i]), int(batch.head[i]))
            if head in self._worst and self._worst[head].l1 >= l1[i]:
                continue
            if head not in self._worst and len(self._worst) == WORST:
                del self._worst[min(self._worst, key=lambda key: self._worst[key].l1)]
            self._worst[head] = WorstRow(
                trace=batch.trace,
                model=batch.model,
                tensor=batch.tensor,
                row=int(batch.row[i]),
                batch=int(batch.batch[i]),
                head=int(batch.head[i]),
                query=int(batch.query[i]),
                length=int(batch.length[i]),
                l1=float(l1[i]),
                detail=batch.detail(i),
            )


def _histogram(l1: Floats) -> Ints:
    below = np.searchsorted(np.sort(l1), L1_EDGES[1:-1])
    return np.diff(below, prepend=0, append=len(l1))
