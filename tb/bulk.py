"""The bulk transport: a batch is handed to the C++ transactors of ``tb/dpi``, and waited for once.

The transactors read the rows and write the results in place. Who drives the clock depends on the
simulator's main program: cocotb's own leaves it to cocotb, the project's (``tb/dpi/main.cpp``)
runs it in C++ while the batch is under way. Everything else is the same, to the cycle.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt
from cocotb.clock import Clock
from cocotb.handle import HierarchyObject, LogicObject
from cocotb.triggers import ReadWrite, Timer, ValueChange
from cocotb.utils import get_sim_steps

from configs import Config
from configs.stalls import StallProfile
from golden.exchange import Broken, NoProgress
from golden.rows import Results, Rows
from tb.hang import describe

__all__ = ["PERIOD_NS", "Batch", "Bulk", "batch_of", "empty_results"]

PERIOD_NS = 10

_UNDER_WAY, _DONE, _NO_PROGRESS, _SURPLUS = range(4)

_ARRAYS = {
    "q": np.int32,
    "keep": np.bool_,
    "offsets": np.int64,
    "y": np.uint16,
    "error": np.bool_,
    "exponent": np.uint8,
    "first_in": np.int64,
    "last_in": np.int64,
    "first_out": np.int64,
    "last_out": np.int64,
}


class Batch(ctypes.Structure):
    """``bulk::Batch`` of ``tb/dpi/transactor.h``."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in _ARRAYS),
        ("rows", ctypes.c_int64),
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

    def __init__(self, dut: HierarchyObject, config: Config, patience: int) -> None:
        """``patience``: cycles without a beat in either direction that are called a hang."""
        clock, done = dut.clk_i, dut.done_o
        assert isinstance(clock, LogicObject)
        assert isinstance(done, LogicObject)
        self._pin, self._done = clock, done
        library = ctypes.CDLL(None)
        self._begin = library.softmax_begin
        runs_ahead = hasattr(library, "softmax_runs_ahead")
        self._clock = None if runs_ahead else Clock(clock, PERIOD_NS, "ns")
        self._half_period = get_sim_steps(PERIOD_NS, "ns") // 2
        self._config = config
        self._patience = patience
        self._last: tuple[Rows, StallProfile, Batch, Results] | None = None
        self.edges = 0
        """Rising clock edges of all batches so far, resets included."""

    async def run(self, rows: Rows, stalls: StallProfile, seed: int) -> Results:
        """Reset the design, play the rows, wait for every result.

        Cycle 0 is the first rising edge that sees reset released. The arrays of the results serve
        again when the same rows, as an object, are run again.

        Raises:
            NoProgress: ``patience`` cycles went by without a beat in either direction.
            Broken: an output beat came that no row of input accounts for.
        """
        batch, results = self._batch(rows, stalls)
        batch.seed = seed % 2**64
        if self.edges == 0:
            # The pin may have woken up high, which would count as an edge of this batch.
            self._pin.value = 0
            await ReadWrite()
        self._begin(ctypes.byref(batch))
        if self._clock:
            self._clock.start(start_high=False)
        while batch.status == _UNDER_WAY:
            await ValueChange(self._done)
        if self._clock:
            self._clock.stop()
            await Timer(self._half_period, "step")  # the last cycle's high half
        self.edges += batch.edges
        if batch.status == _NO_PROGRESS:
            message = describe(
                self._patience,
                rows=len(rows),
                taken=(batch.row_in, batch.beat_in),
                given=(batch.row_out, batch.beat_out),
                handshakes=f"s_axis tvalid={batch.s_valid} tready={batch.s_ready}, "
                f"m_axis tvalid={batch.m_valid} tready={batch.m_ready}",
            )
            raise NoProgress(message, results)
        if batch.status == _SURPLUS:
            raise Broken(f"row {batch.row_out}: output that no input row accounts for", results)
        return results

    def _batch(self, rows: Rows, stalls: StallProfile) -> tuple[Batch, Results]:
        """The batch for the transactors, and the results it points to."""
        if self._last is None or self._last[0] is not rows or self._last[1] is not stalls:
            results = empty_results(rows)
            batch = batch_of(rows, results, self._config, self._patience, self._half_period)
            batch.source_pattern = stalls.source.words
            batch.sink_pattern = stalls.sink.words
            self._last = rows, stalls, batch, results
        return self._last[2:]


def empty_results(rows: Rows) -> Results:
    """Arrays for the results of a batch, not filled in."""

    def per_row(dtype: type[np.generic]) -> npt.NDArray[Any]:
        return np.empty(len(rows), dtype)

    return Results(
        y=np.empty(len(rows.q), np.uint16),
        error=per_row(np.bool_),
        exponent=per_row(np.uint8),
        first_in=per_row(np.int64),
        last_in=per_row(np.int64),
        first_out=per_row(np.int64),
        last_out=per_row(np.int64),
    )


def batch_of(
    rows: Rows, results: Results, config: Config, patience: int, half_period: int
) -> Batch:
    """A batch that plays ``rows`` without stalls and fills ``results``.

    It holds addresses: both must live, and keep their arrays, as long as it is used.
    """
    never_shut = (1, 1, 0, 0)
    return Batch(
        **{name: _address(rows, results, name) for name in _ARRAYS},
        rows=len(rows),
        source_pattern=never_shut,
        sink_pattern=never_shut,
        patience=patience,
        half_period=half_period,
        lanes=config.lanes,
        in_w=config.in_w,
        out_w=config.out_w,
    )


def _address(rows: Rows, results: Results, name: str) -> int:
    """Where an array lies that has the form the transactors expect."""
    array = getattr(rows if hasattr(rows, name) else results, name)
    if array.dtype != _ARRAYS[name] or not array.flags.c_contiguous:
        raise TypeError(f"{name} must be contiguous and of type {_ARRAYS[name].__name__}")
    address: int = array.ctypes.data
    return address
