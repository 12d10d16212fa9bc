"""Toggles an element, stage by stage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from softmax_cosim.golden.rows import Rows
from softmax_cosim.synth.activity.energy import Energy, Power
from softmax_cosim.synth.activity.netlist import Cell, Netlist
from softmax_cosim.synth.activity.play import CLOCK, Played, Player, halves
from softmax_cosim.synth.activity.saif import Activity
from softmax_cosim.synth.figures import flip_flops

__all__ = ["Measured", "Stage", "measure"]


@dataclass(frozen=True)
class Stage:
    """What a stage does an element."""

    logic_cells: int
    registers: int
    logic: float
    """Toggles of its gates' outputs."""
    register: float
    """Toggles of its registers' outputs."""
    energy: float | None
    """In picojoules, clock and leakage left out; None without a library."""


@dataclass(frozen=True)
class Measured:
    """What some rows make a netlist do; everything is an element, unless it says otherwise."""

    source: str
    """The trace, or ``random``."""
    lowest: int
    """Code that occurs unmasked."""
    highest: int
    rows: int
    elements: int
    """Of all rows, masked ones included."""
    cycles: int
    """From the end of reset to eight cycles after the last output."""
    toggles: float
    """Of gates and registers."""
    apart: float
    """How far the halves, every other row, are apart, as part of their mean."""
    memory_outputs: float
    """Toggles of the memories' outputs."""
    bits_written: float
    """Bits of memories that were written."""
    bits_read: float
    """Bits that were read through a port that has a clock."""
    clock_edges: float
    """Clock edges, rising and falling, that registers saw; no clock is gated."""
    stages: dict[str, Stage]
    energy: Energy | None
    mismatches: int
    """Rows that did not come out as the golden model has them."""


def measure(
    player: Player, netlist: Netlist, source: str, rows: Rows, power: Power | None
) -> tuple[Measured, Activity]:
    """Play rows in two halves, and take both together: an element, and net by net.

    Raises:
        UsageError, Stopped, NoProgress, Broken, SimulatorCrash: as of the simulator.
    """
    played = [player.play(half) for half in halves(rows)]
    first, second = (_toggles(netlist, one) for one in played)
    whole = played[0] + played[1]
    activity, elements = whole.activity, whole.elements
    logic: Counter[str] = Counter()
    register: Counter[str] = Counter()
    outputs = 0
    counts: Counter[tuple[str, bool]] = Counter()
    for cell in netlist.cells:
        toggles = _of(cell, activity)
        if cell.memory:
            outputs += toggles
        else:
            held = _is_register(cell, power)
            counts[cell.stage, held] += 1
            (register if held else logic)[cell.stage] += toggles
    written, read = _accesses(netlist.cells, activity)
    energy = power.spent(activity, elements, CLOCK) if power else None
    registers = sum(count for (_, held), count in counts.items() if held)
    kept = rows.q[rows.keep] if rows.keep.any() else rows.q
    measured = Measured(
        source=source,
        lowest=int(kept.min()),
        highest=int(kept.max()),
        rows=len(rows),
        elements=elements,
        cycles=activity.cycles,
        toggles=(logic.total() + register.total()) / elements,
        apart=2 * abs(first - second) / (first + second) if first + second else 0.0,
        memory_outputs=outputs / elements,
        bits_written=written / elements,
        bits_read=read / elements,
        clock_edges=2 * registers * activity.cycles / elements,
        stages={
            stage: Stage(
                logic_cells=counts[stage, False],
                registers=counts[stage, True],
                logic=logic[stage] / elements,
                register=register[stage] / elements,
                energy=energy.stages.get(stage, 0.0) if energy else None,
            )
            for stage in netlist.stages
        },
        energy=energy,
        mismatches=whole.mismatches,
    )
    return measured, activity


def _of(cell: Cell, activity: Activity) -> int:
    return sum(activity.toggles(net) for net in cell.driven)


def _toggles(netlist: Netlist, played: Played) -> float:
    """An element, of gates and registers."""
    cells = (cell for cell in netlist.cells if not cell.memory)
    return sum(_of(cell, played.activity) for cell in cells) / played.elements


def _is_register(cell: Cell, power: Power | None) -> bool:
    return cell.kind in power.registers if power else bool(flip_flops({cell.kind: 1}))


def _accesses(cells: Iterable[Cell], activity: Activity) -> tuple[int, int]:
    """Bits written and read of all memories; a read without a clock is not counted."""
    written = read = 0
    for cell in cells:
        if cell.memory:
            written += sum(map(activity.enabled, cell.pins["WR_EN"]))
            width = int(cell.parameters["WIDTH"], 2)
            clocked = reversed(
                cell.parameters["RD_CLK_ENABLE"]
            )  # a character a port, from the last
            for enable, clock in zip(cell.pins["RD_EN"], clocked, strict=True):
                read += width * activity.enabled(enable) * (clock == "1")
    return written, read
