"""What the register file holds and answers, cycle by cycle: the model of ``rtl/softmax_regs.sv``.

It is told what the pins show in each cycle, and says how an access that is taken in that cycle
must be answered, and with which tables each row is computed.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np

from softmax_cosim.configs import Config
from softmax_cosim.golden import registers, tables
from softmax_cosim.golden.registers import WORD

__all__ = ["Answer", "RegisterFile", "Streams", "Write"]

_WRAP = 2**32


class Streams(NamedTuple):
    """Both streams in one cycle."""

    s_valid: int
    s_ready: int
    s_last: int
    m_valid: int
    m_ready: int
    m_last: int
    error: int


class Write(NamedTuple):
    """A write in the cycle in which it is taken."""

    address: int
    data: int
    strobes: int


class Answer(NamedTuple):
    """How an access ends."""

    refused: bool
    data: int = 0


class RegisterFile:
    """The state behind the bus since reset."""

    def __init__(self, cfg: Config, *, loadable: bool = True) -> None:
        """A build of ``cfg`` right after reset; ``loadable`` as it was built."""
        self._cfg = cfg
        self._map = registers.load()
        self._by_address = {register.offset: register for register in self._map.registers.values()}
        self._reset = {
            name: registers.value(register, cfg, loadable=loadable)
            for name, register in self._map.registers.items()
        }
        self._defaults = tables.default(cfg) if loadable and cfg.method in tables.LOADABLE else {}
        self._entries = {
            address: (name, index)
            for name, table in self._defaults.items()
            for address, index in registers.entries(
                {name: np.arange(table.size, dtype=np.int32).reshape(table.shape)}
            )
        }
        self.values = dict(self._reset)
        """Every register's word, by name."""
        self._resetting = False
        self._clear()

    def _clear(self) -> None:
        """What a soft reset does."""
        self.values = self._reset | {"SCRATCH": self.values["SCRATCH"]}
        self.tables: tables.Loaded = self._defaults
        """The tables that the next row is computed with; empty if none can be loaded."""
        self.tables_of_rows: list[tables.Loaded] = []
        """Those of each row since reset, in the order of the rows."""
        self._starts: deque[int] = deque()
        self._inside_row = False

    def cycle(
        self, now: int, streams: Streams, write: Write | None, read: int | None
    ) -> tuple[Answer | None, Answer | None]:
        """Go through one cycle.

        Args:
            now: its number, one more than in the call before.
            streams: what the pins show.
            write: the write that is taken in this cycle, if any.
            read: the address of the read that is taken in this cycle, if any.

        Returns:
            The answers to the write and to the read.

        Raises:
            AssertionError: a beat moved in the cycle of a soft reset, or a row came out that never
                went in.
        """
        beat_in = streams.s_valid and streams.s_ready
        beat_out = streams.m_valid and streams.m_ready
        assert not (self._resetting and (beat_in or streams.m_valid)), "a beat during a soft reset"
        if beat_in and not self._inside_row:
            self._starts.append(now)
            self.tables_of_rows.append(self.tables)
        busy = bool(self._starts)
        self.values["STATUS"] = int(busy) << self._bit("STATUS", "BUSY")
        read_answer = None if read is None else self._read(read & -WORD)
        faults, soft_reset, write_answer = 0, False, None
        if write is not None:
            write_answer, faults, soft_reset = self._write(write, busy)
        if read_answer is not None and read_answer.refused:
            faults |= 1 << self._bit("FAULTS", "ACCESS")
        refused = sum(
            answer is not None and answer.refused for answer in (write_answer, read_answer)
        )
        ends = beat_out and streams.m_last
        self._count(
            ROWS=ends,
            ERRORS=ends and streams.error,
            BEATS_IN=beat_in,
            BEATS_OUT=beat_out,
            STALLS_IN=streams.s_valid and not streams.s_ready,
            STALLS_OUT=streams.m_valid and not streams.m_ready,
            REFUSED=refused,
        )
        self.values["FAULTS"] |= faults
        if beat_in:
            self._inside_row = not streams.s_last
        if ends:
            assert self._starts, "a row came out that never went in"
            self.values["LATENCY"] = (now - self._starts.popleft()) % _WRAP
        if self._resetting:
            self._clear()
        self._resetting = soft_reset
        return write_answer, read_answer

    def skip(self, cycles: int) -> None:
        """As if so many more cycles had passed since every row began that is in flight."""
        self._starts = deque(start - cycles for start in self._starts)

    def kind(self, address: int) -> str:
        """What is there: an ``entry`` of a table, a register by its ``access``, or ``none``."""
        address &= -WORD
        if address in self._entries:
            return "entry"
        register = self._by_address.get(address)
        return register.access if register else "none"

    def _bit(self, register: str, field: str) -> int:
        return self._map.registers[register].fields[field].lsb

    def _count(self, **events: int) -> None:
        for name, count in events.items():
            self.values[name] = (self.values[name] + int(count)) % _WRAP

    def _read(self, address: int) -> Answer:
        if address not in self._by_address:
            return Answer(True)
        register = self._by_address[address]
        return Answer(False, 0 if register.access == "w1s" else self.values[register.name])

    def _write(self, write: Write, busy: bool) -> tuple[Answer, int, bool]:
        """The answer, the faults to note, and whether a soft reset follows."""
        address = write.address & -WORD
        mask = sum(0xFF << 8 * byte for byte in range(WORD) if write.strobes >> byte & 1)
        if address in self._entries:
            fault = self._load(address, write, busy)
            return Answer(fault != ""), (1 << self._bit("FAULTS", fault) if fault else 0), False
        register = self._by_address.get(address)
        if register is None or register.access == "ro":
            return Answer(True), 1 << self._bit("FAULTS", "ACCESS"), False
        value, written = self.values[register.name], write.data & mask
        if register.access == "rw":
            self.values[register.name] = value & ~mask | written
        if register.access == "w1c":
            self.values[register.name] = value & ~written
        if register.access == "clear" and mask:
            self.values[register.name] = 0
        asked = register.name == "CONTROL" and written >> self._bit("CONTROL", "SOFT_RESET") & 1
        return Answer(False), 0, bool(asked)

    def _load(self, address: int, write: Write, busy: bool) -> str:
        """Write an entry of a table; the fault that hinders it, if one does."""
        if busy:
            return "BUSY"
        name, index = self._entries[address]
        last = name == "LUT_1E" and index == self._defaults[name].size - 1
        if write.strobes != 2**WORD - 1 or write.data > (0 if last else self._cfg.m):
            return "VALUE"
        table = self.tables[name].copy()
        table.flat[index] = write.data
        self.tables = {**self.tables, name: table}
        return ""
