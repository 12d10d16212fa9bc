"""The ``signal`` transport: cocotb-bus drivers and monitors on the pins, one Python step a beat.

The reference for the protocol and the place for corner cases; :mod:`.tb.bulk` is the fast one.
Coroutines wake at a rising edge and read what the design saw at that edge; what they write takes
effect after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.handle import Immediate
from cocotb.simtime import get_sim_time
from cocotb.triggers import Event, First, RisingEdge, Timer
from cocotb.utils import get_sim_steps
from cocotb_bus.drivers import BusDriver  # type: ignore[import-untyped]
from cocotb_bus.monitors import BusMonitor  # type: ignore[import-untyped]

from softmax_cosim.configs import Config
from softmax_cosim.configs.stalls import PATTERNS, SINK, SOURCE, Gate, Pattern, StallProfile
from softmax_cosim.golden.exchange import Broken, Memory, NoProgress
from softmax_cosim.golden.rows import Results, Rows
from softmax_cosim.tb.clock import PERIOD_NS
from softmax_cosim.tb.hang import describe
from softmax_cosim.tb.pack import Beat, Beats, pack, unpack_probabilities
from softmax_cosim.tb.transactions import StreamRow

__all__ = [
    "RESET_CYCLES",
    "ProtocolError",
    "Served",
    "Signal",
    "Sink",
    "Source",
    "StreamMonitor",
]

#: Rising edges that see a reset, unless a case says otherwise.
RESET_CYCLES = 3
_DRAIN_CYCLES = 8  # after the last row, in which nothing may come out

_LENGTH = "tlength"  # only where the design wants to know it
_SIGNALS = ["tvalid", "tready", "tdata", "tkeep", "tuser", "tlast"]


class ProtocolError(AssertionError):
    """The design, or a driver of ours, broke a rule of AXI4-Stream."""


class Source(BusDriver):  # type: ignore[misc]  # cocotb-bus has no types
    """Drives beats; a transaction is a burst: its beats and the gate that says when to offer."""

    _signals = _SIGNALS
    _optional_signals = [_LENGTH]  # noqa: RUF012 (cocotb-bus declares it so)

    def __init__(self, dut: Any, name: str, clock: Any) -> None:
        """Drive the stream ``name`` of ``dut``; it starts idle."""
        super().__init__(dut, name, clock, case_insensitive=False)
        self.bus.tvalid.value = 0

    async def _driver_send(
        self, transaction: tuple[Sequence[Beat], Gate], sync: bool = True
    ) -> None:
        beats, gate = transaction
        bus, edge, step = self.bus, RisingEdge(self.clock), gate.step
        valid, ready, tdata, tkeep, tuser, tlast = (getattr(bus, name) for name in _SIGNALS)
        tlength = getattr(bus, _LENGTH, None)
        lengths = iter(_lengths(beats) if tlength is not None else ())
        if sync:
            await edge
        for data, keep, user, last in beats:
            if not step():
                valid.value = 0
                await edge
                while not step():
                    await edge
            tdata.value = data
            tkeep.value = keep
            tuser.value = user
            tlast.value = last
            if tlength is not None:
                tlength.value = next(lengths)
            valid.value = 1
            await edge
            while not int(ready.value):
                step()
                await edge
        valid.value = 0

    def abort(self) -> None:
        """Drop the burst under way and all that wait; only a reset allows that."""
        self._thread.cancel()  # type: ignore[has-type]
        self.clear()
        self.bus.tvalid.value = 0
        self._thread = cocotb.start_soon(self._send_thread())


def _lengths(beats: Sequence[Beat]) -> Iterator[int]:
    """Of each beat: elements of its row."""
    row: list[int] = []
    for _, keep, _, last in beats:
        row.append(keep.bit_count())
        if last:
            yield from [sum(row)] * len(row)
            row = []


class Sink(BusDriver):  # type: ignore[misc]  # cocotb-bus has no types
    """Drives ``tready``; a transaction is a gate, followed until the next one is queued."""

    _signals = ["tready"]  # noqa: RUF012 (cocotb-bus declares it so)

    def __init__(self, dut: Any, name: str, clock: Any) -> None:
        """Drive the stream ``name`` of ``dut``; it starts not ready."""
        super().__init__(dut, name, clock, case_insensitive=False)
        self.bus.tready.value = 0

    async def _driver_send(self, transaction: tuple[Gate, bool], sync: bool = True) -> None:
        gate, always_open = transaction
        ready, edge, step = self.bus.tready, RisingEdge(self.clock), gate.step
        if sync:
            await edge
        if always_open:
            ready.value = 1
            self._pending.clear()
            await self._pending.wait()
            await edge
        while not self._sendQ:
            ready.value = int(step())
            await edge


class StreamMonitor(BusMonitor):  # type: ignore[misc]  # cocotb-bus has no types
    """Watches a stream, hands each whole row to its callback, and holds both sides to the rules.

    Raises (which ends the test): :class:`ProtocolError` when ``tvalid`` falls or anything changes
    while stalled, or for an X or Z on a handshake or in a beat.
    """

    _signals = _SIGNALS

    def __init__(
        self,
        dut: Any,
        name: str,
        clock: Any,
        cycle: Callable[[], int],
        callback: Callable[[StreamRow], None],
    ) -> None:
        """Watch the stream ``name`` of ``dut``; ``cycle`` tells the time.

        It looks away until :meth:`look`.
        """
        self._cycle = cycle
        self._looking = False
        self._beats: list[Beat] = []
        self._held: Beat | None = None
        self.beats_seen = 0
        super().__init__(dut, name, clock, callback=callback, case_insensitive=False)

    @property
    def inside_row(self) -> bool:
        """True if a row has begun and not ended."""
        return bool(self._beats)

    @property
    def beats_of_row(self) -> int:
        """Beats seen of the row that has begun and not ended."""
        return len(self._beats)

    @property
    def handshake(self) -> str:
        """The state of valid and ready, for a message."""
        return f"{self.name} tvalid={self.bus.tvalid.value} tready={self.bus.tready.value}"

    def look(self, looking: bool) -> None:
        """Start watching, or look away and forget the row under way: the design is in reset."""
        self._looking = looking
        self._beats = []
        self._held = None

    async def _monitor_recv(self) -> None:
        edge = RisingEdge(self.clock)
        while True:
            await edge
            if self._looking:
                self.observe()

    def observe(self) -> None:
        """Take in what the pins show at this rising edge."""
        try:
            self._observe()
        except ValueError:
            pins = {name: getattr(self.bus, name).value for name in _SIGNALS}
            unknown = [name for name, value in pins.items() if not value.is_resolvable]
            if not unknown:
                raise
            raise ProtocolError(
                f"{self.name}_{unknown[0]} is {pins[unknown[0]]} in cycle {self._cycle()}"
            ) from None

    def _observe(self) -> None:
        bus, held = self.bus, self._held
        if not int(bus.tvalid.value):
            if held is not None:
                raise ProtocolError(f"{self.name}_tvalid fell while stalled, cycle {self._cycle()}")
            return
        beat = (
            int(bus.tdata.value),
            int(bus.tkeep.value),
            int(bus.tuser.value),
            int(bus.tlast.value),
        )
        if held is not None and beat != held:
            raise ProtocolError(
                f"{self.name} changed while stalled, cycle {self._cycle()}: (tdata, tkeep, tuser, "
                f"tlast) were {_hex(held)} and became {_hex(beat)}"
            )
        if not int(bus.tready.value):
            self._held = beat
            return
        self._held = None
        self.beats_seen += 1
        if not self._beats:
            self._first = self._cycle()
        self._beats.append(beat)
        if beat[3]:
            row = StreamRow(self._first, self._cycle(), self._beats)
            self._beats = []
            self._recv(row)


def _hex(beat: Beat) -> str:
    return f"({', '.join(map(hex, beat))})"


class Signal:
    """Rows in, results out, over the pins; owns clock and reset of the design."""

    def __init__(self, dut: Any, cfg: Config, patience: int = 20_000) -> None:
        """Start the clock and everything that watches.

        Args:
            dut: the core, with the ports of ``softmax_top``.
            cfg: what it was built for.
            patience: cycles without a beat in either direction that are called a hang.
        """
        self.cfg = cfg
        self.patience = patience
        self.sent: list[StreamRow] = []
        """Rows that the input monitor saw whole since they were last taken away."""
        self.received: list[StreamRow] = []
        """Likewise at the output."""
        self._dut = dut
        self._edge = RisingEdge(dut.clk_i)
        self._period = get_sim_steps(PERIOD_NS, "ns")
        self._released = 0
        self._changed = Event()
        self._clock = Clock(dut.clk_i, PERIOD_NS, "ns")
        # At once: of a clock pin that wakes up high, some parts of a model would see an edge now.
        dut.clk_i.set(Immediate(0))
        dut.rst_ni.set(Immediate(0))
        self._clock.start(start_high=False)
        self.source = Source(dut, "s_axis", dut.clk_i)
        self.sink = Sink(dut, "m_axis", dut.clk_i)
        self.inlet = StreamMonitor(dut, "s_axis", dut.clk_i, self.cycle, self._saw(self.sent))
        self.outlet = StreamMonitor(dut, "m_axis", dut.clk_i, self.cycle, self._saw(self.received))

    def _saw(self, rows: list[StreamRow]) -> Callable[[StreamRow], None]:
        def saw(row: StreamRow) -> None:
            rows.append(row)
            self._changed.set()

        return saw

    def cycle(self) -> int:
        """Rising edges since the release of reset; the first edge without reset is cycle 0."""
        return (get_sim_time("step") - self._released) // self._period - 1

    async def cycles(self, count: int) -> None:
        """Wait for this many rising edges."""
        for _ in range(count):
            await self._edge

    async def reset(self, cycles: int = RESET_CYCLES) -> None:
        """Drop everything in flight and reset the design; see that its output is quiet.

        Args:
            cycles: rising edges that see the reset.

        Raises:
            ProtocolError: ``m_axis_tvalid`` is high in a cycle after the reset was seen.
        """
        for monitor in (self.inlet, self.outlet):
            monitor.look(False)
        self.source.abort()
        self._dut.rst_ni.value = 0
        await self._edge
        for cycle in range(1, cycles):
            await self._edge
            if str(self._dut.m_axis_tvalid.value) != "0":
                raise ProtocolError(f"m_axis_tvalid is not low {cycle} cycles into reset")
        self._dut.rst_ni.value = 1
        self._released = get_sim_time("step")
        await Timer(1, "step")  # whoever wakes after us at this edge saw what was before the reset
        self.sent.clear()
        self.received.clear()
        for monitor in (self.inlet, self.outlet):
            monitor.look(True)

    async def idle(self, cycles: int) -> None:
        """Drive nothing, with the output open."""
        none = PATTERNS["none"]
        self.sink.append((Gate(none, 0, SINK), none.always_open))
        await self.cycles(cycles)

    def start(self, beats: Beats, stalls: StallProfile, seed: int) -> None:
        """Begin to play beats; the first cycle of both gates follows the next rising edge."""
        self.sink.append((Gate(stalls.sink, seed, SINK), stalls.sink.always_open))
        self.source.append((beats.to_ints(), Gate(stalls.source, seed, SOURCE)))

    async def wait(self, rows: int) -> None:
        """Wait until so many rows went in and came out; they stand in ``sent`` and ``received``.

        Raises:
            TimeoutError: no beat moved for ``patience`` cycles; the message has the handshakes.
        """
        moved = -1
        while len(self.sent) < rows or len(self.received) < rows:
            before, moved = moved, self.inlet.beats_seen + self.outlet.beats_seen
            if before == moved:
                message = describe(
                    self.patience,
                    rows=rows,
                    taken=(len(self.sent), self.inlet.beats_of_row),
                    given=(len(self.received), self.outlet.beats_of_row),
                    handshakes=f"{self.inlet.handshake}, {self.outlet.handshake}",
                )
                raise TimeoutError(message)
            self._changed.clear()
            await First(self._changed.wait(), Timer(self.patience * self._period))

    async def play(self, rows: Rows, stalls: StallProfile, seed: int) -> Results:
        """Reset the design, play the rows, wait for every result.

        Raises:
            NoProgress: the design stopped taking or giving data.
            Broken: the design gave something that no row accounts for.
        """
        await self.reset()
        self.start(pack(rows, self.cfg), stalls, seed)
        try:
            await self.wait(len(rows))
        except TimeoutError as error:
            raise NoProgress(str(error), self._results(rows)) from None
        await self.cycles(_DRAIN_CYCLES)
        if len(self.received) > len(rows) or self.outlet.inside_row:
            raise Broken("more rows came out than went in", self._results(rows))
        results = self._results(rows)
        self.sent.clear()
        self.received.clear()
        return results

    def _results(self, rows: Rows) -> Results:
        """What the monitors saw, under the rows of the batch; missing cycles are -1."""
        cfg, count = self.cfg, len(rows)
        sent, received = self.sent[:count], self.received[:count]
        cycles = np.full((4, count), -1, np.int64)
        cycles[:2, : len(sent)] = np.array([(row.first, row.last) for row in sent]).T.reshape(2, -1)
        beats = [beat for row in received for beat in row.beats]
        out = unpack_probabilities(Beats.from_ints(beats, cfg.lanes * cfg.out_w), cfg)
        lengths = np.diff(out.offsets)
        # A row of another length than its scores did not come out whole: it counts as lost.
        whole = out.error | (lengths == rows.lengths[: len(received)])
        stamps = np.array([(row.first, row.last) for row in received], np.int64).reshape(-1, 2)
        cycles[2:, : len(received)] = np.where(whole[:, None], stamps, -1).T
        y = np.zeros(len(rows.q), cfg.raw)
        good = np.zeros(count, np.bool_)
        good[: len(received)] = whole & ~out.error
        y[np.repeat(good, rows.lengths)] = out.y[np.repeat(whole & ~out.error, lengths)]
        padding = count - len(received)
        return Results(
            y,
            np.pad(out.error, (0, padding)),
            np.pad(out.exponent, (0, padding)),
            *cycles,
        )


class Served:
    """The transport as :class:`.tb.server.Transport` has it."""

    edges = 0

    def __init__(self, dut: Any, setup: dict[str, Any]) -> None:
        """See :class:`.tb.server.Transport`."""
        config = Config(**setup["config"])
        self._signal = Signal(dut, config, setup["patience"])
        self._memory = Memory(setup["memory"], config.raw)

    async def run(self, rows: int, elements: int, seed: int, stalls: tuple[int, ...]) -> bool:
        """Play a batch in place; raises what :meth:`Signal.play` does."""
        batch = self._memory.exchange(rows, elements)
        pairs = list(zip(stalls[::2], stalls[1::2], strict=True))
        source, sink = Pattern(*pairs[:2]), Pattern(*pairs[2:])
        try:
            played = await self._signal.play(batch.rows, StallProfile("", source, sink), seed)
            batch.write_results(played)
        except Broken as broken:
            batch.write_results(broken.results)
            raise
        return True

    def end(self) -> None:
        """The simulation ends as any does."""
