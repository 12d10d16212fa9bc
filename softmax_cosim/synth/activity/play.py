"""Rows of a trace, and random ones like them, through a netlist in the RTL's place."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from softmax_cosim.configs import Config, UsageError
from softmax_cosim.files import writing
from softmax_cosim.golden.quantise import quantise
from softmax_cosim.golden.rows import Rows
from softmax_cosim.golden.softmax import softmax
from softmax_cosim.selection import Selection
from softmax_cosim.simulation.simulator import Simulator, SimulatorCrash
from softmax_cosim.synth.activity import saif
from softmax_cosim.synth.activity.saif import Activity
from softmax_cosim.trace import Trace

__all__ = ["CLOCK", "Played", "Player", "halves", "player", "rows_of", "uniform"]

CLOCK = "clk_i"


@dataclass(frozen=True)
class Played:
    """What happened while rows went through."""

    activity: Activity
    elements: int
    mismatches: int
    """Rows that did not come out as the golden model has them."""

    def __add__(self, more: Played) -> Played:
        """Both, one after the other."""
        return Played(
            self.activity + more.activity,
            self.elements + more.elements,
            self.mismatches + more.mismatches,
        )


@dataclass(frozen=True)
class Player:
    """A netlist in the simulator."""

    simulator: Simulator
    path: Path
    """Of the recording."""
    nets: Sequence[str]

    def play(self, rows: Rows) -> Played:
        """Play rows back to back, and say what every net did from the end of reset to the end.

        Raises:
            UsageError: there is no room for the recording.
            UsageError, Stopped, NoProgress, Broken, SimulatorCrash: as of the simulator.
        """
        try:
            results = self.simulator.run(rows)
        except SimulatorCrash as crash:
            if "verilated_saif" not in crash.log:
                raise
            raise UsageError(
                f"cannot write what nets do to {self.path.parent}; make room there"
            ) from None
        expected = softmax(self.simulator.config, rows)
        wrong = np.add.reduceat(results.y != expected.y, rows.offsets[:-1]) > 0
        wrong |= results.error | results.lost | (results.exponent != expected.exponent)
        activity = saif.read(self.path, self.nets, CLOCK)
        return Played(activity, len(rows.q), int(wrong.sum()))


@contextlib.contextmanager
def player(cfg: Config, verilog: Path, nets: Sequence[str]) -> Iterator[Player]:
    """A netlist in the RTL's place.

    Args:
        cfg: the configuration.
        verilog: with the ports and parameters of our core, as :func:`.saif.recorded` made it.
        nets: those that it records.

    Raises:
        UsageError: it cannot be built, or nothing can be written beside it.
    """
    with writing(verilog.parent):
        recordings = tempfile.TemporaryDirectory(dir=verilog.parent)
    with recordings as folder:
        path = Path(folder, "activity.saif")
        options: dict[str, Any] = {"optimise": "once", "args": ["--trace-saif"]}
        with Simulator(cfg, sources=[verilog], waves=path, **options) as simulator:
            yield Player(simulator, path, nets)


def rows_of(trace: Trace, cfg: Config, count: int) -> Rows:
    """So many rows of a trace, spread evenly over it; all if it has fewer.

    Raises:
        UsageError: rows that are too long for the configuration, or scores that are no numbers.
    """
    trace.check_fits(cfg)
    picked = Selection(max_rows=count).of(trace)
    parts: list[Rows] = []
    for layer in trace.layers(picked):
        if len(numbers := picked[layer.index]):
            flat = layer.flatten(numbers)
            codes = quantise(flat.scores, flat.keep, cfg, name=f"{trace.path}: {layer.name}")
            offsets = np.arange(len(numbers) + 1) * flat.scores.shape[1]
            parts.append(Rows(codes.q.reshape(-1), codes.keep.reshape(-1), offsets))
    return _joined(parts)


def uniform(rows: Rows, seed: int = 1) -> Rows:
    """Random scores in the place of others: of the same lengths, and masked alike.

    Each is drawn uniformly from the codes between the lowest and the highest that occur unmasked.
    """
    kept = rows.q[rows.keep] if rows.keep.any() else rows.q
    draw = np.random.default_rng(seed).integers(kept.min(), kept.max(), len(rows.q), endpoint=True)
    return Rows(draw.astype(np.int32), rows.keep, rows.offsets)


def halves(rows: Rows) -> tuple[Rows, Rows]:
    """Every other row, and those between; one row is both."""
    parts = [rows.slice(number, number + 1) for number in range(len(rows))]
    return _joined(parts[::2]), _joined(parts[1::2] or parts)


def _joined(parts: Sequence[Rows]) -> Rows:
    offsets = np.cumsum([0, *np.concatenate([part.lengths for part in parts])])
    q, keep = (np.concatenate([getattr(part, name) for part in parts]) for name in ("q", "keep"))
    return Rows(q, keep, offsets)
