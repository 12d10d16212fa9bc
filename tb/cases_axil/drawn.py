"""Accesses that are nearly right, drawn by the thousand; ``make fuzz`` asks for a million."""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence

import cocotb

from softmax_cosim.configs.stalls import profile
from softmax_cosim.golden import registers, tables
from softmax_cosim.golden.registers import WORD
from softmax_cosim.golden.rows import Rows
from softmax_cosim.tb.axil import RegisterBench, case
from softmax_cosim.tb.pins import CHANNELS, Access
from softmax_cosim.tb.stimulus import LENGTHS, rows

#: Accesses where nobody says how many.
_FEW = 300
#: Of a part, in which the channels are as eager all along.
_PART = 100
_EAGER = (0.3, 1.0, 1.0, 1.0)
_SPEEDS = ("none", "bursty", "heavy", "none/heavy")
_ALL = 2**WORD - 1


class _Places:
    """Addresses to draw from."""

    def __init__(self, bench: RegisterBench) -> None:
        self._rng = random.Random(int(bench.rng.integers(2**62)))
        self._cfg, self._size = bench.cfg, 1 << bench.map.address_width
        self._registers = [register.offset for register in bench.map.registers.values()]
        self._control = bench.map.registers["CONTROL"].offset
        self._ends = [
            place
            for window in bench.map.windows.values()
            for place in (window.offset, window.offset + WORD * window.entries)
        ]
        default = tables.default(bench.cfg) if bench.cfg.method in tables.LOADABLE else {}
        self._entries = [address for address, _ in registers.entries(default)] or self._ends

    def access(self) -> Access:
        """Any, but one that asks for a soft reset."""
        rng = self._rng
        address = self._address()
        if rng.random() < 0.5:
            return Access(False, address)
        strobes = _ALL if rng.random() < 0.6 else rng.choice((0, rng.randrange(_ALL + 1)))
        data = self._data()
        if address & -WORD == self._control and strobes & 1:
            data &= ~1
        return Access(True, address, data, strobes)

    def _address(self) -> int:
        rng, kind = self._rng, self._rng.random()
        if kind < 0.1:
            return rng.randrange(self._size)
        address = rng.choice(self._registers if kind < 0.6 else self._entries)
        if kind > 0.95:
            address = rng.choice(self._ends)
        if rng.random() < 0.1:
            address += rng.choice((-WORD, WORD))
        if rng.random() < 0.05:
            address ^= 1 << rng.randrange(self._size.bit_length() - 1)
        if rng.random() < 0.2:
            address += rng.randrange(WORD)
        return address % self._size

    def _data(self) -> int:
        rng, m = self._rng, self._cfg.m
        return rng.choice(
            (0, 1, m, m + 1, 2**32 - 1, 1 << rng.randrange(32), rng.getrandbits(32))
            + (rng.randrange(m + 1),) * 5
        )


@functools.partial(case, pins=True)
async def accesses(bench: RegisterBench) -> None:
    """In parts: rows run or none does, channels are slow or not; a soft reset between some."""
    left, places = int(bench.setup.get("accesses", _FEW)), _Places(bench)
    rng = random.Random(int(bench.rng.integers(2**62)))
    while left:
        count = min(left, rng.randrange(1, 2 * _PART))
        left -= count
        eager = [rng.choice(_EAGER) for _ in CHANNELS]
        part = [places.access() for _ in range(count)]
        some = rng.randrange(20) if rng.random() < 0.4 else 0
        playing = cocotb.start_soon(bench.pins.play(part[some:], eager, rng))
        rows_too = rng.random() < 0.6
        while rows_too and not playing.done():
            await bench.signal.cycles(rng.randrange(60))
            await bench.play(_rows(bench, rng), rng.choice(_SPEEDS))
        await playing
        if some:
            await _soft_reset(bench, part[:some], eager, rng)


async def _soft_reset(
    bench: RegisterBench, others: Sequence[Access], eager: Sequence[float], rng: random.Random
) -> None:
    """With rows in flight or none; others are asked before its answer is there."""
    word = rng.getrandbits(32) | bench.bit("CONTROL", "SOFT_RESET")
    asks = Access(True, bench.map.registers["CONTROL"].offset, word)
    stalls, seed = profile(rng.choice(_SPEEDS)), rng.getrandbits(32)
    count = bench.start(_rows(bench, rng), stalls, seed)
    await bench.signal.cycles(rng.randrange(30))
    went_in = await bench.soft_reset(bench.pins.play([asks, *others], eager, rng))
    await bench.settle(count - went_in, stalls, seed)


def _rows(bench: RegisterBench, rng: random.Random) -> Rows:
    lengths = LENGTHS[rng.choice(("few_short", "lanes", "mixed"))](bench.cfg, bench.rng)
    return rows(bench.cfg, bench.rng, lengths[: rng.randrange(1, 6)])
