"""The bulk transport: a batch is handed to the C++ transactors of ``tb/dpi``, and waited for once.

The transactors read the rows and write the results in place. Who drives the clock depends on the
simulator's main program: with cocotb's own it is cocotb, with the project's (``tb/dpi/main.cpp``)
one call runs it in C++ until the batch is over. Everything else is the same, to the cycle.
"""

from __future__ import annotations

import ctypes

import numpy as np
from cocotb.clock import Clock
from cocotb.handle import HierarchyObject, LogicObject
from cocotb.triggers import ReadWrite, Timer, ValueChange
from cocotb.utils import get_sim_steps

from softmax_cosim.configs import Config
from softmax_cosim.configs.stalls import StallProfile
from softmax_cosim.golden.exchange import Broken, Exchange, NoProgress
from softmax_cosim.golden.rows import Results, Rows
from softmax_cosim.tb.clock import PERIOD_NS
from softmax_cosim.tb.hang import describe

__all__ = ["Batch", "Bulk", "batch_of"]

_UNDER_WAY, _DONE, _NO_PROGRESS, _SURPLUS = range(4)

_ARRAYS = {
    "q": np.int32,
    "keep": np.bool_,
    "offsets": np.int64,
    "error": np.bool_,
    "exponent": np.uint8,
    "first_in": np.int64,
    "last_in": np.int64,
    "first_out": np.int64,
    "last_out": np.int64,
}


#: In the order of ``bulk::Batch``; of what type an output ``y`` is, the configuration says.
_FIELDS = ("q", "keep", "offsets", "y", *list(_ARRAYS)[3:])


class Batch(ctypes.Structure):
    """``bulk::Batch`` of ``tb/dpi/transactor.h``."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in _FIELDS),
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
        self._run_ahead = getattr(library, "softmax_run_ahead", None)
        self._clock = Clock(clock, PERIOD_NS, "ns")
        self._half_period = get_sim_steps(PERIOD_NS, "ns") // 2
        self._config = config
        self._patience = patience
        self._last: tuple[Exchange, StallProfile, Batch] | None = None
        self.edges = 0
        """Rising clock edges of all batches so far, resets included."""

    async def run(self, exchange: Exchange, stalls: StallProfile, seed: int) -> None:
        """Reset the design, play the rows of a batch, fill in every result.

        Cycle 0 is the first rising edge that sees reset released.

        Raises:
            NoProgress: ``patience`` cycles went by without a beat in either direction.
            Broken: an output beat came that no row of input accounts for.
        """
        batch = self._batch(exchange, stalls)
        batch.seed = seed % 2**64
        if self.edges == 0:
            # The pin may have woken up high, which would count as an edge of this batch.
            self._pin.value = 0
            await ReadWrite()
        self._begin(ctypes.byref(batch))
        if self._run_ahead:
            self._run_ahead()
        else:
            self._clock.start(start_high=False)
        while batch.status == _UNDER_WAY:  # after running ahead: only if the design called $finish
            await ValueChange(self._done)
        if not self._run_ahead:
            self._clock.stop()
            await Timer(self._half_period, "step")  # the last cycle's high half
        self.edges += batch.edges
        if batch.status == _NO_PROGRESS:
            message = describe(
                self._patience,
                rows=batch.rows,
                taken=(batch.row_in, batch.beat_in),
                given=(batch.row_out, batch.beat_out),
                handshakes=f"s_axis tvalid={batch.s_valid} tready={batch.s_ready}, "
                f"m_axis tvalid={batch.m_valid} tready={batch.m_ready}",
            )
            raise NoProgress(message, exchange.results)
        if batch.status == _SURPLUS:
            message = f"row {batch.row_out}: output that no input row accounts for"
            raise Broken(message, exchange.results)

    def _batch(self, exchange: Exchange, stalls: StallProfile) -> Batch:
        """The batch for the transactors; the same again for the same exchange and stalls."""
        if self._last is None or self._last[0] is not exchange or self._last[1] is not stalls:
            batch = batch_of(
                exchange.rows, exchange.results, self._config, self._patience, self._half_period
            )
            batch.source_pattern = stalls.source.words
            batch.sink_pattern = stalls.sink.words
            self._last = exchange, stalls, batch
        return self._last[2]


def batch_of(
    rows: Rows, results: Results, config: Config, patience: int, half_period: int
) -> Batch:
    """A batch that plays ``rows`` without stalls and fills ``results``.

    It holds addresses: both must live, and keep their arrays, as long as it is used.
    """
    never_shut = (1, 1, 0, 0)
    return Batch(
        **{name: _address(rows, results, name, config.raw) for name in _FIELDS},
        rows=len(rows),
        source_pattern=never_shut,
        sink_pattern=never_shut,
        patience=patience,
        half_period=half_period,
        lanes=config.lanes,
        in_w=config.in_w,
        out_w=config.out_w,
    )


def _address(rows: Rows, results: Results, name: str, raw: type) -> int:
    """Where an array lies that has the form the transactors expect."""
    array = getattr(rows if hasattr(rows, name) else results, name)
    wanted = raw if name == "y" else _ARRAYS[name]
    if array.dtype != wanted or not array.flags.c_contiguous:
        raise TypeError(f"{name} must be contiguous and of type {wanted.__name__}")
    address: int = array.ctypes.data
    return address
