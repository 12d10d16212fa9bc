"""The register file's side of a test: an AXI4-Lite master, and a watch that knows every answer.

The watch hands the pins of each cycle to :class:`.golden.register_file.RegisterFile` and holds each
answer on the bus to it, and the bus to its rules, whoever caused the access and whenever.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Concatenate, ParamSpec

import cocotb
import numpy as np
from cocotb.regression import TestGenerator
from cocotb.task import Task
from cocotb.triggers import RisingEdge
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp
from cocotbext.axi.axil_channels import AxiLiteAWTransaction, AxiLiteWTransaction

from softmax_cosim.configs import Config
from softmax_cosim.golden import registers
from softmax_cosim.golden.register_file import Answer, RegisterFile, Streams, Write
from softmax_cosim.golden.rows import Rows
from softmax_cosim.golden.softmax import Outputs, softmax
from softmax_cosim.golden.tables import LOADABLE, Loaded
from softmax_cosim.tb.env import Bench
from softmax_cosim.tb.pins import Pins
from softmax_cosim.tb.scoreboard import Scoreboard
from softmax_cosim.tb.signal import RESET_CYCLES
from softmax_cosim.tb.transactions import StreamRow

__all__ = ["BUILT_LOADABLE", "RegisterBench", "case"]

#: Environment variable: 0 if the design was built with constant tables.
BUILT_LOADABLE = "COSIM_LOADABLE"

P = ParamSpec("P")

_LONGEST_MS = 2

_BUS = (
    *("awvalid", "awready", "awaddr", "wvalid", "wdata", "wstrb", "bvalid", "bready", "bresp"),
    *("arvalid", "arready", "araddr", "rvalid", "rready", "rresp", "rdata"),
)
_SLVERR, _OKAY = int(AxiResp.SLVERR), int(AxiResp.OKAY)


class _Watched:
    """Pins that are read at every edge, looked up once."""

    def __init__(self, dut: Any) -> None:
        bus = {name: getattr(dut, f"s_axil_{name}") for name in _BUS}
        self.answers = {
            "b": (bus["bvalid"], bus["bready"], bus["bresp"], None),
            "r": (bus["rvalid"], bus["rready"], bus["rresp"], bus["rdata"]),
        }
        self.awvalid, self.awready, self.wvalid = bus["awvalid"], bus["awready"], bus["wvalid"]
        self.arvalid, self.arready, self.araddr = bus["arvalid"], bus["arready"], bus["araddr"]
        self.write = (bus["awaddr"], bus["wdata"], bus["wstrb"])
        self.s_valid, self.s_ready = dut.s_axis_tvalid, dut.s_axis_tready
        self.m_valid, self.m_ready = dut.m_axis_tvalid, dut.m_axis_tready
        self.s_last, self.m_last = dut.s_axis_tlast, dut.m_axis_tlast
        self.m_user = dut.m_axis_tuser


class RegisterBench(Bench):
    """A bench around ``softmax_axil``."""

    def __init__(self, dut: Any, name: str, *, pins: bool = False) -> None:
        """As :class:`Bench`, with the bus idle; driven by ``pins``, or else by ``master``."""
        super().__init__(dut, name)
        built = os.environ.get(BUILT_LOADABLE, "1") == "1"
        self.loadable = built and self.cfg.method in LOADABLE
        self.map = registers.load()
        if pins:
            self.pins = Pins(dut)
        else:
            self.master = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk_i)
        self.scoreboard = Scoreboard(self.cfg, self._expected)
        self.model = RegisterFile(self.cfg, loadable=self.loadable)
        self.answers = 0
        """Answers seen and found right since the last reset."""
        self._judged = 0
        self._watching: Task[None] | None = None

    async def reset(self, cycles: int = RESET_CYCLES) -> None:
        """Reset everything, the register file included."""
        if self._watching:
            self._watching.cancel()
        await super().reset(cycles)
        self.model = RegisterFile(self.cfg, loadable=self.loadable)
        self.answers = self._judged = 0
        self._watching = cocotb.start_soon(self._watch())

    async def soft_reset(self, ask: Coroutine[Any, Any, None] | None = None) -> int:
        """Ask for a soft reset, whatever is in flight, with the source going on.

        Args:
            ask: plays the write that asks for it; by ``master``, if there is none.

        Returns:
            How many rows had gone in whole before it.
        """
        signal = self.signal
        # Valid may fall without ready in a reset; nothing else may be wrong with what comes out.
        signal.outlet.look(False)
        asked = cocotb.start_soon(ask or self._ask_for_reset())
        while not int(self.dut.soft_reset.value):
            await signal.cycles(1)
        done = len(signal.sent)
        self.tell_reset(1, soft=True)
        signal.sent.clear()
        signal.received.clear()
        self.scoreboard.reset()
        self._judged = 0
        for monitor in (signal.inlet, signal.outlet):
            monitor.look(True)
        await asked
        return done

    async def _ask_for_reset(self) -> None:
        refused = await self.write("CONTROL", self.bit("CONTROL", "SOFT_RESET"))
        assert not refused, "the soft reset was refused"

    def bit(self, register: str, field: str) -> int:
        """A register's word with one bit set, that of a field."""
        return 1 << self.map.registers[register].fields[field].lsb

    def _expected(self, cfg: Config, rows: Rows) -> Outputs:
        """The golden model, each row with the tables that it found."""
        held = self.model.tables_of_rows[self._judged :]
        self._judged += len(held)
        if not held[0]:
            return softmax(cfg, rows)
        if all(loaded is held[0] for loaded in held):
            return softmax(cfg, rows, held[0])
        assert len(held) == len(rows), "malformed rows while tables change"
        parts = [softmax(cfg, rows.slice(n, n + 1), loaded) for n, loaded in enumerate(held)]
        stages = {
            name: np.concatenate([part.stages[name] for part in parts]) for name in parts[0].stages
        }
        return Outputs(stages["y"], stages, np.concatenate([part.exponent for part in parts]))

    def item(self, name: str) -> str:
        """All cases of a build are one item."""
        return "tests/sim/test_registers.py"

    async def explain(self, row: StreamRow) -> str:
        """Stages are not compared behind a register file."""
        return "not looked for; does the core alone fail too?"

    async def write(self, name: str, value: int) -> bool:
        """Write a register; say whether it was refused."""
        return await self.poke(self.map.registers[name].offset, value)

    async def poke(self, address: int, value: int) -> bool:
        """Write a whole word; whether it was refused."""
        return await self.store(address, value.to_bytes(registers.WORD, "little"))

    async def store(self, address: int, data: bytes) -> bool:
        """Write bytes within a word; whether it was refused."""
        return bool((await self.master.write(address, data)).resp == AxiResp.SLVERR)

    async def put(self, address: int, word: int, strobes: int) -> bool:
        """Write with any strobes, whatever the bytes are that they leave out; whether refused.

        For several at a time; the master itself is to be idle.
        """
        write = self.master.write_if
        await write.aw_channel.send(AxiLiteAWTransaction(awaddr=address))
        await write.w_channel.send(AxiLiteWTransaction(wdata=word, wstrb=strobes))
        return bool(int((await write.b_channel.recv()).bresp) == _SLVERR)

    async def read(self, name: str) -> int:
        """Read a register.

        Raises:
            AssertionError: it was refused.
        """
        refused, value = await self.peek(self.map.registers[name].offset)
        assert not refused, f"reading {name} was refused"
        return value

    async def peek(self, address: int) -> tuple[bool, int]:
        """Read a word: whether it was refused, and the word."""
        answer = await self.master.read(address, registers.WORD)
        return answer.resp == AxiResp.SLVERR, int.from_bytes(answer.data, "little")

    async def load(self, loaded: Loaded) -> list[bool]:
        """Write tables; for each entry whether it was refused."""
        return [await self.poke(address, word) for address, word in registers.entries(loaded)]

    async def _watch(self) -> None:
        """Hold every answer to the model, from the first cycle after reset."""
        edge, pins = RisingEdge(self.dut.clk_i), _Watched(self.dut)
        waiting: dict[str, Answer | None] = {"b": None, "r": None}
        while True:
            await edge
            waiting = self._step(pins, waiting)

    def _step(self, pins: _Watched, waiting: dict[str, Answer | None]) -> dict[str, Answer | None]:
        """One rising edge: check the answers on the bus, and learn which ones come next."""
        left: dict[str, Answer | None] = {}
        for channel, (valid, ready, resp, data) in pins.answers.items():
            wanted = waiting[channel]
            assert int(valid.value) == (wanted is not None), (
                f"s_axil_{channel}valid is {valid.value} in cycle {self.signal.cycle()}; "
                f"waiting for an answer: {wanted}"
            )
            left[channel] = wanted
            if wanted is not None:
                got = Answer(int(resp.value) == _SLVERR, 0 if data is None else int(data.value))
                assert int(resp.value) in (_OKAY, _SLVERR), f"{channel}resp is {resp.value}"
                assert got == wanted, (
                    f"channel {channel}, cycle {self.signal.cycle()}: {got} instead of {wanted}"
                )
                if int(ready.value):
                    left[channel] = None
                    self.answers += 1
        write = read = None
        if int(pins.awready.value):
            assert int(pins.awvalid.value), "awready without awvalid"
            assert int(pins.wvalid.value), "wready without wvalid"
            write = Write(*(int(pin.value) for pin in pins.write))
        if int(pins.arready.value):
            assert int(pins.arvalid.value), "arready without arvalid"
            read = int(pins.araddr.value)
        s_valid, m_valid = int(pins.s_valid.value), int(pins.m_valid.value)
        streams = Streams(
            s_valid,
            int(pins.s_ready.value),
            s_valid and int(pins.s_last.value),
            m_valid,
            int(pins.m_ready.value),
            m_valid and int(pins.m_last.value),
            m_valid and int(pins.m_user.value) & 1,
        )
        answers = self.model.cycle(self.signal.cycle(), streams, write, read)
        self._tell(write, read, answers)
        for channel, answer in zip(("b", "r"), answers, strict=True):
            if answer is not None:
                assert left[channel] is None, f"channel {channel}: two answers at a time"
                left[channel] = answer
        return left

    def _tell(
        self, write: Write | None, read: int | None, answers: Sequence[Answer | None]
    ) -> None:
        """Note the accesses of a cycle."""
        both, busy = write is not None and read is not None, self.model.values["STATUS"] != 0
        of_write, of_read = answers
        if write is not None and of_write is not None:
            strobes = {0: "no strobe", 2**registers.WORD - 1: "every strobe"}
            how = f"write, {strobes.get(write.strobes, 'some strobes')}"
            self._accessed(how, write.address, of_write, busy, both)
        if read is not None and of_read is not None:
            self._accessed("read", read, of_read, busy, both)

    def _accessed(self, how: str, address: int, answer: Answer, busy: bool, both: bool) -> None:
        refused = "refused" if answer.refused else "done"
        self.seen.access(how, self.model.kind(address), refused, busy, both)


def case(
    body: Callable[Concatenate[RegisterBench, P], Awaitable[None]], *, pins: bool = False
) -> TestGenerator:
    """A cocotb test from a body: reset before it, and nothing left over after it."""

    @cocotb.test(timeout_time=_LONGEST_MS, timeout_unit="ms")  # a bus that hangs says nothing
    @functools.wraps(body)
    async def test(dut: Any, *args: P.args, **parameters: P.kwargs) -> None:
        bench = RegisterBench(dut, body.__name__, pins=pins)
        await bench.reset()
        await body(bench, *args, **parameters)
        await bench.finish()
        bench.seen.write()
        assert bench.answers, "nothing was asked of the register file"

    return test
