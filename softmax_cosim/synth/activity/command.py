"""``cosim synth --activity``: the command."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from softmax_cosim.configs import Config
from softmax_cosim.files import atomic_file
from softmax_cosim.synth.activity import netlist, play, saif
from softmax_cosim.synth.activity.energy import Library, Power
from softmax_cosim.synth.activity.measure import Measured, measure
from softmax_cosim.synth.flows import with_parameters
from softmax_cosim.synth.unit import OUR_TOP, Unit
from softmax_cosim.trace import Trace

__all__ = ["RANDOM", "ROWS", "Active", "active", "recorded", "told"]

#: What is said in place of a trace.
RANDOM = "random"
#: Rows of a trace that are played, unless the user says how many.
ROWS = 256


@dataclass(frozen=True)
class Active:
    """What a configuration does with some traces."""

    cells: dict[str, int]
    """How many of each kind the netlist has, the most frequent first."""
    played: list[Measured]
    """Each trace, and after it random scores like it."""

    @property
    def mismatches(self) -> int:
        """Rows that did not come out as the golden model has them."""
        return sum(measured.mismatches for measured in self.played)


def active(
    unit: Unit,
    cfg: Config,
    traces: Sequence[Trace],
    rows: int,
    library: Path | None = None,
    avoid: Sequence[str] = (),
    recordings: Path | None = None,
) -> Active:
    """Play rows of each trace, and random ones like them, through the netlist of our core.

    Args:
        unit: our core.
        cfg: its configuration.
        traces: of scores.
        rows: how many of each trace at most.
        library: whose cells are to be used, which :func:`.liberty.check` passed.
        avoid: of them, those that are not.
        recordings: folder for the netlist, and what its nets do in each trace, by the names of
            :func:`recorded`; None writes none.

    Raises:
        UsageError: rows that are too long; a library that lacks a cell or says nothing of energy;
            what cannot be written.
    """
    played: list[Measured] = []
    with netlist.netlist(unit, library, avoid) as found:
        power = Power(Library(library), found) if library else None
        text = with_parameters((found.folder / "netlist.v").read_text(), unit)
        with atomic_file(found.folder / f"{OUR_TOP}.sv") as path:
            path.write_text(saif.recorded(text, found.nets, found.ports))
        with play.player(cfg, found.folder / f"{OUR_TOP}.sv", found.nets) as player:
            for trace in traces:
                chosen = play.rows_of(trace, cfg, rows)
                real, activity = measure(player, found, str(trace.path), chosen, power)
                drawn, _ = measure(player, found, RANDOM, play.uniform(chosen), power)
                played += [real, drawn]
                if recordings:
                    saif.write(recordings / recorded(unit, trace), activity, OUR_TOP)
        if recordings:
            with atomic_file(recordings / f"{unit.name}.v") as path:
                shutil.copyfile(found.folder / "cells.v", path)
    cells = Counter(cell.kind for cell in found.cells)
    return Active(dict(cells.most_common()), played)


def recorded(unit: Unit, trace: Trace) -> str:
    """Name of the file for what nets do in a trace."""
    return f"{unit.name}-{trace.path.stem}.saif"


def told(found: Active) -> str:
    """What was found, for people: each trace beside its random scores, then stage by stage."""
    lines = [_cells(found)]
    for real, drawn in zip(found.played[::2], found.played[1::2], strict=True):
        lines.append(
            f"{real.source}: {real.toggles:,.1f} toggles an element, "
            f"of random scores {drawn.toggles:,.1f}"
            f"\n    {real.rows:,} rows, {real.elements:,} elements in {real.cycles:,} cycles; "
            f"codes {real.lowest:,} to {real.highest:,}; "
            f"every other row is {real.apart:.1%} off the rest, of random {drawn.apart:.1%}"
        )
        lines += _energy(real, drawn)
        lines.append(
            f"    clock edges at registers {real.clock_edges:,.1f}, bits written to memories "
            f"{real.bits_written:,.1f}, read {real.bits_read:,.1f}, "
            f"toggles of their outputs {real.memory_outputs:,.1f} an element"
        )
        lines += _stages(real, drawn)
    return "\n  ".join(lines)


def _cells(found: Active) -> str:
    memories = sum(count for kind, count in found.cells.items() if kind.startswith("$mem"))
    cells = sum(found.cells.values()) - memories
    return f"{cells:,} cells, {memories} memories apart"


def _energy(real: Measured, drawn: Measured) -> list[str]:
    if not real.energy or not drawn.energy:
        return []
    return [
        f"    {real.energy.total:,.2f} pJ an element, of random scores {drawn.energy.total:,.2f}: "
        f"{real.energy.internal:,.2f} in cells, {real.energy.switching:,.2f} at pins, "
        f"{real.energy.clock:,.2f} of the clock; leakage {real.energy.leakage_nw:,.1f} nW"
    ]


def _stages(real: Measured, drawn: Measured) -> list[str]:
    """A line a stage, the busiest first."""
    head = "stage                     cells   regs   logic    regs  random logic    regs"
    lines = [f"    {head}{'      pJ  random' if real.energy else ''}"]
    stages = sorted(real.stages.items(), key=lambda item: -(item[1].logic + item[1].register))
    for name, stage in stages:
        if not stage.logic_cells + stage.registers:
            continue
        other = drawn.stages[name]
        energy = (
            f"{stage.energy:8.2f}{other.energy:8.2f}"
            if stage.energy is not None and other.energy is not None
            else ""
        )
        lines.append(
            f"    {name:24}{stage.logic_cells:7,}{stage.registers:7,}{stage.logic:8.1f}"
            f"{stage.register:8.1f}{other.logic:14.1f}{other.register:8.1f}{energy}"
        )
    return lines
