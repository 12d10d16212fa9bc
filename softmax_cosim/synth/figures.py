"""What a design costs, read from the reports of the tools."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = [
    "COLUMNS",
    "Figures",
    "Gates",
    "cells_of",
    "figures_of",
    "flip_flops",
    "gates_of",
    "line",
    "shown",
]


@dataclass(frozen=True)
class Figures:
    """What one configuration costs."""

    lut4: int
    """ECP5: four-input tables, those of carry chains and small memories included."""
    ff: int
    """ECP5: flip-flops."""
    block_ram: int
    """ECP5: block memories of 18 kbit."""
    multipliers: int
    """ECP5: multipliers of 18 by 18 bits."""
    fmax_mhz: float
    """ECP5, speed grade 6: the fastest clock after placing and routing; NaN without any."""
    nand_nor: int
    """Generic: two-input NAND and NOR gates."""
    inverters: int
    """Generic: inverters."""
    gate_ff: int
    """Generic: flip-flops (or latches) besides memories; reset and enable are part of one."""
    memory_bits: int
    """Generic: bits of the memories kept apart."""
    critical: str
    """ECP5: the longest path, from register to register."""


#: Column of the table for each figure that is compared.
COLUMNS = {
    "lut4": "LUT4",
    "ff": "FF",
    "block_ram": "block RAM",
    "multipliers": "multipliers",
    "fmax_mhz": "Fmax, MHz",
    "nand_nor": "NAND + NOR",
    "inverters": "NOT",
    "gate_ff": "FF, generic",
    "memory_bits": "memory bits",
}


@dataclass(frozen=True)
class Gates:
    """The generic ones of :class:`Figures`."""

    nand_nor: int
    inverters: int
    gate_ff: int
    memory_bits: int


def gates_of(folder: Path) -> Gates:
    """Read what :data:`.flows.GATES` left."""
    cells = cells_of(folder / "gates.json")
    return Gates(
        nand_nor=cells.get("$_NAND_", 0) + cells.get("$_NOR_", 0),
        inverters=cells.get("$_NOT_", 0),
        gate_ff=flip_flops(cells),
        memory_bits=_memory_bits((folder / "netlist.v").read_text()),
    )


def figures_of(gates: Path, ecp5: Path) -> Figures:
    """Read what the flows left; of several placements the fastest."""
    reports = [json.loads(path.read_text()) for path in ecp5.glob("report-*.json")]
    best = max(reports, key=_fmax)
    used = {name: cell["used"] for name, cell in best["utilization"].items()}
    return Figures(
        lut4=used["TRELLIS_COMB"],
        ff=used["TRELLIS_FF"],
        block_ram=used["DP16KD"],
        multipliers=used["MULT18X18D"],
        fmax_mhz=round(_fmax(best), 1),
        critical=_critical(best),
        **vars(gates_of(gates)),
    )


def line(figures: object) -> str:
    """The figures that a table shows, as far as they are there."""
    known = vars(figures)
    return ", ".join(f"{shown(known[key])} {COLUMNS[key]}" for key in COLUMNS if key in known)


def shown(value: float) -> str:
    """A figure as people read it."""
    return f"{value:,}" if math.isfinite(value) else "–"


def cells_of(path: Path) -> dict[str, int]:
    """How many cells of each kind there are, as Yosys' ``stat -json`` says it."""
    found: dict[str, int] = json.loads(path.read_text())["design"]["num_cells_by_type"]
    return found


def flip_flops(cells: Mapping[str, int]) -> int:
    """How many of the generic cells are flip-flops or latches."""
    kinds = re.compile(r"\$_(S?DFFC?E?|DFFSRE?|ALDFFE?|DLATCH(SR)?|SR)_\w+_")
    return sum(count for cell, count in cells.items() if kinds.fullmatch(cell))


def _memory_bits(text: str) -> int:
    """Bits of all ``reg [7:0] name [143:0];`` of a Verilog netlist."""
    pattern = r"^\s*reg (?:\[(\d+):(\d+)\] )?\S.* \[(\d+):(\d+)\];$"
    total = 0
    for left, right, high, low in re.findall(pattern, text, re.MULTILINE):
        width = int(left) - int(right) + 1 if left else 1
        total += width * (abs(int(high) - int(low)) + 1)
    return total


def _fmax(report: Mapping[str, Any]) -> float:
    """Of the slowest clock."""
    return min((float(clock["achieved"]) for clock in report["fmax"].values()), default=math.nan)


def _critical(report: Mapping[str, Any]) -> str:
    """Where the longest path starts and ends, and what it consists of; empty without any."""
    paths = [
        path for path in report["critical_paths"] if "<async>" not in (path["from"], path["to"])
    ]
    if not paths:  # none from register to register
        return ""
    path = max(paths, key=lambda path: sum(s["delay"] for s in path["path"]))
    steps = path["path"]
    logic = sum(step["type"] == "logic" for step in steps)
    ends = (
        re.split(r"_TRELLIS_FF|_LUT4|_CCU2C|_PFUMX|_L6MUX", end)[0]
        for end in (steps[0]["from"]["cell"], steps[-1]["to"]["cell"])
    )
    return f"{' to '.join(ends)}, {logic} levels"
