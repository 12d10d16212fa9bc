"""``make soak``: play real attention through every configuration until it is enough.

Batches are drawn from the committed traces (:mod:`.rows`): stalls at random, rows that are too
long, and resets in the middle of rows, as some batches are broken off while the sink is shut. Every
output is held to the golden model, every cycle to the timing model where the sink is never shut,
and the memory of the simulator and of this process to what it was after a few batches.

The other ways to break a row, and resets of a few cycles, need the pins: cases of the regression
play them over the ``signal`` transport, with another seed each time.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from soak.rows import Attention, attention, batch
from softmax_cosim import configs
from softmax_cosim.compiled import golden
from softmax_cosim.configs import Config
from softmax_cosim.configs.stalls import profile
from softmax_cosim.golden import timing
from softmax_cosim.golden.rows import Results, Rows
from softmax_cosim.simulation import regression
from softmax_cosim.simulation.build import parameters_of
from softmax_cosim.simulation.simulator import NoProgress, Simulator
from softmax_cosim.targets import ended

__all__ = ["Soak", "main"]

STALLS = ("none", "none", "light", "bursty", "heavy", "source-only", "sink-only")
#: Of so many batches one is broken off: the sink shuts for longer than is waited for.
BROKEN_OFF, STUCK, PATIENCE = 6, "none/stuck", 1_400
#: Batches after which memory may not grow, and by how much it may, in bytes.
_WARM, _GROWTH = 4, 24 * 2**20
#: Over the pins, in small cores.
PINS = (
    Config("soak_rexp", "rexp", "uint8", lanes=4, max_len=50),
    Config("soak_lut2d", "lut2d", "uint8", lanes=2, max_len=33, xs=16),
    Config("soak_split", "split", "uint8", lanes=4, max_len=50, row_exp=True),
)
_CASES = "softmax_cosim.tb.cases."
CASES = (
    *(f"{_CASES}malformed.{name}" for name in ("every_kind", "nothing_but", "behind_a_backlog")),
    *(f"{_CASES}reset.{name}" for name in ("back_to_back", "of_one_cycle", "then_full")),
    f"{_CASES}reset.in_flight/stalls=light",
)


class Soak:
    """Plays batches of one configuration, and counts."""

    def __init__(self, cfg: Config, seed: int) -> None:
        """Build its simulation.

        Raises:
            UsageError: it cannot be built.
        """
        self.cfg, self._rng = cfg, np.random.default_rng(seed)
        # Configurations that quantise in different ways are one core.
        core = dataclasses.replace(cfg, name=_core(cfg))
        self._simulator = Simulator(core, patience=PATIENCE)
        self.counts = Counter[str]()
        self.memory: dict[str, list[int]] = {"simulator": [], "driver": []}

    def play(self, layers: Attention) -> None:
        """One batch.

        Raises:
            AssertionError: something came out that should not.
        """
        rows = batch(layers, self.cfg, self._rng)
        breaks = int(self._rng.integers(BROKEN_OFF)) == 0
        stalls = STUCK if breaks else str(self._rng.choice(STALLS))
        seed = int(self._rng.integers(2**63))
        try:
            results = self._simulator.run(rows, stalls, seed)
        except NoProgress as stuck:
            if not breaks:
                raise AssertionError(f"{self.cfg.name}, {stalls}, seed {seed}: {stuck}") from None
            results = stuck.results
            self.counts["resets in flight"] += 1
        self._hold(rows, results, stalls, breaks)
        for name, pid in (("simulator", self._simulator.pid), ("driver", os.getpid())):
            assert pid is not None
            self.memory[name].append(_resident(pid))
        self.counts["batches"] += 1

    def _hold(self, rows: Rows, results: Results, stalls: str, breaks: bool) -> None:
        cfg, long = self.cfg, rows.lengths > self.cfg.max_len
        where = f"{cfg.name}, {stalls}, batch {self.counts['batches']}"
        out = ~results.lost
        assert breaks or out.all(), f"{where}: {np.count_nonzero(~out)} rows lost"
        assert np.array_equal(results.error[out], long[out]), f"{where}: an error flag"
        good = out & ~long
        expected = golden.softmax(cfg, rows)
        served = np.repeat(good, rows.lengths)
        wrong = np.count_nonzero(results.y[served] != expected.y[served])
        assert not wrong, f"{where}: {wrong} elements differ"
        assert np.array_equal(results.exponent[good], expected.exponent[good]), f"{where}: exponent"
        if timing.holds(cfg, profile(stalls)) and not long.any():
            leaves = timing.predict(cfg, results.last_in, rows.beats(cfg.lanes))
            for name, cycles in zip(("first_out", "last_out"), leaves, strict=True):
                assert np.array_equal(getattr(results, name), cycles), f"{where}: {name}"
            self.counts["rows in their cycle"] += len(rows)
        self.counts["rows"] += int(np.count_nonzero(good))
        self.counts["elements"] += int(np.count_nonzero(served))
        self.counts["too long"] += int(np.count_nonzero(out & long))
        self.counts["cycles"] += int(results.last_out.max()) + 1

    def close(self) -> None:
        """End the simulator, and look at the memory.

        Raises:
            AssertionError: it grew.
        """
        self._simulator.close()
        for name, sizes in self.memory.items():
            early, late = sizes[:_WARM], sizes[_WARM:]
            if late:
                grown = max(late) - max(early)
                assert grown <= _GROWTH, f"{self.cfg.name}: the {name} grew by {grown:,} bytes"


def main(words: Sequence[str] | None = None) -> int:
    """0 if everything held, 1 at the first thing that did not, 2 for bad input."""
    parser = argparse.ArgumentParser(prog="python -m soak.run", description=__doc__)
    parser.add_argument("--elements", type=float, default=1e8, help="of all together (1e8)")
    parser.add_argument("--seed", type=int, default=1, help="of everything drawn (1)")
    parser.add_argument("--config", nargs="*", default=configs.names(), help="default: all")
    parser.add_argument("--pins", type=int, default=4, help="rounds over the pins a core (4)")
    options = parser.parse_args(words)
    return ended("soak", lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    try:
        _play(options)
        _over_the_pins(options)
    except AssertionError as error:
        print(f"soak: {error}", file=sys.stderr)
        return 1
    return 0


def _play(options: argparse.Namespace) -> None:
    layers, total = attention(), Counter[str]()
    begun, first, highest = time.monotonic(), 0, {"simulator": 0, "driver": 0}
    share = options.elements / max(1, len(options.config))
    for number, name in enumerate(options.config):
        soak = Soak(configs.load(name), options.seed * 1_000 + number)
        try:
            while soak.counts["elements"] < share:
                soak.play(layers)
        finally:
            soak.close()
        total.update(soak.counts)
        first = first or max(soak.memory["driver"])
        for who, sizes in soak.memory.items():
            highest[who] = max(highest[who], *sizes)
        print(f"{name}: {_said(soak.counts)}", flush=True)
    assert highest["driver"] - first <= 4 * _GROWTH, "this process grew from one to the next"
    print(f"all: {_said(total)}; 0 mismatches", flush=True)
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(
        f"{time.monotonic() - begun:.0f} s, {sum(s.ru_utime + s.ru_stime for s in spent):.0f} s of "
        "processor time, builds included; memory at most "
        + ", ".join(f"{size >> 20} MiB ({who})" for who, size in highest.items()),
        flush=True,
    )


def _over_the_pins(options: argparse.Namespace) -> None:
    played = Counter[str]()
    for cfg, place in itertools.product(PINS, range(options.pins)):
        seed = options.seed * 1_000 + place
        found = regression.run(regression.built(cfg), cfg, CASES, seed=seed)
        for name, outcome in found.items():
            assert outcome.passed, f"{cfg.name}, seed {seed}: {name}: {outcome.text}"
            played[name.removeprefix(_CASES)] += 1
    print("over the pins: " + ", ".join(f"{count} x {name}" for name, count in played.items()))


def _said(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def _core(cfg: Config) -> str:
    """The first configuration of the same core."""
    wanted = parameters_of(cfg)
    same = (name for name in configs.names() if parameters_of(configs.load(name)) == wanted)
    return next(same, cfg.name)


def _resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


if __name__ == "__main__":
    sys.exit(main())
