"""The environment of a cocotb test: configuration, clock, reset, seeds, and the end of the test.

A test body is a coroutine that takes a :class:`Bench`; :func:`case` makes it a cocotb test that
starts from reset and ends with nothing left over. The environment variable ``COSIM_REGRESSION``
(JSON, written by :mod:`.simulation.regression`) says for which configuration the design was built.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import re
import shlex
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Concatenate, NoReturn, ParamSpec

import cocotb
import numpy as np
from cocotb.regression import TestGenerator

from softmax_cosim.configs import Config
from softmax_cosim.configs.stalls import PATTERNS, Pattern, StallProfile, profile
from softmax_cosim.golden.framing import frame
from softmax_cosim.golden.rows import Rows
from softmax_cosim.golden.timing import holds, predict, stated
from softmax_cosim.tb.alone import Alone
from softmax_cosim.tb.pack import Beats, malformed, pack, unpack, unpack_probabilities
from softmax_cosim.tb.probe import Probe
from softmax_cosim.tb.scoreboard import Mismatch, Scoreboard
from softmax_cosim.tb.seen import Seen
from softmax_cosim.tb.signal import RESET_CYCLES, Signal
from softmax_cosim.tb.transactions import StreamRow

__all__ = ["Bench", "Played", "case", "each"]

_ROOT = Path(__file__).resolve().parents[1]
_IDLE_CYCLES = 64
_SHUT = (10**6, 10**6)

P = ParamSpec("P")


@dataclasses.dataclass(frozen=True)
class Played:
    """The rows of one call of :meth:`Bench.play`, as the monitors saw them."""

    sent: Sequence[StreamRow]
    received: Sequence[StreamRow]


class Bench:
    """A design under test with everything around it."""

    def __init__(self, dut: Any, name: str) -> None:
        """Start clock, drivers and monitors for the test ``name``; :meth:`reset` must follow."""
        self.name = name
        self.setup: dict[str, Any] = json.loads(os.environ["COSIM_REGRESSION"])
        self.cfg = Config(**self.setup["config"])
        self._in_bits = self.cfg.lanes * self.cfg.in_w
        self.dut = dut
        self.signal = Signal(dut, self.cfg)
        self.scoreboard = Scoreboard(self.cfg)
        self._alone = Alone(self.cfg, self.signal)
        self._sent: list[StreamRow] = []
        self.seen = Seen(self.cfg, self.setup.get("seen"))
        self.rng = np.random.default_rng(cocotb.RANDOM_SEED % 2**64)
        dut._log.info("%s, seed %d", self.cfg.name, self.setup["seed"])

    async def reset(self, cycles: int = RESET_CYCLES) -> None:
        """Reset the design; whatever was in flight is forgotten, and must never come out."""
        self.tell_reset(cycles)
        await self.signal.reset(cycles)
        self.scoreboard.reset()
        self._sent.clear()

    def tell_reset(self, cycles: int, *, soft: bool = False) -> None:
        """Note the reset that is about to come."""
        waiting = len(self.signal.sent) > len(self.signal.received)
        self.seen.reset(cycles, soft=soft, going_in=self.signal.inlet.inside_row, waiting=waiting)

    async def play(
        self, rows: Rows | Beats, stalls: str | StallProfile = "none", seed: int | None = None
    ) -> Played:
        """Play rows until all of them came out, and compare each with the golden model.

        Without one, with what the row gives when it is played alone. With a sink that never stalls,
        the cycles are compared with the timing model too; with a formula of a design's own, when
        the source does not stall either.

        Raises:
            AssertionError: a row is wrong, late, early, missing, or nobody sent it; or nothing
                moves any more.
        """
        stalls = self.profile(stalls)
        seed = int(self.rng.integers(2**32)) if seed is None else seed
        count = self.start(rows, stalls, seed)
        return await self.settle(count, stalls, seed)

    async def fill(self, rows: Rows | Beats, cycles: int) -> Played:
        """As :meth:`play`, the sink shut for so many cycles: all that has room goes in first."""
        shut = StallProfile("shut at first", PATTERNS["none"], Pattern(open=(1, 1), shut=_SHUT))
        count = self.start(rows, shut, 0)
        await self.signal.cycles(cycles)
        await self.signal.idle(0)
        return await self.settle(count, shut, 0)

    def start(self, rows: Rows | Beats, stalls: str | StallProfile, seed: int) -> int:
        """Begin to play rows, as the design takes them; how many there are on the stream."""
        cfg = self.cfg
        beats = pack(frame(cfg, rows).driven, cfg) if isinstance(rows, Rows) else rows
        self.signal.start(beats, self.profile(stalls), seed)
        return int(beats.tlast.sum())

    def profile(self, stalls: str | StallProfile) -> StallProfile:
        """A stall profile, whose sink never stalls where the output cannot wait."""
        found = profile(stalls) if isinstance(stalls, str) else stalls
        if self.cfg.design is None or self.cfg.design.backpressure:
            return found
        return dataclasses.replace(found, sink=PATTERNS["none"])

    async def settle(self, rows: int, stalls: StallProfile, seed: int) -> Played:
        """Wait for so many rows that are under way, and judge them.

        Raises:
            AssertionError: as :meth:`play`.
        """
        hang = ""
        try:
            await self.signal.wait(rows)
        except TimeoutError as error:
            hang = str(error)
        played = Played(tuple(self.signal.sent), tuple(self.signal.received))
        self.signal.sent.clear()
        self.signal.received.clear()
        before = len(self._sent)
        self._sent += played.sent
        mismatch = await self._judge(self.scoreboard, played, before, stalls, hang)
        if mismatch:
            await self._fail(mismatch, stalls, seed, hang)
        assert not hang, hang
        self.seen.rows(played.sent, played.received, stalls)
        if not self.cfg.golden:
            await self.reset()  # it was reset to play rows alone
        return played

    async def _judge(
        self, board: Scoreboard, played: Played, before: int, stalls: StallProfile, hang: str = ""
    ) -> Mismatch | None:
        """What is wrong with rows, ``before`` of which were played since the last reset."""
        mismatch = board.judge(played.sent, played.received)
        if not mismatch and not hang and holds(self.cfg, stalls):
            mismatch = self._late(played, before)
        if not mismatch and not self.cfg.golden:
            mismatch = await self._alone.judge(
                played.sent[: len(played.received)], played.received, before
            )
        return mismatch

    def _late(self, played: Played, before: int) -> Mismatch | None:
        """The first row that did not leave in the very cycles that the timing model predicts."""
        if self.cfg.design is not None:
            return self._slow(played, before)
        error_beats = malformed(
            Beats.from_ints((b for row in played.sent for b in row.beats), self._in_bits), self.cfg
        )
        beats = np.array([len(row.beats) for row in played.sent])
        predicted = predict(
            self.cfg,
            np.array([row.last for row in played.sent]),
            np.where(error_beats, 1, beats),
        )
        for n, (row, first, last) in enumerate(zip(played.received, *predicted, strict=True)):
            if (row.first, row.last) != (first, last):
                sent = played.sent[n]
                text = (
                    f"row {n} of this batch ({beats[n]} beats, in from cycle {sent.first} to "
                    f"{sent.last}) came out in cycles {row.first} to {row.last}; "
                    f"predicted: {first} to {last}"
                )
                return Mismatch(before + n, text, sent)
        return None

    def _slow(self, played: Played, before: int) -> Mismatch | None:
        """The first row that did not take the cycles that the design's own formula says."""
        if not played.sent:
            return None
        lengths = np.array(
            [sum(keep.bit_count() for _, keep, _, _ in row.beats) for row in played.sent]
        )
        wanted = stated(self.cfg, lengths)
        for n, (sent, got) in enumerate(zip(played.sent, played.received, strict=True)):
            if (cycles := got.last - sent.first) != wanted[n]:
                assert self.cfg.design is not None
                text = (
                    f"row {before + n} ({lengths[n]} elements) took {cycles} cycles; "
                    f"{self.cfg.design.latency} is {wanted[n]}"
                )
                return Mismatch(before + n, text, sent)
        return None

    def record(self, played: Played) -> None:
        """Keep what came out, where somebody asked for it: to be compared between draws."""
        if not self.setup.get("record"):
            return
        width = self.cfg.lanes * self.cfg.out_w
        rows = []
        for sent, got in zip(played.sent, played.received, strict=True):
            y = unpack_probabilities(Beats.from_ints(got.beats, width), self.cfg).y
            cycles = (sent.first, sent.last, got.first, got.last)
            rows.append({"beats": sent.beats, "y": y.tolist(), "cycles": cycles})
        Path(self.setup["record"]).write_text(json.dumps(rows))

    async def finish(self) -> None:
        """See that nothing is left over: no beat, no row, on either side.

        Raises:
            AssertionError: something is.
        """
        signal = self.signal
        await signal.idle(_IDLE_CYCLES)
        assert not signal.sent, f"{len(signal.sent)} rows went in after the last"
        assert not signal.received, f"{len(signal.received)} rows came out after the last"
        assert not signal.inlet.inside_row, "the input stands in the middle of a row"
        assert not signal.outlet.inside_row, "the output stands in the middle of a row"

    async def explain(self, row: StreamRow) -> str:
        """Play one good row alone, from reset, and say which pipeline stage goes wrong first."""
        beats = Beats.from_ints(row.beats, self._in_bits)
        await self.signal.reset()
        probe = Probe(self.dut, self.cfg)
        self.signal.start(beats, profile("none"), 0)
        try:
            await self.signal.wait(1)
        except TimeoutError as error:
            return f"unknown; played alone the row does not come out: {error}"
        if Scoreboard(self.cfg).judge(self.signal.sent, self.signal.received) is None:
            return "unknown; played alone the row is right"
        return probe.first_difference(unpack(beats, self.cfg))

    async def again(
        self, mismatch: Mismatch, stalls: StallProfile, seed: int
    ) -> Sequence[StreamRow]:
        """The rows that show a failure once more, from reset.

        That row alone, or else all since the last reset up to it; none if even those are right.
        """
        assert mismatch.sent is not None
        for rows in ([mismatch.sent], self._sent[: mismatch.row + 1]):
            await self.signal.reset()
            beats = Beats.from_ints([beat for row in rows for beat in row.beats], self._in_bits)
            self.signal.start(beats, stalls, seed)
            try:
                await self.signal.wait(len(rows))
            except TimeoutError:
                return rows
            played = Played(tuple(self.signal.sent), tuple(self.signal.received))
            if await self._judge(Scoreboard(self.cfg), played, 0, stalls):
                return rows
        return ()

    def item(self, name: str) -> str:
        """What pytest calls the test of this name, for a shell."""
        return f"'tests/sim/test_rtl.py::test_rtl[{name}]'"

    async def _fail(
        self, mismatch: Mismatch, stalls: StallProfile, seed: int, hang: str
    ) -> NoReturn:
        """Say everything a stranger needs to see it again, and keep the rows for a replay."""
        name = f"{self.cfg.name}-{self.name}"
        lines = [mismatch.text, *([hang] if hang else [])]
        design = self.cfg.design
        if mismatch.element is not None and design is None:
            assert mismatch.sent
            lines.append(f"first differing stage: {await self.explain(mismatch.sent)}")
        lines += [
            f"configuration {design.file if design else self.cfg}",
            f"stalls {stalls.name}, seed {seed}, power-up {self.setup['draw']}",
        ]
        if "replay with" not in self.setup:
            lines.append(
                f"the whole test: .venv/bin/pytest {self.item(name)} --seed {self.setup['seed']}"
                f"{self.setup.get('again', '')}"
            )
        if mismatch.sent:
            rows = await self.again(mismatch, stalls, seed)
            lines.append(self._kept(rows, f"{name}-row{mismatch.row}", stalls, seed))
        raise AssertionError("\n  ".join(lines))

    def _kept(self, rows: Sequence[StreamRow], name: str, stalls: StallProfile, seed: int) -> str:
        """Keep rows for a replay; returns what to say about it."""
        if not rows:
            return "from reset it is right, alone and after the rows before it: see the whole test"
        replay = {
            "config": dataclasses.asdict(self.cfg),
            "beats": [beat for row in rows for beat in row.beats],
            "stalls": dataclasses.asdict(stalls),
            "seed": seed,
            "draw": self.setup["draw"],
        }
        text = json.dumps(replay)
        # Of its contents, or one failure would be written over another's.
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        stem = re.sub(r"[^\w.=-]+", "-", name)
        path = Path(self.setup["failures"]) / f"{stem}-{digest}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        shown = path.relative_to(_ROOT) if path.is_relative_to(_ROOT) else path
        if command := self.setup.get("replay with"):
            return f"replay with: {command} {shlex.quote(str(path))}"
        what = "just that row" if len(rows) == 1 else f"that row and the {len(rows) - 1} before it"
        return (
            f"{what}: .venv/bin/python -m softmax_cosim.simulation.regression {shown}"
            " (--waves for a trace)"
        )


def each(**names: Iterable[str]) -> Callable[[TestGenerator], TestGenerator]:
    """One test for each combination of names; cocotb alone would number them when they are long."""
    return cocotb.parametrize(
        **{key: [cocotb.Param(name, name) for name in values] for key, values in names.items()}
    )


def case(body: Callable[Concatenate[Bench, P], Awaitable[None]]) -> TestGenerator:
    """A cocotb test from a body: reset before it, and nothing left over after it."""

    @cocotb.test
    @functools.wraps(body)
    async def test(dut: Any, *args: P.args, **parameters: P.kwargs) -> None:
        room = body.__module__.rpartition(".")[2]
        values = "".join(f"/{key}={value}" for key, value in parameters.items())
        bench = Bench(dut, f"{room}.{body.__name__}{values}")
        begun = time.perf_counter()
        try:
            await bench.reset()
            await body(bench, *args, **parameters)
            await bench.finish()
            bench.seen.write()
        finally:
            dut._log.info("case took %.3f s", time.perf_counter() - begun)

    return test
