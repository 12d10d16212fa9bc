"""Every register, every answer, while rows run and while they do not."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import cocotb
import numpy as np

from softmax_cosim.configs.stalls import profile
from softmax_cosim.golden import registers, tables
from softmax_cosim.golden.registers import WORD
from softmax_cosim.tb.axil import RegisterBench, case
from softmax_cosim.tb.env import each
from softmax_cosim.tb.pack import Beats, pack
from softmax_cosim.tb.stimulus import LENGTHS, MALFORMED, malformed_row, rows

_RESETS = 12
_ACCESSES = 400
_SCALES = (Fraction(1, 2), Fraction(2), Fraction(3, 7))


async def _check_reset_values(bench: RegisterBench) -> None:
    for name, register in bench.map.registers.items():
        expected = registers.value(register, bench.cfg, loadable=bench.loadable)
        assert await bench.read(name) == expected, f"{name} is not {expected:#x} after reset"


@case
async def reset_values(bench: RegisterBench) -> None:
    """Identity, version, parameters, and zeros; the same after use and reset."""
    await _check_reset_values(bench)
    await bench.write("SCRATCH", 0xDEADBEEF)
    await bench.peek(bench.map.registers["LATENCY"].offset + WORD)
    await bench.play(rows(bench.cfg, bench.rng, LENGTHS["few_short"](bench.cfg, bench.rng)))
    assert await bench.read("SCRATCH") == 0xDEADBEEF
    assert await bench.read("FAULTS") == bench.bit("FAULTS", "ACCESS")
    await bench.reset()
    await _check_reset_values(bench)


@case
async def strobes(bench: RegisterBench) -> None:
    """A write changes the bytes that it means, and no others."""
    address, value = bench.map.registers["SCRATCH"].offset, bytearray(WORD)
    for _ in range(20):
        first = int(bench.rng.integers(WORD))
        data = bench.rng.bytes(int(bench.rng.integers(1, WORD - first + 1)))
        assert not await bench.store(address + first, data)
        value[first : first + len(data)] = data
        assert await bench.read("SCRATCH") == int.from_bytes(value, "little")
    # The bit that asks for a soft reset is in byte 0; the others ask for nothing.
    assert not await bench.store(bench.map.registers["CONTROL"].offset + 1, b"\xff\xff\xff")
    assert await bench.read("SCRATCH") == int.from_bytes(value, "little")


@case
async def access_rights(bench: RegisterBench) -> None:
    """What is only read is not written, and what is not there is neither."""
    refused = 0
    for name, register in bench.map.registers.items():
        if register.access == "ro":
            before = await bench.read(name)
            assert await bench.write(name, ~before % 2**32), f"writing {name} was not refused"
            assert await bench.read(name) == before
            refused += 1
    for window in bench.map.windows.values():
        assert (await bench.peek(window.offset))[0], f"reading {window.name} was not refused"
        refused += 1
    free = set(range(0, 2**bench.map.address_width, WORD))
    free -= {register.offset for register in bench.map.registers.values()}
    if bench.loadable:
        free -= {address for address, _ in registers.entries(tables.default(bench.cfg))}
    for address in bench.rng.choice(sorted(free), 50).tolist():
        assert await bench.poke(address, 0), f"writing {address:#x} was not refused"
        assert (await bench.peek(address))[0], f"reading {address:#x} was not refused"
        refused += 2
    assert await bench.read("REFUSED") == refused
    assert await bench.read("FAULTS") == bench.bit("FAULTS", "ACCESS")
    await bench.write("FAULTS", bench.bit("FAULTS", "ACCESS"))
    assert await bench.read("FAULTS") == 0


def _with_malformed(bench: RegisterBench) -> Beats:
    cfg, rng = bench.cfg, bench.rng
    beats = pack(rows(cfg, rng, LENGTHS["mixed"](cfg, rng)), cfg).to_ints()
    for kind in MALFORMED:
        beats += malformed_row(kind, cfg, rng)
        beats += pack(rows(cfg, rng, LENGTHS["few_short"](cfg, rng)), cfg).to_ints()
    return Beats.from_ints(beats, cfg.lanes * cfg.in_w)


@each(stalls=["none", "bursty", "heavy", "none/heavy"])
@case
async def counters(bench: RegisterBench, stalls: str) -> None:
    """Counters against the monitors; clearing one leaves the others alone."""
    played = await bench.play(_with_malformed(bench), stalls)
    expected = {
        "ROWS": len(played.received),
        "ERRORS": sum(row.beats[-1][2] & 1 for row in played.received),
        "BEATS_IN": sum(len(row.beats) for row in played.sent),
        "BEATS_OUT": sum(len(row.beats) for row in played.received),
        "STALLS_IN": bench.model.values["STALLS_IN"],
        "STALLS_OUT": bench.model.values["STALLS_OUT"],
        "REFUSED": 0,
        "LATENCY": played.received[-1].last - played.sent[-1].first,
    }
    assert expected["ERRORS"] >= 4
    assert (expected["STALLS_OUT"] > 0) == (not profile(stalls).sink.always_open)
    for name in expected:
        assert await bench.read(name) == expected[name], name
    for name in expected:
        if bench.map.registers[name].access == "clear":
            address = bench.map.registers[name].offset
            assert not await bench.store(address + int(bench.rng.integers(WORD)), b"\0")
            expected[name] = 0
            for other in expected:
                assert await bench.read(other) == expected[other], f"{other} after clearing {name}"


@each(stalls=["none", "light", "heavy"])
@case
async def read_while_rows_run(bench: RegisterBench, stalls: str) -> None:
    """Latency, status and counters are right in every cycle; the watch compares each answer."""
    stream = _with_malformed(bench)
    done = cocotb.start_soon(bench.play(stream, stalls))
    seen = set()
    while not done.done():
        seen.add(await bench.read("LATENCY"))
        await bench.read("STATUS")
        name = str(bench.rng.choice(list(bench.map.registers)))
        await bench.read(name)
        if bench.map.registers[name].access == "clear":
            await bench.write(name, 1)
    await done
    assert len(seen) > 2, "the latency never changed"
    assert await bench.read("STATUS") == 0


@case
async def load_and_play(bench: RegisterBench) -> None:
    """With tables for another scale of the scores, the core answers as golden does with them."""
    cfg, rng = bench.cfg, bench.rng
    if not bench.loadable:
        return await _check_no_windows(bench)
    sample = rows(cfg, rng, LENGTHS["mixed"](cfg, rng))
    answers = []
    for scale in _SCALES:
        loaded = tables.for_scale(cfg, scale)
        assert not any(await bench.load(loaded))
        for name, table in loaded.items():
            assert np.array_equal(bench.model.tables[name], table)
        played = await bench.play(sample)
        answers.append([row.beats for row in played.received])
    await bench.soft_reset()
    played = await bench.play(sample)
    assert [row.beats for row in played.received] not in answers, "other tables change nothing"


async def _check_no_windows(bench: RegisterBench) -> None:
    """Constant tables have no entry that could be written."""
    for window in bench.map.windows.values():
        for entry in bench.rng.integers(window.entries, size=20).tolist():
            assert await bench.poke(window.offset + WORD * entry, 0)


@case
async def random_tables(bench: RegisterBench) -> None:
    """Any entries that fit, all and then a few at a time; rows with the tables they find."""
    if not bench.loadable:
        return await _check_no_windows(bench)
    cfg, rng = bench.cfg, bench.rng
    addresses = [address for address, _ in registers.entries(tables.default(cfg))]
    for count in (len(addresses), *[25] * 6):
        for address in rng.permutation(addresses)[:count].tolist():
            await bench.poke(address, int(rng.integers(cfg.m + 1)))
        await bench.play(rows(cfg, rng, LENGTHS["mixed"](cfg, rng)))


@case
async def entries_that_do_not_fit(bench: RegisterBench) -> None:
    """Too large, or not whole: refused, noted, and the table is what it was."""
    if not bench.loadable:
        return await _check_no_windows(bench)
    cfg, rng = bench.cfg, bench.rng
    writes = list(registers.entries(tables.default(cfg)))
    address = writes[int(rng.integers(len(writes)))][0]
    assert await bench.poke(address, cfg.m + 1)
    assert await bench.poke(address, 2**31)
    for data in (b"\0", b"\0\0", b"\0\0\0"):
        assert await bench.store(address, data)
    if cfg.method == "rexp":
        last = bench.map.windows["LUT_1E"].offset + WORD * (len(tables.lut_1e(cfg.w)) - 1)
        assert await bench.poke(last, 1)
        assert not await bench.poke(last, 0)
    assert await bench.read("FAULTS") == bench.bit("FAULTS", "VALUE")
    assert await bench.read("REFUSED") == 5 + (cfg.method == "rexp")
    await bench.play(rows(cfg, rng, LENGTHS["mixed"](cfg, rng)))


@case
async def load_in_flight(bench: RegisterBench) -> None:
    """While a row is in flight every entry is refused, and what comes out is not touched."""
    if not bench.loadable:
        return await _check_no_windows(bench)
    cfg, rng = bench.cfg, bench.rng
    writes = list(registers.entries(tables.for_scale(cfg, _SCALES[0])))
    sample = rows(cfg, rng, [cfg.max_len] * 3)
    stalls = profile("none/heavy")
    bench.signal.start(pack(sample, cfg), stalls, int(rng.integers(2**32)))
    while not bench.signal.inlet.inside_row:
        await bench.signal.cycles(1)
    tried = 0
    while len(bench.signal.received) < len(sample) - 1:
        address, word = writes[int(rng.integers(len(writes)))]
        assert await bench.poke(address, word), f"entry {address:#x} was taken in flight"
        tried += 1
    await bench.settle(len(sample), stalls, 0)
    assert tried > 10
    assert await bench.read("REFUSED") == tried
    assert await bench.read("FAULTS") == bench.bit("FAULTS", "BUSY")
    await bench.play(rows(cfg, rng, LENGTHS["mixed"](cfg, rng) * 3))
    assert not await bench.poke(*writes[0])


@each(stalls=["none", "light"])
@case
async def soft_reset_in_flight(bench: RegisterBench, stalls: str) -> None:
    """At any cycle: nothing old comes out, the tables are the default ones, and rows go on."""
    cfg, rng = bench.cfg, bench.rng
    entries = list(registers.entries(tables.for_scale(cfg, _SCALES[1]))) if bench.loadable else []
    for turn in range(_RESETS):
        # All of them once: the rest of a table's way to its defaults is the same for each entry.
        for place in rng.permutation(len(entries))[: 40 if turn else None].tolist():
            assert not await bench.poke(*entries[place])
        flood = rows(cfg, rng, [cfg.max_len, *LENGTHS["mixed"](cfg, rng)])
        await bench.write("SCRATCH", 7)
        bench.signal.start(pack(flood, cfg), profile(stalls), int(rng.integers(2**32)))
        await bench.signal.cycles(int(rng.integers(1, 4 * cfg.max_beats)))
        done = await bench.soft_reset()
        played = await bench.settle(len(flood) - done, profile(stalls), 0)
        # The read that waits for the last row's end may be the first that sees it.
        assert await bench.read("ROWS") == len(played.received)
        assert await bench.read("LATENCY") == played.received[-1].last - played.sent[-1].first
        assert await bench.read("SCRATCH") == 7


def _pauses(rng: np.random.Generator) -> Iterator[bool]:
    while True:
        yield bool(rng.random() < 0.5)


@case
async def random_accesses(bench: RegisterBench) -> None:
    """Random addresses, strobes and pauses on both sides, rows running: each answer is right."""
    cfg, rng = bench.cfg, bench.rng
    write, read = bench.master.write_if, bench.master.read_if
    for channel in (write.aw_channel, write.w_channel, write.b_channel):
        channel.set_pause_generator(_pauses(rng))
    for channel in (read.ar_channel, read.r_channel):
        channel.set_pause_generator(_pauses(rng))
    places = [register.offset for register in bench.map.registers.values()]
    places += [window.offset for window in bench.map.windows.values()]
    if bench.loadable:
        places += [address for address, _ in registers.entries(tables.default(cfg))]
    control = bench.map.registers["CONTROL"].offset
    writer = cocotb.start_soon(_write_anywhere(bench, [p for p in places if p != control]))
    for _ in range(4):
        drawn = rows(cfg, rng, LENGTHS["few_short"](cfg, rng) + LENGTHS["lanes"](cfg, rng)[:3])
        playing = cocotb.start_soon(bench.play(drawn, "bursty"))
        while not playing.done():
            await bench.peek(_somewhere(bench, places))
        await playing
    await writer
    for channel in (write.aw_channel, write.w_channel, write.b_channel):
        channel.clear_pause_generator()
    for channel in (read.ar_channel, read.r_channel):
        channel.clear_pause_generator()


async def _write_anywhere(bench: RegisterBench, places: list[int]) -> None:
    rng = bench.rng
    for _ in range(_ACCESSES):
        address, first = _somewhere(bench, places), int(rng.integers(WORD))
        data = rng.bytes(WORD - first)
        if rng.random() < 0.5:  # an entry that fits, most likely
            first, data = 0, int(rng.integers(bench.cfg.m + 1)).to_bytes(WORD, "little")
        await bench.store(address + first, data)


def _somewhere(bench: RegisterBench, places: list[int]) -> int:
    """A place of the map, or any other but that of the soft reset."""
    control = bench.map.registers["CONTROL"].offset
    anywhere = WORD * int(bench.rng.integers(2**bench.map.address_width // WORD))
    chosen = int(bench.rng.choice(places)) if bench.rng.random() < 0.9 else anywhere
    return chosen if chosen != control else chosen + WORD
