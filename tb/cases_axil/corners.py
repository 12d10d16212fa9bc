"""What a master seldom does and a bus allows; every answer is held to the model by the watch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cocotb
import numpy as np
from cocotb.handle import Immediate
from cocotb.task import Task
from cocotb.triggers import FallingEdge
from cocotbext.axi.axil_channels import (
    AxiLiteARTransaction,
    AxiLiteAWTransaction,
    AxiLiteWTransaction,
)

from softmax_cosim.configs.stalls import PATTERNS, Pattern, StallProfile, profile
from softmax_cosim.golden import registers, tables
from softmax_cosim.golden.registers import WORD
from softmax_cosim.tb.axil import RegisterBench, case
from softmax_cosim.tb.env import each
from softmax_cosim.tb.pack import pack
from softmax_cosim.tb.stimulus import LENGTHS, rows

_ALL = 2**WORD - 1
_COUNTERS = ("ROWS", "ERRORS", "BEATS_IN", "BEATS_OUT", "STALLS_IN", "STALLS_OUT", "REFUSED")


def _word(rng: np.random.Generator) -> int:
    return int(rng.integers(2**32))


def _entries(bench: RegisterBench) -> list[tuple[int, int]]:
    """Addresses and words of the default tables; none where tables are constant."""
    return list(registers.entries(tables.default(bench.cfg))) if bench.loadable else []


async def _everything_right(bench: RegisterBench) -> None:
    """Read every register: the watch knows what each one holds."""
    for name in bench.map.registers:
        await bench.read(name)


@case
async def any_strobes(bench: RegisterBench) -> None:
    """All sixteen strobes, over bytes that mean something where they say nothing."""
    cfg, rng = bench.cfg, bench.rng
    offsets = {name: register.offset for name, register in bench.map.registers.items()}
    for strobes in rng.permutation(_ALL + 1).tolist():
        await bench.peek(bench.map.windows["LUT_EXP"].offset)  # a fault to be cleared or kept
        await bench.play(rows(cfg, rng, [1]))
        for name in ("SCRATCH", "FAULTS", *_COUNTERS):
            assert not await bench.put(offsets[name], _word(rng) | 0x01010101, strobes)
            await bench.read(name)
        # the bit that asks for a soft reset stands in byte 0
        assert not await bench.put(offsets["CONTROL"], 2**32 - 1 - strobes % 2, strobes & ~1)
        assert not await bench.put(offsets["CONTROL"], 2**32 - 2, strobes)
        await _everything_right(bench)
        for address, word in _entries(bench)[:1]:
            assert await bench.put(address, word, strobes) == (strobes != _ALL)
            assert await bench.put(address, 2**31 | word, strobes)
    await bench.play(rows(cfg, rng, LENGTHS["few_short"](cfg, rng)))


def _pauses(rng: np.random.Generator, share: float) -> Iterator[bool]:
    while True:
        yield bool(rng.random() < share)


@each(answers=["at_once", "late"])
@case
async def requests_before_answers(bench: RegisterBench, answers: str) -> None:
    """Reads and writes in the same cycle, and further ones before the answers are fetched."""
    cfg, rng = bench.cfg, bench.rng
    write, read = bench.master.write_if, bench.master.read_if
    share = 0.8 if answers == "late" else 0.0
    for channel in (write.b_channel, read.r_channel):
        channel.set_pause_generator(_pauses(rng, share))
    for channel in (write.aw_channel, write.w_channel, read.ar_channel):
        channel.set_pause_generator(_pauses(rng, 0.2))
    control = bench.map.registers["CONTROL"].offset
    places = [register.offset for register in bench.map.registers.values()]
    places += [address for address, _ in _entries(bench)]
    drawn = rows(cfg, rng, LENGTHS["few_short"](cfg, rng) * 2)
    playing = cocotb.start_soon(bench.play(drawn, "bursty"))
    for _ in range(12):
        under_way: list[Task[Any]] = []
        for _ in range(8):
            address = int(rng.choice(places))
            word = _word(rng) if rng.random() < 0.5 else int(rng.integers(cfg.m + 2))
            strobes = _ALL if rng.random() < 0.5 else int(rng.integers(_ALL + 1))
            if address != control:
                under_way.append(cocotb.start_soon(bench.put(address, word, strobes)))
            other = int(rng.choice(places)) + int(rng.integers(WORD))
            under_way.append(cocotb.start_soon(bench.peek(other)))
        for task in under_way:
            await task
    await playing
    for channel in (
        *(write.aw_channel, write.w_channel, write.b_channel),
        *(read.ar_channel, read.r_channel),
    ):
        channel.clear_pause_generator()
        channel.pause = False
    await _everything_right(bench)
    await bench.play(rows(cfg, rng, LENGTHS["few_short"](cfg, rng)))


@case
async def edges_of_tables(bench: RegisterBench) -> None:
    """The first and the last entry of each window, of each table, of each row, and past them."""
    cfg, rng, windows = bench.cfg, bench.rng, bench.map.windows.values()
    entries = {address for address, _ in _entries(bench)}
    beside = {address + step for address in entries for step in (-WORD, WORD)} - entries
    edges = {address for address in entries if {address - WORD, address + WORD} & beside}
    for window in windows:
        end = window.offset + WORD * window.entries
        edges |= {window.offset - WORD, window.offset, end - WORD, end}
        # where an address would land if a bit more or less of it counted
        edges |= {window.offset + (1 << bit) for bit in range(2, window.entries.bit_length() + 2)}
    chosen = sorted(edges | beside)
    if len(chosen) > 400:
        chosen = sorted(edges) + rng.choice(sorted(beside), 200).tolist()
    registers_there = {register.offset for register in bench.map.registers.values()}
    for address in chosen:
        if 0 <= address < 2**bench.map.address_width and address not in registers_there:
            refused = await bench.poke(address, 0)
            assert refused == (address not in entries), f"{address:#x}"
    await bench.play(rows(cfg, rng, LENGTHS["mixed"](cfg, rng)))


@case
async def entries_as_rows_begin(bench: RegisterBench) -> None:
    """A write taken in the cycle of a row's first beat, just before it, and just behind it."""
    cfg, rng = bench.cfg, bench.rng
    entries = _entries(bench) or [(bench.map.windows["LUT_1E"].offset, 0)]
    wait, met = profile("none"), set()
    for n in range(36):
        address, _ = entries[int(rng.integers(len(entries)))]
        word = int(rng.integers(2)) * (n % 4 != 0)
        writing = cocotb.start_soon(bench.poke(address, word))
        await bench.signal.cycles(n % 9)
        bench.signal.start(pack(rows(cfg, rng, [1]), cfg), wait, 0)
        met.add(await writing)
        await bench.settle(1, wait, 0)
    assert met == ({True, False} if bench.loadable else {True})
    await bench.play(rows(cfg, rng, LENGTHS["few_short"](cfg, rng)))


@case
async def what_a_soft_reset_clears(bench: RegisterBench) -> None:
    """Counters, latency, faults, tables; and what is asked in its very cycle counts for nothing."""
    cfg, rng = bench.cfg, bench.rng
    nowhere = bench.map.registers["LATENCY"].offset + WORD

    async def ask(after: int) -> None:
        await bench.signal.cycles(after)
        for _ in range(3):
            await bench.peek(nowhere)

    for n in range(6):
        await bench.write("SCRATCH", _word(rng))
        for address, _ in rng.permutation(_entries(bench)).tolist()[:20]:
            await bench.poke(address, int(rng.integers(2)) if n % 2 else 0)
        await bench.play(rows(cfg, rng, LENGTHS["few_short"](cfg, rng)), "heavy")
        await bench.peek(nowhere)
        for address, _ in _entries(bench)[:1]:
            await bench.poke(address, 2**32 - 1)
        asking = cocotb.start_soon(ask(n))
        await bench.soft_reset()
        await asking
        await _everything_right(bench)
        await bench.play(rows(cfg, rng, LENGTHS["few_short"](cfg, rng)))


@case
async def reset_in_an_access(bench: RegisterBench) -> None:
    """A reset of one cycle, while a write and a read are asked, taken, carried out and answered."""
    cfg, rng = bench.cfg, bench.rng
    write, read = bench.master.write_if, bench.master.read_if
    words = [(bench.map.registers["CONTROL"].offset, 1), (bench.map.registers["SCRATCH"].offset, 7)]
    words += [(address, 0) for address, _ in _entries(bench)[:1]]  # every row would miss it
    for address, word in words:
        for after in range(7):
            await write.aw_channel.send(AxiLiteAWTransaction(awaddr=address))
            await write.w_channel.send(AxiLiteWTransaction(wdata=word, wstrb=_ALL))
            await read.ar_channel.send(AxiLiteARTransaction(araddr=int(rng.integers(8)) * WORD))
            await bench.signal.cycles(after)
            await bench.reset(1)
            # What was not taken yet is asked again, or still.
            await bench.signal.cycles(8)
            for channel in (write.b_channel, read.r_channel):
                channel.clear()
            if after > 2:  # taken before the reset: nothing is left of it
                await bench.play(rows(cfg, rng, [2 * cfg.lanes, 1]))
            await _everything_right(bench)


@case
async def reset_in_a_soft_reset(bench: RegisterBench) -> None:
    """The core takes a beat as soon after it as after any other reset."""
    cfg, rng, wait = bench.cfg, bench.rng, profile("none")
    falling, taken = FallingEdge(bench.dut.clk_i), []
    for soft in (False, True):
        await falling  # of a rising edge it would be seen too late
        if soft:
            asked = cocotb.start_soon(bench.write("CONTROL", 1))
            while not int(bench.dut.soft_reset.value):
                await falling
        await bench.reset(1)
        bench.signal.start(pack(rows(cfg, rng, [1]), cfg), wait, 0)
        taken.append((await bench.settle(1, wait, 0)).sent[0].first)
        await _everything_right(bench)
    assert taken[0] == taken[1]
    asked.cancel()


@case
async def counters_wrap(bench: RegisterBench) -> None:
    """Past 16 bits, and past 32; the cycle count behind the latency, too."""
    cfg, rng = bench.cfg, bench.rng
    counters, monitor = bench.dut.u_regs.u_counters, bench.dut.u_monitor
    for start in (2**16 - 3, 2**24 - 3, 2**31 - 3, 2**32 - 3):
        await FallingEdge(bench.dut.clk_i)
        counters.count_q.value = Immediate(sum(start << 32 * n for n in range(len(_COUNTERS))))
        monitor.now_q.value = Immediate(start)
        bench.model.values |= dict.fromkeys(_COUNTERS, start)
        await bench.play(rows(cfg, rng, LENGTHS["few_short"](cfg, rng)), "heavy")
        for _ in range(4):
            await bench.peek(bench.map.registers["LATENCY"].offset + WORD)
        await _everything_right(bench)


@case
async def long_latencies(bench: RegisterBench) -> None:
    """Rows in flight while the cycle count goes on by as much as it holds: every bit of LATENCY."""
    cfg, rng, wait = bench.cfg, bench.rng, profile("none")
    count = bench.dut.u_monitor.now_q
    for skipped in (2**32 - 2**12, 0, 2**32 - 2**12, 0):
        bench.signal.start(pack(rows(cfg, rng, [2 * cfg.lanes, 1]), cfg), wait, 0)
        while len(bench.signal.sent) < 2:
            await bench.signal.cycles(1)
        await FallingEdge(bench.dut.clk_i)
        count.value = Immediate((int(count.value) + skipped) % 2**32)
        bench.model.skip(skipped)
        await bench.settle(2, wait, 0)
        assert skipped <= await bench.read("LATENCY") < skipped + 2**12


@case
async def full_backlog(bench: RegisterBench) -> None:
    """As many rows of one beat as fit, all waiting for the output: none loses its start."""
    cfg, rng = bench.cfg, bench.rng
    room = 3 * cfg.max_beats + 80
    closed = Pattern(open=(0, cfg.max_beats), shut=(room, room + 40))
    stalls = StallProfile("closed", PATTERNS["none"], closed)
    bench.signal.start(pack(rows(cfg, rng, [1] * room), cfg), stalls, 1)
    reading = cocotb.start_soon(bench.settle(room, stalls, 1))
    full = 0
    while not reading.done():
        await bench.read("LATENCY")
        full += not int(bench.dut.s_axis_tready.value)
        await bench.signal.cycles(5)
    await reading
    assert full > 10, "there was always room"
    await _everything_right(bench)
