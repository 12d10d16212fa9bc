"""Softmax engines: what stands in for the softmax of a model that runs.

An adapter takes the scores out of a model's attention, hands them to one of these, and puts the
answer back. All of them take and give the same arrays (:data:`Softmax`), so a user's own function
will do as well::

    with cosim.engine("split_uint8", "rtl") as softmax:
        with huggingface.attention(model, softmax):
            model(**inputs)
    softmax.count.mismatches
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from softmax_cosim import configs
from softmax_cosim.account import Account
from softmax_cosim.configs import MAX_LEN_LIMIT, Config, UsageError
from softmax_cosim.golden import framing, reference, shell
from softmax_cosim.golden.compare import apart
from softmax_cosim.golden.exchange import Broken
from softmax_cosim.golden.quantise import Clipping, checked, quantise
from softmax_cosim.golden.rows import Results, Rows
from softmax_cosim.golden.softmax import Outputs
from softmax_cosim.golden.softmax import softmax as golden_softmax
from softmax_cosim.hooks import Floats, Mask, Softmax, apply, current_layer
from softmax_cosim.recorder import Call, Recorder
from softmax_cosim.simulation import power_up
from softmax_cosim.simulation.pool import Pool, default_jobs

__all__ = [
    "KINDS",
    "Call",
    "Count",
    "Engine",
    "Float64",
    "Golden",
    "Recorder",
    "Rtl",
    "Softmax",
    "apply",
    "current_layer",
    "engine",
]

Part = tuple[Floats, Mask]
"""Some rows, [rows, keys]: scores, and False where masked."""

KINDS = ("golden", "rtl")

#: Elements worked on at a time, if they are more than one row: what a simulator plays in one go.
#: Memory beyond scores, mask and answer does not grow with a call.
CHUNK = shell.CHUNK


@dataclass
class Count:
    """What went through an engine since it was made."""

    rows: int = 0
    elements: int = 0
    """Masked ones included."""
    cycles: int = 0
    """:class:`Rtl` only: clock cycles of one accelerator that takes all rows: from the first input
    beat to the last output beat of each batch of at most :data:`CHUNK` elements, summed."""
    mismatches: int = 0
    """:class:`Rtl` only: rows that came out other than the golden model says."""
    first: str = ""
    """The first mismatch, in words."""
    layers: dict[str, Clipping] = field(default_factory=dict)
    """By the name of the layer: what was clipped, where scores are quantised."""

    @property
    def clipped(self) -> int:
        """Of all layers."""
        return sum(layer.clipped for layer in self.layers.values())

    @property
    def underflow(self) -> int:
        """Of all layers."""
        return sum(layer.underflow for layer in self.layers.values())


class Engine:
    """Softmax along the last axis of float scores; also a context manager that closes it."""

    def __init__(self) -> None:
        """Start counting."""
        self.count = Count()
        self.account = Account()
        """What the adapters say of the models that ran with it."""

    def __call__(self, scores: npt.ArrayLike, mask: npt.ArrayLike | None = None) -> Floats:
        """Softmax of one call's scores, as :data:`Softmax` says.

        Args:
            scores: scaled scores before softmax, floats of shape [..., keys].
            mask: true where a key may be attended, broadcastable to ``scores``; None for all.

        Returns:
            Probabilities, float64 of shape [..., keys], 0 where masked; a row that is masked
            altogether is 0 everywhere.

        Raises:
            UsageError: as :func:`.quantise.checked`, or rows that no configuration can take.
        """
        x, keep = checked(scores, mask, current_layer.get() or "softmax")
        shape, keys = x.shape, x.shape[-1]
        if x.size == 0:
            return np.empty(shape)
        x, keep = x.reshape(-1, keys), keep.reshape(-1, keys)
        self._fit(keys)
        step = max(1, CHUNK // keys)
        places = [slice(start, start + step) for start in range(0, len(x), step)]
        answer = np.empty(x.shape)
        parts = self._compute((x[place], keep[place]) for place in places)
        for place, part in zip(places, parts, strict=True):
            answer[place] = part
        self.count.rows += len(x)
        self.count.elements += x.size
        return answer.reshape(shape)

    def close(self) -> None:
        """Let go of what the engine holds."""

    def __enter__(self) -> Self:
        """The engine itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    def _fit(self, keys: int) -> None:
        """Make ready for rows of so many keys."""

    def _compute(self, parts: Iterable[Part]) -> Iterator[Floats]:
        """Probabilities [rows, keys] of each part, in order."""
        raise NotImplementedError

    def _driven(self, part: Part, config: Config) -> Rows:
        """A part quantised, as it is driven, and what was clipped counted."""
        codes = quantise(*part, config)
        self.count.layers.setdefault(current_layer.get(), Clipping()).add(codes.clipping)
        rows = Rows(codes.q.reshape(-1), codes.keep.reshape(-1), _offsets(part[0]))
        framing.check(config, rows)
        return rows


class Float64(Engine):
    """The exact softmax: of the scores as they are, in float64."""

    def _compute(self, parts: Iterable[Part]) -> Iterator[Floats]:
        for x, keep in parts:
            flat = reference.softmax_of_scores(x.reshape(-1), keep.reshape(-1), _offsets(x))
            yield flat.reshape(x.shape)


class Golden(Engine):
    """A configuration, computed by its golden model: quantise, then bit by bit as the hardware.

    Rows longer than its ``max_len`` are computed as by hardware that was built longer.
    """

    def __init__(self, config: str | Config) -> None:
        """Load the configuration.

        Raises:
            UsageError: there is none of this name, or it is not legal.
        """
        super().__init__()
        self.config = configs.load(config) if isinstance(config, str) else config
        if not self.config.golden:
            raise UsageError(
                f"{self.config.name} has no golden model; its RTL can answer: engine rtl"
            )

    def _fit(self, keys: int) -> None:
        self.config = _long_enough(self.config, keys)

    def _compute(self, parts: Iterable[Part]) -> Iterator[Floats]:
        for part in parts:
            rows = self._driven(part, self.config)
            yield _real(golden_softmax(self.config, rows), part[0].shape, self.config)


_Waiting = tuple[tuple[int, ...], Outputs | None, Future[Results], str, Future[Results] | None]
"""A part that is under way: shape, golden outputs, results, draw, the same from another draw."""


class Rtl(Engine):
    """A configuration, computed by its RTL under Verilator; every row is held to the golden model.

    The probabilities are those of the RTL. A row that differs from the golden model (in an output,
    the row exponent or its error flag) is counted, and the first one described; without a golden
    model, one that comes out otherwise from another power-up draw. Rows longer than
    ``max_len`` are played through the same design, built longer.
    """

    def __init__(
        self, config: str | Config, jobs: int | None = None, *, seed: int = 0, **options: Any
    ) -> None:
        """Build the simulation; the simulators start with the first calls.

        Args:
            config: a configuration, or the name of one.
            jobs: simulator processes that play at a time; None for one a processor.
            seed: of the power-up draws, at least three, that calls take in turn.
            options: of :class:`.simulation.simulator.Simulator`.

        Raises:
            UsageError: no such configuration, an illegal option, or the build failed.
        """
        super().__init__()
        self.config = configs.load(config) if isinstance(config, str) else config
        jobs = default_jobs() if jobs is None else jobs
        if not options.get("waves"):
            options["draws"] = power_up.draws(seed, max(jobs, power_up.FEWEST))
        self._jobs, self._options = jobs, options
        self._pool = Pool(self.config, jobs, **options)

    def close(self) -> None:
        """End the simulators."""
        self._pool.close()

    def _fit(self, keys: int) -> None:
        longer = _long_enough(self.config, keys)
        if longer != self.config:
            self._pool.close()
            self._pool = Pool(longer, self._jobs, **self._options)
            self.config = longer

    def _compute(self, parts: Iterable[Part]) -> Iterator[Floats]:
        """As above, while the simulators play what follows.

        Raises:
            Broken, NoProgress, SimulatorCrash: as :meth:`.simulation.simulator.Simulator.run`.
        """
        waiting: deque[_Waiting] = deque()
        start = 0
        try:
            for part in parts:
                rows, place = self._driven(part, self.config), self._pool.turn()
                future = self._pool.submit(rows, place=place)
                golden = twin = None
                if self.config.golden:
                    golden = golden_softmax(self.config, rows)
                elif len(self._pool.draws) > 1:  # nothing else would tell that it hangs on them
                    twin = self._pool.submit(rows)
                draw = self._pool.draws[place]
                waiting.append((part[0].shape, golden, future, draw, twin))
                if len(waiting) > self._pool.jobs:
                    yield self._answer(start, *waiting[0])
                    start += waiting.popleft()[0][0]
            while waiting:
                yield self._answer(start, *waiting[0])
                start += waiting.popleft()[0][0]
        finally:
            for _, _, future, _, twin in waiting:
                future.cancel()
                if twin is not None:
                    twin.cancel()

    def _answer(
        self,
        start: int,
        shape: tuple[int, ...],
        golden: Outputs | None,
        future: Future[Results],
        draw: str,
        twin: Future[Results] | None,
    ) -> Floats:
        """Compare one part's results with the golden model, whose first row is ``start``.

        Without one, with what came out of another process, from another power-up draw.
        """
        try:
            results = future.result()
            other = results if twin is None else twin.result()
        except Broken as broken:
            where = f"{self.config.name}: {current_layer.get() or 'softmax'}, from row {start}"
            raise type(broken)(f"{where}: {broken}", broken.results) from None
        count = self.count
        count.cycles += int(results.last_out.max() - results.first_in.min()) + 1
        differs = apart(self.config, golden.y if golden else None, results.y).reshape(shape)
        odd = results.error.copy()
        if golden is not None:
            odd |= results.exponent != golden.exponent
        wrong = differs.any(axis=-1) | odd
        wrong |= (results.y != other.y).reshape(shape).any(axis=-1)
        if wrong.any() and not count.first:
            row = int(wrong.argmax())
            said = self._described(start, row, shape, golden, results)
            count.first = f"{said} (power-up draw {draw})"
        count.mismatches += int(np.count_nonzero(wrong))
        return _real(results, shape, self.config)

    def _described(
        self, start: int, row: int, shape: tuple[int, ...], golden: Outputs | None, results: Results
    ) -> str:
        where = f"{self.config.name}: {current_layer.get() or 'softmax'}, row {start + row}"
        if results.error[row]:
            return f"{where}: came out with its error flag set"
        got = results.y.reshape(shape)[row]
        if golden is None:
            nothing = apart(self.config, None, got)
            if not nothing.any():
                return f"{where}: another answer than from another power-up draw"
            element = int(nothing.argmax())
            return f"{where}, element {element}: 0x{got[element]:x} is no number"
        if results.exponent[row] != golden.exponent[row]:
            return f"{where}: expected exponent {golden.exponent[row]}, got {results.exponent[row]}"
        expected = golden.y.reshape(shape)[row]
        element = int(apart(self.config, expected, got).argmax())
        return f"{where}, element {element}: expected {expected[element]}, got {got[element]}"


def engine(config: str | Config | None, kind: str = "golden") -> Engine:
    """The engine of a configuration; use it as a context manager.

    Args:
        config: a configuration, or the name of one; None for the exact softmax.
        kind: ``golden`` or ``rtl``.

    Raises:
        UsageError: no such configuration or kind, or the RTL could not be built.
    """
    if kind not in KINDS:
        raise UsageError(f"unknown engine {kind!r}; choose {' or '.join(KINDS)}")
    if config is None:
        return Float64()
    return Rtl(config) if kind == "rtl" else Golden(config)


def _long_enough(config: Config, keys: int) -> Config:
    """The configuration, as long as can be if its rows are too short."""
    if keys > config.max_len and config.design is not None:
        raise UsageError(
            f"rows of {keys} keys are longer than the {config.max_len} that {config.name} takes; "
            "give the model a shorter input"
        )
    if keys > MAX_LEN_LIMIT:
        raise UsageError(
            f"rows of {keys} keys are longer than the {MAX_LEN_LIMIT} that hardware can be built "
            "for; give the model a shorter input"
        )
    return config.replace(max_len=MAX_LEN_LIMIT) if keys > config.max_len else config


def _offsets(x: Floats) -> npt.NDArray[np.int64]:
    """Starts of rows of one length, and their end."""
    return np.arange(0, x.size + 1, x.shape[-1], dtype=np.int64)


def _real(outputs: Outputs | Results, shape: tuple[int, ...], config: Config) -> Floats:
    """Real values, of shape [rows, keys]."""
    return config.real(outputs.y.reshape(shape), outputs.exponent[:, None])
