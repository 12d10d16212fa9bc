"""The results model: what a replay found out, before anybody formats it.

A replay makes one :class:`RowBatch` a tensor slice and hands it to :class:`.report.Tally`
(which sums up) and :class:`.report.RowsWriter` (which keeps every row). The outcome is one
:class:`RunResult` a configuration and one :class:`Report` in all; every writer reads only these.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

import numpy as np
import numpy.typing as npt

from softmax_cosim.configs import Config
from softmax_cosim.golden import timing
from softmax_cosim.golden.metrics import RowErrors, TableHits

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclasses.dataclass(frozen=True)
class RowDetail:
    """One row looked at closely: what is drawn when it is among the worst."""

    reference: Floats
    """Float64 softmax of the original scores, [length]."""
    hardware: Floats
    """What the hardware made of it, as probability, [length]."""
    command: str
    """The command that replays just this row."""


@dataclasses.dataclass(frozen=True)
class RowBatch:
    """Rows of one tensor and all that was measured about them; every array is [rows].

    Cycles count from the release of reset; -1 stands for "did not happen" (``*_out`` of a lost
    row, all of them without a simulator) or, in ``predicted_*``, for "not predicted".
    """

    trace: str
    model: str
    tensor: str
    row: Ints
    """Number of the row within the tensor, as ``--rows`` takes it."""
    batch: Ints
    head: Ints
    query: Ints
    length: Ints
    """Elements, masked ones included."""
    active: Ints
    """Elements that take part."""
    first_in: Ints
    last_in: Ints
    first_out: Ints
    last_out: Ints
    predicted_first_out: Ints
    predicted_last_out: Ints
    mismatched: Ints
    """Elements whose output differs from the golden model's."""
    nonfinite: Ints
    """Elements whose output is NaN or infinite."""
    lost: Bools
    """The row never came out whole."""
    error: Bools
    """The row came out with its error flag set."""
    clipped: int
    """Scores the quantiser clipped in these rows, as :class:`.quantise.Clipping` counts; likewise
    the two that follow."""
    underflow: int
    moved: int
    hits: TableHits | None
    """How many of these rows hit the last entry of a table; None where nobody knows the tables."""
    datapath: RowErrors | None
    """Errors against float64 softmax of the quantised scores; None when not measured."""
    total: RowErrors | None
    """Errors against float64 softmax of the original scores; likewise."""
    detail: Callable[[int], RowDetail]
    """Looks closely at the i-th row of the batch; called for the few rows that deserve it."""
    played: bool = True
    """False when the golden model ran alone: then nothing is known of mismatches and cycles."""

    def __len__(self) -> int:
        """Rows in the batch."""
        return len(self.row)

    @functools.cached_property
    def whole(self) -> Bools:
        """True where a row came out."""
        return ~(self.lost | self.error)

    @functools.cached_property
    def measured(self) -> Bools:
        """True where a row came out, of numbers: there are errors of no other rows."""
        measured: Bools = self.whole & (self.nonfinite == 0)
        return measured

    @functools.cached_property
    def latency(self) -> Ints:
        """First input beat to last output beat in cycles; -1 where the row did not come out."""
        return np.where(self.last_out < 0, -1, self.last_out - self.first_in)

    @functools.cached_property
    def predicted(self) -> Bools:
        """True where the row came out and the timing model said when it would."""
        return (self.predicted_last_out >= 0) & (self.last_out >= 0)

    @functools.cached_property
    def mispredicted(self) -> Bools:
        """True where the row left at another cycle than the timing model said."""
        first: Bools = self.first_out != self.predicted_first_out
        last: Bools = self.last_out != self.predicted_last_out
        return self.predicted & (first | last)


@dataclasses.dataclass(frozen=True)
class Merit:
    """Figures of merit over many rows as ``golden.metrics`` defines them; NaN over no rows."""

    max_lsb: float
    """Largest absolute error of an element in LSB; likewise the mean, and as probability."""
    mean_lsb: float
    max_abs: float
    mean_abs: float
    l1: float
    """Mean over the rows of the sum of absolute errors."""
    kl: float
    """Mean over the rows of KL(reference || output), nats."""
    row_sum_mean: float
    row_sum_min: float
    row_sum_max: float
    top1: float
    """Share of rows whose largest output is where the reference is largest, and only there."""
    top1_ties: float
    """Share of rows whose largest output is there and elsewhere as well."""


@dataclasses.dataclass(frozen=True)
class Formula:
    """Latency of a row of L elements in an idle core: ``passes * ceil(L/lanes) + overhead``."""

    passes: int
    overhead: int
    lanes: int

    def __call__(self, length: Ints) -> Ints:
        """Cycles from first input beat to last output beat, [n] for lengths [n]."""
        return self.passes * -(-length // self.lanes) + self.overhead

    def __str__(self) -> str:
        """The formula as text."""
        return f"{self.passes}*ceil(L/{self.lanes}) + {self.overhead}"


@dataclasses.dataclass(frozen=True)
class Stated:
    """Latency of a row of L elements as a design's configuration says it."""

    config: Config

    def __call__(self, length: Ints) -> Ints:
        """Cycles from first input beat to last output beat, [n] for lengths [n]."""
        return timing.stated(self.config, length)

    def __str__(self) -> str:
        """The formula as text."""
        return self.config.design.latency if self.config.design else ""


@dataclasses.dataclass(frozen=True)
class Latency:
    """Latencies of a run in cycles; percentiles by nearest rank, None when no row came out."""

    min: int | None
    p50: int | None
    p99: int | None
    max: int | None
    formula: Formula | Stated | None
    """None for a design whose timing nobody modelled."""
    predicted: int
    """Rows whose output cycles the timing model predicted."""
    prediction_errors: int | None
    """Rows that left at another cycle than predicted; None when none was predicted."""
    pairs: Ints
    """Distinct (length, latency, rows), [n, 3], sorted: the whole distribution."""


@dataclasses.dataclass(frozen=True)
class Distribution:
    """Rows by their L1 error, in the bins of :data:`.report.tally.L1_EDGES`; each [bins]."""

    datapath: Ints
    total: Ints


@dataclasses.dataclass(frozen=True)
class TensorResult:
    """Bit accuracy and errors of one tensor of one trace."""

    trace: str
    model: str
    tensor: str
    rows: int
    elements: int
    mismatched_elements: int | None
    """None without a simulator; likewise the next three."""
    mismatched_rows: int | None
    lost_rows: int | None
    flagged_rows: int | None
    """Rows that came out with the error flag set."""
    nonfinite: int
    """Elements that came out NaN or infinite; ``nonfinite_rows`` have some, and no errors."""
    nonfinite_rows: int
    scores: int
    """Elements that take part; of them the quantiser clipped those that follow."""
    clipped: int
    underflow: int
    moved: int
    """Rows whose probabilities clipping moves."""
    hits: TableHits | None
    """None where nobody knows the tables."""
    datapath: Merit
    total: Merit


@dataclasses.dataclass(frozen=True)
class WorstRow:
    """A row with a large total error, and what it looks like."""

    trace: str
    model: str
    tensor: str
    row: int
    batch: int
    head: int
    query: int
    length: int
    l1: float
    """Total L1 error."""
    detail: RowDetail


@dataclasses.dataclass(frozen=True)
class Failure:
    """One row that is not what the golden model says."""

    trace: str
    tensor: str
    row: int
    batch: int
    head: int
    query: int
    what: str
    """``mismatch``, ``row exponent``, ``lost``, ``error flag``, or a sentence."""
    command: str
    """Shows it again with a waveform, if ``advice`` does not say otherwise."""
    element: int | None = None
    """First differing element; likewise lane, values and stage. None unless a mismatch."""
    lane: int | None = None
    expected: int | None = None
    actual: int | None = None
    stage: str | None = None
    """The first pipeline stage that differs, if that is known."""
    draw: str = ""
    """The power-up draw from which it was seen."""
    unlike: str = ""
    """Another one, from which the row came out otherwise."""
    advice: str = "replay it with"
    """What the command is for."""

    def __str__(self) -> str:
        """One sentence: where, what, and how to see it again."""
        where = (
            f"{self.trace} {self.tensor} row {self.row} "
            f"(batch {self.batch}, head {self.head}, query {self.query})"
        )
        what = self.what
        if self.element is not None:
            what = (
                f"element {self.element}, lane {self.lane}: expected {self.expected}, "
                f"got {self.actual}"
            )
        stage = f", first differing stage {self.stage}" if self.stage else ""
        return f"{where}: {what}{stage}{self.drawn}; {self.advice}: {self.command}"

    @property
    def drawn(self) -> str:
        """The end of a sentence that tells the power-up draws."""
        draw = f", from power-up draw {self.draw}" if self.draw else ""
        return draw + (f", but not from {self.unlike}" if self.unlike else "")


@dataclasses.dataclass(frozen=True)
class AttentionMap:
    """One head of one tensor, float beside what came out; probabilities, [queries, keys].

    A row that did not come out is NaN.
    """

    trace: str
    model: str
    tensor: str
    batch: int
    head: int
    reference: Floats
    hardware: Floats
    queries: Ints | None = None
    """Which queries these are; None for the first ones."""


@dataclasses.dataclass(frozen=True)
class SourceFile:
    """A file that a run depends on, as it was when the run began."""

    path: str
    sha256: str


@dataclasses.dataclass(frozen=True)
class OwnDesign:
    """What a configuration of the user's own consists of."""

    file: SourceFile
    top: str
    sources: tuple[SourceFile, ...]
    golden: str
    """``module:function``; empty when there is none."""
    functions: tuple[SourceFile, ...]
    """Files of golden and reference functions, and what these import from beside themselves."""


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """Rows of a tensor that were asked for, and are longer than the design takes."""

    trace: str
    tensor: str
    rows: int
    length: int
    """Elements of each."""


@dataclasses.dataclass(frozen=True)
class PowerUp:
    """What became of a sample of the rows, played from several power-up draws."""

    draws: tuple[str, ...]
    rows: int
    """Rows played from each draw; 0 when there was only one."""
    unsettled: int
    """Rows whose outputs or cycles were not the same from all of them."""


@dataclasses.dataclass(frozen=True)
class RunResult:
    """All that one configuration's replay of all traces gave."""

    config: Config
    name: str
    """Unlike that of any other run of the report."""
    table_bytes: int | None
    """None for a design of which nobody knows them; likewise ``hits``."""
    rows: int
    elements: int
    beats: int
    """Input beats of all rows."""
    mismatched_elements: int | None
    """None without a simulator; likewise the next three."""
    mismatched_rows: int | None
    lost_rows: int | None
    flagged_rows: int | None
    nonfinite: int
    """As in :class:`TensorResult`; likewise the next."""
    nonfinite_rows: int
    latency: Latency
    cycles: int | None
    """Clock cycles simulated; None without a simulator."""
    wall_s: float
    scores: int
    """As in :class:`TensorResult`; likewise the three that follow."""
    clipped: int
    underflow: int
    moved: int
    hits: TableHits | None
    datapath: Merit
    total: Merit
    distribution: Distribution
    tensors: tuple[TensorResult, ...]
    worst: tuple[WorstRow, ...]
    """Worst total L1 first, one row a head at most."""
    failures: tuple[Failure, ...]
    """The first few; the counts above are complete."""
    maps: tuple[AttentionMap, ...]
    own: OwnDesign | None = None
    """None for a configuration of one of our methods."""
    power_up: PowerUp | None = None
    """None without a simulator."""
    broken: int = 0
    """Batches in which the design broke the rules of its streams."""
    left_out: tuple[LeftOut, ...] = ()
    filled_rows: int = 0
    """Rows that were driven longer than they are."""
    added_rows: int = 0
    """Rows that were driven to fill up blocks."""
    build_warnings: int = 0
    """Of Verilator, about the sources of a design of somebody's own."""
    build_log: str = ""
    """Where they stand."""
    warnings: tuple[tuple[str, int], ...] = ()
    """What the design warned of while it ran, and how often; the most frequent first."""

    @property
    def exact(self) -> bool:
        """Some rows ran, and the design kept what it promises: see :attr:`promise`."""
        bad = (self.mismatched_elements, self.lost_rows, self.flagged_rows, self.broken)
        late = self.latency.prediction_errors
        return self.rows > 0 and not any(bad) and not self.unsettled_rows and not late

    @property
    def promise(self) -> str:
        """What was held against it: ``exact``, ``tolerance``, or ``scored`` without a golden.

        Whatever it is, a row must come out whole, of numbers, in the cycles that are known, and
        from every power-up draw alike.
        """
        if not self.config.golden:
            return "scored"
        return "tolerance" if self.config.tolerance else "exact"

    @property
    def unsettled_rows(self) -> int:
        """Rows that came out otherwise from another power-up draw."""
        return 0 if self.power_up is None else self.power_up.unsettled

    @property
    def elements_per_lane_cycle(self) -> float:
        """Sustained throughput; 1 is the limit. NaN without a simulator."""
        return self.elements / (self.cycles * self.config.lanes) if self.cycles else float("nan")

    @property
    def cycles_per_element(self) -> float:
        """Clock cycles of all rows over their elements. NaN without a simulator."""
        return self.cycles / self.elements if self.cycles and self.elements else float("nan")

    @property
    def beats_per_cycle(self) -> float:
        """Sustained use of the input port; 1 is the limit. NaN without a simulator."""
        return self.beats / self.cycles if self.cycles else float("nan")

    @property
    def rows_per_s(self) -> float:
        """Rows a second of wall time; NaN when no time passed."""
        return self.rows / self.wall_s if self.wall_s else float("nan")


@dataclasses.dataclass(frozen=True)
class TraceInfo:
    """Where a trace comes from."""

    path: str
    """As it was given on the command line."""
    sha256: str
    model: str
    source: str
    metadata: Mapping[str, str]
    """Whatever else the file says about itself."""


@dataclasses.dataclass(frozen=True)
class Report:
    """One replay: everything the writers need."""

    command: str
    date: datetime
    versions: Mapping[str, str]
    """Tool name to version, in the order to show."""
    transport: str
    """How rows reached the hardware; ``none`` when the golden model ran alone."""
    stalls: str
    seed: int
    traces: tuple[TraceInfo, ...]
    runs: tuple[RunResult, ...]
    commit: str = ""
    """Of the checkout that made it, as :func:`.commit.commit` tells."""
    interrupted: bool = False
    """Not all that was asked for was played."""

    @property
    def exact(self) -> bool:
        """There were runs, every design kept its promise, and nothing is left to play."""
        kept = bool(self.runs) and all(run.exact for run in self.runs)
        return kept and not self.interrupted

    @property
    def promises(self) -> set[str]:
        """What was held against the designs, see :attr:`RunResult.promise`."""
        return {run.promise for run in self.runs}

    @property
    def simulated(self) -> bool:
        """False when the golden model ran alone."""
        return self.transport != "none"

    @property
    def rows(self) -> int:
        """Rows of all runs together."""
        return sum(run.rows for run in self.runs)

    @property
    def elements(self) -> int:
        """Elements of all runs together."""
        return sum(run.elements for run in self.runs)

    @property
    def mismatched_elements(self) -> int | None:
        """Elements that differ from the golden model, all runs together; None if none ran."""
        return _sum(run.mismatched_elements for run in self.runs)

    @property
    def lost_rows(self) -> int | None:
        """Rows that never came out, likewise."""
        return _sum(run.lost_rows for run in self.runs)

    @property
    def flagged_rows(self) -> int | None:
        """Rows that came out with the error flag set, likewise."""
        return _sum(run.flagged_rows for run in self.runs)

    @property
    def unsettled_rows(self) -> int:
        """Rows that came out otherwise from another power-up draw, all runs together."""
        return sum(run.unsettled_rows for run in self.runs)

    @property
    def broken(self) -> int:
        """Batches in which the design broke the rules of its streams, all runs together."""
        return sum(run.broken for run in self.runs)

    @property
    def prediction_errors(self) -> int | None:
        """Rows that left at another cycle than predicted, likewise."""
        return _sum(run.latency.prediction_errors for run in self.runs)

    @property
    def wall_s(self) -> float:
        """Seconds of all runs together."""
        return sum(run.wall_s for run in self.runs)

    @property
    def rows_per_s(self) -> float:
        """Rows a second over all runs; NaN when no time passed."""
        return self.rows / self.wall_s if self.wall_s else float("nan")


def _sum(figures: Iterable[int | None]) -> int | None:
    """The sum of those that exist; None without any."""
    known = [figure for figure in figures if figure is not None]
    return sum(known) if known else None
