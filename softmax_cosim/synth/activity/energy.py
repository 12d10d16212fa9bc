"""Energy an element, from a library's own tables and what the nets did.

An output that changes costs what ``internal_power`` says for its load and the slope at its input,
and half of C V^2 for the pins that it drives. An input that changes costs what its pin's own
``internal_power`` says. Loads are those of pins, without wires; slopes follow from the library's
``rise_transition`` and ``fall_transition``, from the sharpest of each table at the inputs, the
clock and memories. Of tables for several causes (``related_pin``, ``when``) the mean counts, and of
rising and falling. Memories are not in the library: of them, the load of their outputs counts.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from pathlib import Path

import numpy as np

from softmax_cosim.configs import UsageError
from softmax_cosim.synth import liberty
from softmax_cosim.synth.activity.netlist import Cell, Netlist
from softmax_cosim.synth.activity.saif import Activity
from softmax_cosim.synth.activity.tables import Group, Table, parse, tables

__all__ = ["Energy", "Library", "Power"]

_PREFIXES = {"": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15}
_HELD = ("ff", "latch", "ff_bank", "latch_bank", "statetable")
_PICO, _NANO = 1e12, 1e9


@dataclass(frozen=True)
class Energy:
    """In picojoules an element."""

    internal: float
    """Within the cells, of outputs and inputs that change."""
    switching: float
    """Of the pins that are driven."""
    clock: float
    """Of the clock pins, in and before the registers."""
    leakage_nw: float
    """Of all cells, in nanowatts; the time that an element takes is the user's to say."""
    stages: dict[str, float]
    """Internal and switching by stage."""

    @property
    def total(self) -> float:
        """All but leakage."""
        return self.internal + self.switching + self.clock


@dataclass(frozen=True)
class Arc:
    """What one cause does at a pin."""

    causes: tuple[str, ...]
    """Pins; none if it is the pin itself."""
    supply: str
    tables: Sequence[Table]
    """For rising and falling, or both."""

    def at(self, load: float, slope: Callable[[str], float]) -> float:
        """The mean of its tables; ``slope`` is that of a cause, ``""`` of the pin itself."""
        sharp = float(np.mean([slope(cause) for cause in self.causes or ("",)]))
        return float(np.mean([table.at(load, sharp) for table in self.tables]))


@dataclass(frozen=True)
class Pin:
    """A pin of a cell of a library."""

    capacitance: float
    energy: Sequence[Arc]
    slopes: Sequence[Arc]
    """How fast an output changes."""


@dataclass(frozen=True)
class Kind:
    """A cell of a library."""

    pins: dict[str, Pin]
    leakage: float
    held: bool
    """It is a register."""

    def pin(self, name: str) -> Pin:
        """A pin; one of a bus, of which nothing is read, costs nothing."""
        return self.pins.get(name, Pin(0.0, (), ()))


class Library:
    """What a library that Yosys has read says of power, in its own units."""

    def __init__(self, path: Path) -> None:
        """Read it.

        Raises:
            UsageError: it says nothing of energy, or of the voltage; or a table is not understood.
        """
        (library, *_) = parse(liberty.text(path).decode(errors="replace")).all("library")
        self._library = library
        try:
            voltage = library.number("nom_voltage")
            if voltage is None or not library.has("internal_power"):
                raise UsageError(
                    "it has no nom_voltage" if voltage is None else "no cell has internal_power"
                )
            self.kinds = {cell.name: self._kind(cell) for cell in library.all("cell")}
            self.voltage = voltage
            self.joules = _unit(library.text("voltage_unit"), "V") ** 2 * self._farads
            self.watts = _unit(library.text("leakage_power_unit") or "1nW", "W")
        except UsageError as error:
            raise UsageError(
                f"{path} says too little of energy: {error}; use a library with power tables"
            ) from None

    @cached_property
    def _farads(self) -> float:
        words = self._library.values.get("capacitive_load_unit", [])
        if len(words) != 2:
            raise UsageError("it has no capacitive_load_unit")
        return _unit("".join(words), "F")

    @cached_property
    def _templates(self) -> dict[str, Group]:
        kinds = ("lu_table_template", "power_lut_template")
        return {group.name: group for group in self._library.all(*kinds)}

    def _kind(self, cell: Group) -> Kind:
        own = self._library.number("default_cell_leakage_power") or 0.0
        leakage = cell.number("cell_leakage_power")
        return Kind(
            {name: self._pin(pin) for pin in cell.all("pin") for name in pin.names},
            own if leakage is None else leakage,
            any(cell.all(*_HELD)),
        )

    def _pin(self, pin: Group) -> Pin:
        capacitance = pin.number("capacitance")
        if capacitance is None and pin.text("direction") == "input":
            capacitance = self._library.number("default_input_pin_cap")
        return Pin(
            capacitance or 0.0,
            self._arcs(pin, "internal_power", ("rise_power", "fall_power", "power")),
            self._arcs(pin, "timing", ("rise_transition", "fall_transition")),
        )

    def _arcs(self, pin: Group, kind: str, values: tuple[str, ...]) -> list[Arc]:
        arcs = [
            Arc(
                tuple(group.text("related_pin").split()),
                group.text("related_pg_pin"),
                tables(group, values, self._templates),
            )
            for group in pin.all(kind)
        ]
        return [arc for arc in arcs if arc.tables]


class Power:
    """A netlist of the cells of a library."""

    def __init__(self, library: Library, netlist: Netlist) -> None:
        """Find loads and slopes.

        Raises:
            UsageError: the library has no cell for something.
        """
        kinds = {cell.kind for cell in netlist.cells if not cell.memory}
        if left := sorted(kinds - {*library.kinds}):
            raise UsageError(f"the library has no cell for {', '.join(left)}")
        self._library, self._netlist = library, netlist
        self.registers = {name for name, kind in library.kinds.items() if kind.held}
        self._loads = self._found_loads()
        self._slopes: dict[str, float] = {}
        self._find_slopes()

    def spent(self, activity: Activity, elements: int, clock: str) -> Energy:
        """What it takes, when nets do so and so much for so many elements."""
        library = self._library
        unit = library.joules * _PICO / elements
        internal: defaultdict[str, float] = defaultdict(float)
        switching: defaultdict[str, float] = defaultdict(float)
        clocked, leakage = self._charge(clock) * activity.toggles(clock), 0.0
        for cell in self._netlist.cells:
            driven = (self._charge(net) * activity.toggles(net) for net in cell.driven)
            switching[cell.stage] += sum(driven)
            if cell.memory:
                continue
            leakage += library.kinds[cell.kind].leakage
            for pin, (net,) in cell.pins.items():
                spent = self._internal(cell, pin) * activity.toggles(net)
                if net == clock:
                    clocked += spent
                else:
                    internal[cell.stage] += spent
        return Energy(
            internal=sum(internal.values()) * unit,
            switching=sum(switching.values()) * unit,
            clock=clocked * unit,
            leakage_nw=leakage * library.watts * _NANO,
            stages={
                stage: (internal[stage] + switching[stage]) * unit for stage in self._netlist.stages
            },
        )

    def _charge(self, net: str) -> float:
        """Half of C V^2: what a change of a net takes outside of the cell that drives it."""
        return self._loads[net] * self._library.voltage**2 / 2

    def _internal(self, cell: Cell, pin: str) -> float:
        """What a change of a pin takes within the cell; of several supplies, the sum."""
        net = cell.pins[pin][0]
        by_supply: dict[str, list[float]] = defaultdict(list)
        for arc in self._library.kinds[cell.kind].pin(pin).energy:
            by_supply[arc.supply].append(arc.at(self._loads[net], self._slope_at(cell, pin)))
        return sum(float(np.mean(values)) for values in by_supply.values())

    def _slope_at(self, cell: Cell, pin: str) -> Callable[[str], float]:
        """The slope at an input of a cell; of no cause, that at the pin itself."""
        return lambda cause: self._slopes.get(cell.pins.get(cause or pin, ("",))[0], 0.0)

    def _found_loads(self) -> defaultdict[str, float]:
        loads: defaultdict[str, float] = defaultdict(float)
        for cell in self._netlist.cells:
            for pin, nets in cell.pins.items():
                if pin not in cell.outputs and not cell.memory:
                    loads[nets[0]] += self._library.kinds[cell.kind].pin(pin).capacitance
        return loads

    def _find_slopes(self) -> None:
        """From the registers on, a net after all those that it follows from."""
        drivers: dict[str, tuple[Cell, str]] = {}
        order: TopologicalSorter[str] = TopologicalSorter()
        for cell in self._netlist.cells:
            if cell.memory:
                continue
            before = () if cell.kind in self.registers else cell.inputs
            for pin in cell.outputs:
                (net,) = cell.pins[pin]
                drivers[net] = cell, pin
                order.add(net, *before)
        for net in order.static_order():
            if net in drivers:
                cell, pin = drivers[net]
                arcs = self._library.kinds[cell.kind].pin(pin).slopes
                slopes = [arc.at(self._loads[net], self._slope_at(cell, pin)) for arc in arcs]
                self._slopes[net] = float(np.mean(slopes)) if slopes else 0.0


def _unit(text: str, unit: str) -> float:
    """``1ns`` and the like; letters of either case."""
    found = re.fullmatch(rf"([\d.eE+-]+)\s*([munpf]?){unit}", text.strip(), re.IGNORECASE)
    if not found:
        raise UsageError(f"{text!r} is no {unit}")
    return float(found[1]) * _PREFIXES[found[2].lower()]
