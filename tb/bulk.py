"""The bulk transport: a batch is handed to the C++ transactors of ``tb/dpi``, and waited for once.

The transactors read the rows and write the results in place. Who drives the clock depends on the
simulator's main program: with cocotb's own it is cocotb, with the project's (``tb/dpi/main.cpp``)
one call runs it in C++ until the batch is over. Everything else is the same, to the cycle. That
call also answers, and goes on with batches of that shape, until one has another or goes wrong.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Sequence
from typing import Any

from cocotb.clock import Clock
from cocotb.handle import HierarchyObject, LogicObject
from cocotb.triggers import ReadWrite, Timer, ValueChange
from cocotb.utils import get_sim_steps

from softmax_cosim.golden.protocol import (
    COMMAND,
    RESULTS,
    ROWS,
    Broken,
    NoProgress,
    places,
    size,
)
from softmax_cosim.tb.clock import PERIOD_NS
from softmax_cosim.tb.hang import describe

__all__ = ["Batch", "Bulk"]

_UNDER_WAY, _DONE, _NO_PROGRESS, _SURPLUS = range(4)


class Batch(ctypes.Structure):
    """``bulk::Batch`` of ``tb/dpi/transactor.h``."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in (*ROWS, *RESULTS)),
        ("rows", ctypes.c_int64),
        ("elements", ctypes.c_int64),
        ("seed", ctypes.c_uint64),
        ("source_pattern", ctypes.c_uint32 * 4),
        ("sink_pattern", ctypes.c_uint32 * 4),
        ("patience", ctypes.c_int64),
        ("half_period", ctypes.c_int64),
        ("lanes", ctypes.c_int32),
        ("in_w", ctypes.c_int32),
        ("out_w", ctypes.c_int32),
        ("status", ctypes.c_int32),
        ("edges", ctypes.c_int64),
        ("all_edges", ctypes.c_int64),
        ("row_in", ctypes.c_int64),
        ("beat_in", ctypes.c_int64),
        ("row_out", ctypes.c_int64),
        ("beat_out", ctypes.c_int64),
        ("s_valid", ctypes.c_uint8),
        ("s_ready", ctypes.c_uint8),
        ("m_valid", ctypes.c_uint8),
        ("m_ready", ctypes.c_uint8),
    )


class Bulk:
    """Plays batches through ``softmax_tb``."""

    def __init__(self, dut: HierarchyObject, setup: dict[str, Any]) -> None:
        """See :class:`.tb.server.Transport`."""
        clock, done = dut.clk_i, dut.done_o
        assert isinstance(clock, LogicObject)
        assert isinstance(done, LogicObject)
        self._pin, self._done = clock, done
        library = ctypes.CDLL(None)
        self._begin = library.softmax_begin
        self._serve = getattr(library, "softmax_serve", None)
        self._next = ctypes.create_string_buffer(COMMAND.size)
        self._end = getattr(library, "softmax_end", None)
        self._clock = Clock(clock, PERIOD_NS, "ns")
        self._half_period = get_sim_steps(PERIOD_NS, "ns") // 2
        self._setup = setup
        self._memory: mmap.mmap | None = None
        self._batch = Batch(
            patience=setup["patience"],
            half_period=self._half_period,
            lanes=setup["lanes"],
            in_w=setup["in_w"],
            out_w=setup["out_w"],
        )

    @property
    def edges(self) -> int:
        """Rising clock edges of all batches so far, resets included."""
        edges: int = self._batch.all_edges
        return edges

    async def run(self, rows: int, elements: int, seed: int, stalls: tuple[int, ...]) -> bool:
        """See :class:`.tb.server.Transport`.

        Cycle 0 is the first rising edge that sees reset released.

        Raises:
            NoProgress: ``patience`` cycles went by without a beat in either direction.
            Broken: an output beat came that no row of input accounts for.
        """
        batch = self._batch
        if self.edges == 0:
            # The pin may have woken up high, which would count as an edge of this batch.
            self._pin.value = 0
            await ReadWrite()
        self._place(rows, elements, seed, stalls)
        if self._serve:
            files = self._setup["commands"], self._setup["answers"]
            while (came := self._serve(ctypes.byref(batch), *files, self._next)) > 0:
                rows, elements, seed, *patterns = COMMAND.unpack(self._next)
                self._place(rows, elements, seed, patterns)
            if came == 0:
                return False
        else:
            self._begin(ctypes.byref(batch))
            self._clock.start(start_high=False)
        while batch.status == _UNDER_WAY:  # after running ahead: only if the design called $finish
            await ValueChange(self._done)
        if not self._serve:
            self._clock.stop()
            await Timer(self._half_period, "step")  # the last cycle's high half
        if batch.status == _NO_PROGRESS:
            message = describe(
                batch.patience,
                rows=batch.rows,
                taken=(batch.row_in, batch.beat_in),
                given=(batch.row_out, batch.beat_out),
                handshakes=f"s_axis tvalid={batch.s_valid} tready={batch.s_ready}, "
                f"m_axis tvalid={batch.m_valid} tready={batch.m_ready}",
            )
            raise NoProgress(message)
        if batch.status == _SURPLUS:
            message = f"row {batch.row_out}: output that no input row accounts for"
            raise Broken(message)
        return True

    def end(self) -> None:
        """End the process, where that can be done faster than by returning."""
        if self._end:
            sys.stdout.flush()
            self._end()

    def _place(self, rows: int, elements: int, seed: int, stalls: Sequence[int]) -> None:
        """Have the batch be what lies in the memory, and is asked for."""
        raw = self._setup["raw"]
        if self._memory is None or len(self._memory) < size(rows, elements, raw):
            self._memory = mmap.mmap(self._setup["memory"], 0)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        for place in places(rows, elements, raw):
            setattr(self._batch, place.name, start + place.start)
        self._batch.rows, self._batch.elements, self._batch.seed = rows, elements, seed
        self._batch.source_pattern, self._batch.sink_pattern = tuple(stalls[:4]), tuple(stalls[4:])
