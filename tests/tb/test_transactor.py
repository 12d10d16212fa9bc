"""The C++ source and sink, compiled alone and clocked from Python with a design of a few lines."""

from __future__ import annotations

import ctypes
import dataclasses
import subprocess
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softmax_cosim import configs
from softmax_cosim.configs.stalls import PATTERNS, SINK, SOURCE, Gate
from softmax_cosim.golden.protocol import ANSWER, COMMAND, RESULTS, ROWS
from softmax_cosim.golden.rows import Results, Rows
from softmax_cosim.paths import ROOT
from softmax_cosim.tb import pack
from softmax_cosim.tb.bulk import Batch

UNDER_WAY, DONE, NO_PROGRESS, SURPLUS = range(4)
PATIENCE = 50
Beat = tuple[int, int, int, int]  # tdata, tkeep, tuser, tlast


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Any:
    target = tmp_path_factory.mktemp("transactor") / "transactor.so"
    source = ROOT / "tb" / "dpi" / "transactor.cpp"
    flags = ["-std=c++17", "-O1", "-shared", "-fPIC", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    undefined = ["-fsanitize=undefined", "-fno-sanitize-recover=all", "-static-libubsan"]
    subprocess.run(["g++", *flags, *undefined, source, "-o", target], check=True)
    return ctypes.CDLL(str(target))


#: What memory holds before a batch, and keeps around its results.
OLD, AROUND = 0x5A, 8


def empty_results(rows: Rows, raw: type[np.generic] = np.uint16) -> Results:
    """Arrays for the results of a batch, cut out of larger ones that hold something else."""

    def room(count: int, dtype: type[np.generic]) -> Any:
        return np.full(count + 2 * AROUND, OLD, np.uint8).astype(dtype)[AROUND : count + AROUND]

    return Results(
        y=room(len(rows.q), raw),
        error=room(len(rows), np.uint8).view(np.bool_),
        exponent=room(len(rows), np.uint8),
        first_in=room(len(rows), np.int64),
        last_in=room(len(rows), np.int64),
        first_out=room(len(rows), np.int64),
        last_out=room(len(rows), np.int64),
    )


def untouched_around(results: Results) -> bool:
    """Whether nothing was written beside the results."""
    for found in dataclasses.fields(results):
        whole = getattr(results, found.name)
        while whole.base is not None:
            whole = whole.base
        if (whole[:AROUND] != OLD).any() or (whole[-AROUND:] != OLD).any():
            return False
    return True


@dataclass
class Design:
    """Takes a beat when its gate is open, and answers with ``answer`` of it in a later cycle."""

    config: configs.Config
    gate: Gate
    taken: list[tuple[int, Beat]] = field(default_factory=list)
    given: list[int] = field(default_factory=list)
    offered: list[bool] = field(default_factory=list)
    ready: list[bool] = field(default_factory=list)
    waiting: deque[Beat] = field(default_factory=deque)
    done: list[int] = field(default_factory=list)
    """What the simulation's Python waits for."""
    elements: int = 0
    """Taken so far."""

    def answer(self, beat: Beat) -> list[Beat]:
        """Output beats for an input beat: the low bits of every score."""
        cfg = self.config
        data = 0
        for lane in range(cfg.lanes):
            score = beat[0] >> lane * cfg.in_w
            data |= (score & (2 ** min(cfg.out_w, cfg.in_w) - 1)) << lane * cfg.out_w
        return [(data, beat[1], 0, beat[3])]


def _bits(count: int) -> Any:
    """A bit vector as SystemVerilog hands it over."""
    return (ctypes.c_uint32 * -(-count // 32))()


def _number(bits: Any) -> int:
    return int.from_bytes(bits, "little")


def batch_of(rows: Rows, results: Results, cfg: configs.Config) -> Batch:
    """A batch without stalls; it holds addresses, so both must live as long as it does."""
    arrays = {name: getattr(rows, name) for name in ROWS}
    arrays |= {name: getattr(results, name) for name in RESULTS}
    never_shut = PATTERNS["none"].words
    return Batch(
        **{name: array.ctypes.data for name, array in arrays.items()},
        rows=len(rows),
        source_pattern=never_shut,
        sink_pattern=never_shut,
        patience=PATIENCE,
        half_period=1,
        lanes=cfg.lanes,
        in_w=cfg.in_w,
        out_w=cfg.out_w,
    )


def play(library: Any, design: Design, rows: Rows, seed: int = 0, stalls: str = "none") -> Any:
    """Clock a batch to its end; returns the batch and the results."""
    cfg = design.config
    results = empty_results(rows, cfg.raw)
    batch = batch_of(rows, results, cfg)
    batch.seed = seed
    batch.source_pattern = batch.sink_pattern = PATTERNS[stalls].words
    words, m_data = (_bits(cfg.lanes * width) for width in (cfg.in_w, cfg.out_w))
    s_keep, s_user, m_keep = (_bits(cfg.lanes) for _ in range(3))
    s_length = ctypes.c_uint32()
    reset_n, s_valid, s_last, m_ready, done = (ctypes.c_uint8() for _ in range(5))
    library.softmax_begin(ctypes.byref(batch))
    cycle = -1
    while batch.status == UNDER_WAY:
        in_reset = not reset_n.value
        cycle = -1 if in_reset else cycle + 1
        open_ = not in_reset and design.gate.step()
        show = design.waiting[0] if design.waiting else None
        took = bool(s_valid.value and open_)
        gave = bool(m_ready.value and show)
        beat = (*map(_number, (words, s_keep, s_user)), s_last.value)
        length = s_length.value
        data, keep, user, last = show or (0, 0, 0, 0)
        for bits, number in ((m_data, data), (m_keep, keep)):
            raw = number.to_bytes(ctypes.sizeof(bits), "little")
            bits[:] = np.frombuffer(raw, np.uint32).tolist()
        if not in_reset:
            design.offered.append(bool(s_valid.value))
            design.ready.append(bool(m_ready.value))
        library.softmax_cycle(
            *(int(open_), int(show is not None), last, m_keep, user, m_data),
            *map(ctypes.byref, (reset_n, s_valid, s_last)),
            *(s_keep, s_user, words),
            *map(ctypes.byref, (s_length, m_ready, done)),
        )
        design.done.append(done.value)
        if gave:
            design.waiting.popleft()
            design.given.append(cycle)
        if took:
            at = int(np.searchsorted(rows.offsets, design.elements, "right")) - 1
            assert length == rows.lengths[at]
            design.elements += beat[1].bit_count()
            design.taken.append((cycle, beat))
            design.waiting.extend(design.answer(beat))
    assert untouched_around(results)
    before = design.done[0]
    assert design.done == [before] * (len(design.done) - 1) + [1 - before]
    return batch, results


def design(config: configs.Config, seed: int = 0) -> Design:
    return Design(config, Gate(PATTERNS["light"], seed, SOURCE))


def make(config: configs.Config, lengths: list[int], seed: int = 0) -> Rows:
    rng = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(np.array(lengths, np.int64))])
    limit = 2 ** (config.in_w - 1)
    q = rng.integers(-limit, limit, offsets[-1]).astype(np.int32)
    return Rows(q, rng.random(len(q)) < 0.7, offsets)


@settings(deadline=None, max_examples=60)
@given(
    lanes=st.sampled_from(configs.LANES),
    in_w=st.integers(4, 16),
    precision=st.sampled_from(list(configs.PRECISIONS)),
    lengths=st.lists(st.integers(1, 70), min_size=1, max_size=6),
    stalls=st.sampled_from(["none", "light", "bursty", "heavy"]),
    seed=st.integers(0, 2**64 - 1),
)
def test_beats_stamps_and_gates_are_those_of_the_python_side(
    library: Any,
    lanes: int,
    in_w: int,
    precision: str,
    lengths: list[int],
    stalls: str,
    seed: int,
) -> None:
    base = configs.load("rexp_uint8")
    cfg = base.replace(lanes=lanes, in_w=in_w, frac=2, precision=precision)
    rows, core = make(cfg, lengths), design(cfg, seed)
    batch, results = play(library, core, rows, seed, stalls)
    assert batch.status == DONE
    assert [beat for _, beat in core.taken] == pack.pack(rows, cfg).to_ints()
    mask = 2 ** min(cfg.out_w, in_w) - 1
    np.testing.assert_array_equal(results.y, rows.q & mask)
    # Stamps.
    ends = np.cumsum(rows.beats(lanes)) - 1
    starts = ends - rows.beats(lanes) + 1
    taken, given = np.array([cycle for cycle, _ in core.taken]), np.array(core.given)
    np.testing.assert_array_equal(results.first_in, taken[starts])
    np.testing.assert_array_equal(results.last_in, taken[ends])
    np.testing.assert_array_equal(results.first_out, given[starts])
    np.testing.assert_array_equal(results.last_out, given[ends])
    # Stalls: cycle 0 is quiet, then both gates step once a cycle.
    source = Gate(PATTERNS[stalls], seed, SOURCE)
    sink = Gate(PATTERNS[stalls], seed, SINK)
    assert not core.offered[0]
    assert not core.ready[0]
    took = {cycle for cycle, _ in core.taken}
    last_in, last_out = int(results.last_in[-1]), int(results.last_out[-1])
    for cycle in range(1, last_out + 1):
        open_ = source.step()
        if cycle <= last_in and (not core.offered[cycle - 1] or cycle - 1 in took):
            assert core.offered[cycle] == open_
        assert core.ready[cycle] == sink.step()


@dataclass(frozen=True)
class Wide:
    """What a transactor knows of a design of somebody's own."""

    lanes: int
    in_w: int
    out_w: int

    @property
    def raw(self) -> type[np.generic]:
        return np.uint32 if self.out_w == 32 else np.uint16


@pytest.mark.parametrize("out_w", [2, 8, 16, 32])
@pytest.mark.parametrize("in_w", [7, 31, 32])
@pytest.mark.parametrize("lanes", [33, 64, 100])
def test_more_lanes_than_a_word_has_bits(library: Any, lanes: int, in_w: int, out_w: int) -> None:
    cfg: Any = Wide(lanes, in_w, out_w)
    lengths = [1, 31, 32, 33, 63, 64, 65, lanes - 1, lanes, lanes + 1, lanes + 32, 2 * lanes]
    rows, core = make(cfg, lengths), design(cfg)
    batch, results = play(library, core, rows, 5, "light")
    assert batch.status == DONE
    assert not results.lost.any()
    assert [beat for _, beat in core.taken] == pack.pack(rows, cfg).to_ints()
    mask = 2 ** min(out_w, in_w) - 1
    np.testing.assert_array_equal(results.y, (rows.q.astype(np.int64) & mask).astype(cfg.raw))


@pytest.mark.parametrize("extra", [31, 32, 33, 63, 64, 99])
def test_a_bit_of_tkeep_too_many_anywhere_loses_the_row(library: Any, extra: int) -> None:
    class Overfull(Design):
        def answer(self, beat: Beat) -> list[Beat]:
            ((data, keep, user, last),) = super().answer(beat)
            return [(data, keep | 1 << extra, user, last)]

    cfg: Any = Wide(100, 8, 8)
    core = Overfull(cfg, Gate(PATTERNS["none"], 0, SOURCE))
    batch, results = play(library, core, make(cfg, [extra, extra + 1, 100]))
    assert batch.status == DONE
    assert lost(results) == [True, False, False]


CFG = configs.load("rexp_uint8").replace(max_len=64)
THREE = make(CFG, [20, 9, 30])


def lost(results: Results) -> list[bool]:
    return list(results.lost)


def test_a_rejected_row_is_an_error_and_not_lost(library: Any) -> None:
    class Rejecting(Design):
        def answer(self, beat: Beat) -> list[Beat]:
            row = sum(last for _, (_, _, _, last) in self.taken[:-1])
            if row == 1:
                return [(0, 0, 0b1, 1)] if beat[3] else []
            return super().answer(beat)

    core = Rejecting(CFG, Gate(PATTERNS["none"], 0, SOURCE))
    batch, results = play(library, core, THREE)
    assert batch.status == DONE
    assert lost(results) == [False, False, False]
    assert list(results.error) == [False, True, False]
    low, high = THREE.offsets[1:3]
    assert not results.y[low:high].any()
    np.testing.assert_array_equal(results.y[high:], THREE.q[high:] & 255)


@pytest.mark.parametrize("fault", ["short", "long", "holed", "overfull"])
def test_a_row_of_another_shape_is_lost_and_the_others_are_not(library: Any, fault: str) -> None:
    class Misshaping(Design):
        def answer(self, beat: Beat) -> list[Beat]:
            row = sum(last for _, (_, _, _, last) in self.taken[:-1])
            (out,) = super().answer(beat)
            data, _, user, last = out
            if row != 1 or not last:
                return [] if row == 1 and fault == "short" else [out]
            broken = {
                "short": [out],
                "long": [(data, 255, user, 0), out],
                "holed": [(data, 0b101, user, 1)],
                "overfull": [(data, 255, user, 1)],
            }
            return broken[fault]

    core = Misshaping(CFG, Gate(PATTERNS["none"], 0, SOURCE))
    batch, results = play(library, core, THREE)
    assert batch.status == DONE
    assert lost(results) == [False, True, False]
    assert list(results.first_out >= 0) == [True, False, True]
    low, high = THREE.offsets[1:3]
    assert not results.y[low:high].any()
    np.testing.assert_array_equal(results.y[high:], THREE.q[high:] & 255)


def test_output_ahead_of_its_input_or_after_the_last_is_a_surplus(library: Any) -> None:
    class Doubling(Design):
        def answer(self, beat: Beat) -> list[Beat]:
            return 2 * super().answer(beat)

    one_beat = make(CFG, [8])
    batch, results = play(library, Doubling(CFG, Gate(PATTERNS["none"], 0, SOURCE)), one_beat)
    assert batch.status == SURPLUS
    assert lost(results) == [False]
    early = design(CFG)
    early.waiting.append((0, 255, 0, 1))
    batch, results = play(library, early, THREE)
    assert batch.status == SURPLUS
    assert lost(results) == [True, True, True]


class Answering(Design):
    """Gives for the last beat of a row what the row's number picks of a list."""

    tails: Sequence[Sequence[Beat]] = ()

    def answer(self, beat: Beat) -> list[Beat]:
        if not beat[3]:
            return super().answer(beat)
        row = sum(last for _, (_, _, _, last) in self.taken) - 1
        return list(self.tails[row])


def answering(*tails: Sequence[Beat]) -> Answering:
    core = Answering(CFG, Gate(PATTERNS["none"], 0, SOURCE))
    core.tails = tails
    return core


def test_the_exponent_and_the_error_are_those_of_the_last_beat(library: Any) -> None:
    rows = make(CFG, [3, 12, 8, 5])
    plain = 0b01110
    core = answering(
        [(0x030201, 0b111, 0b10110, 1)],
        [(0, 0b1111, 0b11110, 1)],
        [(0xFF << 56 | 9, 0xFF, 0b10101, 1)],  # whole, and called wrong
        [(7, 0b11111, plain, 1)],
    )
    base = core.answer
    core.answer = lambda beat: [  # type: ignore[method-assign]
        (data, keep, user if last else 0b00011, last) for data, keep, user, last in base(beat)
    ]
    batch, results = play(library, core, rows)
    assert batch.status == DONE
    assert lost(results) == [False] * 4
    assert list(results.error) == [False, False, True, False]
    assert list(results.exponent) == [0b1011, 0b1111, 0b1010, 0b0111]
    assert list(results.y[:3]) == [1, 2, 3]
    low, high = rows.offsets[2:4]
    assert not results.y[low:high].any(), "what came with an error flag is no result"
    assert results.y[high] == 7


@pytest.mark.parametrize(
    "tail",
    [
        pytest.param([(0, 0, 0b1, 1)], id="an error beat behind data"),
        pytest.param([(5, 0b1111, 0, 0), (0, 0, 0b1, 1)], id="an error beat too many"),
        pytest.param([(0, 0, 0, 1)], id="an empty beat without the flag"),
        pytest.param([(5, 0b1111, 0, 0), (0, 0, 0, 1)], id="a last that comes late"),
    ],
)
def test_a_row_that_ends_otherwise_than_it_began_is_lost(library: Any, tail: list[Beat]) -> None:
    whole = [(1, 0b1111, 0, 1)]
    rows = make(CFG, [12, 12, 12])
    batch, results = play(library, answering(whole, tail, whole), rows)
    assert batch.status == DONE
    assert lost(results) == [False, True, False]
    assert list(results.first_out >= 0) == [True, False, True]
    assert not results.error.any()
    low, high = rows.offsets[1:3]
    assert not results.y[low:high].any()
    assert results.y[high + 8] == 1


def test_an_empty_beat_with_more_to_come_is_no_error(library: Any) -> None:
    rows = make(CFG, [4, 4])
    core = answering([(0, 0, 0b1, 0), (9, 0b1111, 0, 1)], [(9, 0b1111, 0, 1)])
    batch, results = play(library, core, rows)
    assert batch.status == DONE
    assert lost(results) == [True, False]
    assert list(results.error) == [False, False]


class Afterwards(Answering):
    """Offers one more beat so many cycles after the last one went out; it is its own gate."""

    after, quiet, beats = 0, 0, 0

    def step(self) -> bool:
        if len(self.given) >= self.beats:
            self.quiet += 1
            if self.quiet == self.after:
                self.waiting.append((0, 0xFF, 0, 1))
        return True


@pytest.mark.parametrize("stalls", ["none", "stuck"])
def test_what_comes_while_draining_is_a_surplus(library: Any, stalls: str) -> None:
    rows = make(CFG, [12, 8])
    found = {}
    for after in range(1, 12):
        core = Afterwards(CFG, Gate(PATTERNS["none"], 0, SOURCE))
        core.tails = [(1, 0b1111, 0, 1)], [(1, 0xFF, 0, 1)]
        core.after, core.beats, core.gate = after, 3, core  # type: ignore[assignment]
        batch, results = play(library, core, rows, seed=3, stalls=stalls)
        found[after] = batch.status
        assert lost(results) == [False, False]
        assert batch.edges == core.given[2] + (after if after <= 8 else 8) + 6
    assert found == {after: SURPLUS if after <= 8 else DONE for after in found}


def test_half_a_row_is_no_result(library: Any) -> None:
    """A design that stops within a row, on both sides."""

    class Stopping(Design):
        def answer(self, beat: Beat) -> list[Beat]:
            return super().answer(beat) if len(self.taken) <= 4 else []

        def step(self) -> bool:
            return len(self.taken) < 6

    core = Stopping(CFG, Gate(PATTERNS["none"], 0, SOURCE))
    core.gate = core  # type: ignore[assignment]
    rows = make(CFG, [20, 20, 20])  # 3 beats each: 6 are taken, 4 come out
    batch, results = play(library, core, rows)
    assert batch.status == NO_PROGRESS
    assert (batch.row_in, batch.beat_in, batch.row_out, batch.beat_out) == (2, 0, 1, 1)
    assert lost(results) == [False, True, True]
    assert list(results.first_out >= 0) == [True, False, False]
    assert list(results.first_in >= 0) == [True, True, False]
    assert not results.y[20:].any()
    assert (batch.s_valid, batch.s_ready, batch.m_valid, batch.m_ready) == (1, 0, 0, 1)


def test_a_row_of_which_not_all_beats_went_in(library: Any) -> None:
    class Stopping(Design):
        def step(self) -> bool:
            return len(self.taken) < 4

    core = Stopping(CFG, Gate(PATTERNS["none"], 0, SOURCE))
    core.gate = core  # type: ignore[assignment]
    batch, results = play(library, core, make(CFG, [20, 20]))
    assert batch.status == NO_PROGRESS
    assert (batch.row_in, batch.beat_in, batch.row_out, batch.beat_out) == (1, 1, 1, 1)
    assert list(results.first_in >= 0) == [True, False]
    assert list(results.last_in >= 0) == [True, False]
    assert list(results.first_out >= 0) == [True, False]


def test_no_rows_are_done_at_once(library: Any) -> None:
    batch, _ = play(library, design(CFG), make(CFG, []))
    assert batch.status == DONE
    assert batch.edges == 5 + 1 + 8


def test_a_batch_is_quiet_for_so_many_edges_of_reset(library: Any) -> None:
    batch, results = play(library, design(CFG), THREE)
    assert batch.edges == results.last_out[-1] + 5 + 1 + 8
    over = ctypes.c_uint8()
    assert batch.status == DONE
    # Whatever the design does when a batch is over, nothing more is played.
    before = bytes(batch)
    nothing = [ctypes.c_uint8() for _ in range(4)]
    words = [(ctypes.c_uint32 * 32)() for _ in range(5)]
    reset_n, s_valid, s_last, m_ready = nothing
    library.softmax_cycle(
        *(1, 1, 1, words[0], 0, words[1]),
        *map(ctypes.byref, (reset_n, s_valid, s_last)),
        *words[2:],
        *map(ctypes.byref, (ctypes.c_uint32(), m_ready, over)),
    )
    assert bytes(batch) == before
    assert (reset_n.value, s_valid.value, m_ready.value) == (1, 0, 0)


def test_no_progress_counts_from_the_last_beat(library: Any) -> None:
    class Silent(Design):
        def answer(self, beat: Beat) -> list[Beat]:
            return []

    core = Silent(CFG, Gate(PATTERNS["none"], 0, SOURCE))
    batch, results = play(library, core, THREE)
    assert batch.status == NO_PROGRESS
    assert (batch.row_in, batch.row_out) == (3, 0)
    assert len(core.offered) - 1 == core.taken[-1][0] + PATIENCE
    assert lost(results) == [True, True, True]
    assert (results.last_in >= 0).all()


def test_layouts_are_the_compilers(tmp_path: Path) -> None:
    lines = [f'printf("%zu\\n", offsetof(bulk::Batch, {name}));' for name, *_ in Batch._fields_]
    lines += [f'printf("%zu\\n", sizeof(bulk::{name}));' for name in ("Command", "Answer")]
    source = tmp_path / "layout.cpp"
    source.write_text(
        f'#include "{ROOT}/tb/dpi/transactor.h"\n#include <cstddef>\n#include <cstdio>\n'
        f'int main() {{ {" ".join(lines)} printf("%zu\\n", sizeof(bulk::Batch)); }}\n'
    )
    program = tmp_path / "layout"
    subprocess.run(["g++", "-std=c++17", source, "-o", program], check=True)
    printed = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    ours = [getattr(Batch, name).offset for name, *_ in Batch._fields_]
    messages = [COMMAND.size, ANSWER.size]
    assert list(map(int, printed.split())) == [*ours, *messages, ctypes.sizeof(Batch)]
