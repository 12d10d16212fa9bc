"""What accuracy costs: error, latency, gates, toggles and energy an element, on two models.

``python -m benchmarks.energy`` plays rows of two committed traces through the netlists of all
methods, keeps the figures in ``synth/energy.json``, and writes the table of ``synth/README.md``;
given names of configurations, it measures those alone.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.field import MAX_ROWS, measured, recorded
from benchmarks.written import Part
from softmax_cosim import configs
from softmax_cosim.commit import commit
from softmax_cosim.configs import Config, UsageError
from softmax_cosim.files import atomic_file
from softmax_cosim.golden import timing
from softmax_cosim.paths import ROOT
from softmax_cosim.report.text import figure
from softmax_cosim.synth import area, liberty
from softmax_cosim.synth.activity.command import ROWS, active
from softmax_cosim.synth.activity.energy import Library
from softmax_cosim.synth.activity.measure import Measured
from softmax_cosim.synth.unit import unit_of
from softmax_cosim.targets import ended
from softmax_cosim.trace import Trace

RECORD = ROOT / "synth" / "energy.json"
PART = Part(ROOT / "synth" / "README.md", "<!-- make energy -->", "<!-- end of make energy -->")
#: As ``make energy`` unpacks it.
LIBRARY = ROOT / "build/osu018/usr/share/qflow/tech/osu018/osu018_stdcells.lib"
NAMES = (
    *("rexp_uint8_in8", "lut2d_uint8_in8", "split_uint8_in8", "split_uint8_in8_base2"),
    *("rexp_uint8", "rexp_uint8_msb", "lut2d_uint8", "split_uint8", "split_uint8_base2"),
    *("rexp_int16", "lut2d_int16", "split_int16", "split_int16_base2"),
)
TRACES = {"MiniLM": "minilm_long", "OCR": "ocr_long"}


def latency(cfg: Config) -> str:
    """Cycles of a row of B beats, first input to last output, through an idle core."""
    _, last = timing.predict(cfg, np.zeros(1, np.int64), np.ones(1, np.int64))
    passes = timing.passes(cfg).count
    return f"{passes}*B + {int(last[0]) - passes}"


def found(cfg: Config, library: Path) -> dict[str, Any]:
    """All figures of a configuration."""
    unit, traces = unit_of(cfg), [Trace(_path(name)) for name in TRACES.values()]
    played = active(unit, cfg, traces, ROWS, library)
    if played.mismatches:
        raise UsageError(f"{cfg.name}: the netlist does not do what the golden model says")
    pairs = zip(TRACES.items(), played.played[::2], played.played[1::2], strict=True)
    return {
        "commit": commit(),
        "latency": latency(cfg),
        "cells": sum(n for kind, n in played.cells.items() if not kind.startswith("$mem")),
        "models": {
            model: {"l1": measured(cfg, recorded(name))["l1"], **_spent(real, drawn)}
            for (model, name), real, drawn in pairs
        },
    }


def _spent(real: Measured, drawn: Measured) -> dict[str, float]:
    """Of rows of a trace, and of random scores like them."""
    assert real.energy
    assert drawn.energy
    return {
        "apart": real.apart,
        "toggles": real.toggles,
        "toggles_random": drawn.toggles,
        "energy": real.energy.total,
        "energy_clock": real.energy.clock,
        "energy_random": drawn.energy.total,
    }


def page(record: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The lines of :data:`PART`."""
    head = ["configuration", *(f"L1, {model}" for model in TRACES), "latency"]
    head += ["NAND + NOR", "cells"]
    head += [f"toggles, {model}" for model in TRACES]
    head += [f"pJ, {model}" for model in TRACES]
    head += ["of it clock"]
    lines = [f"| {' | '.join(head)} |", f"| --- |{' ---: |' * (len(head) - 1)}"]
    gates = {name: f"{one.nand_nor:,}" for name, one in area.committed().items()}
    for name, one in record.items():
        cells = [*_accuracy(one), gates.get(name, "–"), *_costs(one)]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    apart = max(figures["apart"] for one in record.values() for figures in one["models"].values())
    commits = ", ".join(f"`{at}`" for at in sorted({one["commit"] for one in record.values()}))
    return [
        f"What `make energy` found at {commits}, 8 lanes: {ROWS} rows of each of",
        f"{' and '.join(f'`{name}`' for name in TRACES.values())}, in brackets random scores like "
        f"them; halves are at most {apart:.1%} apart.",
        f"L1 is the mean error of {MAX_ROWS:,} rows; a row of B beats takes so many cycles; gates "
        "are those of the first table. Toggles",
        "are those of cells' outputs an element, cells those of osu018 (0.18 µm, 1.8 V; a package "
        "of Debian), and so is the energy,",
        "in picojoules an element, of it that of the clock in MiniLM's rows. No memories, wires, "
        "glitches.",
        "",
        *lines,
    ]


def _accuracy(one: Mapping[str, Any]) -> Iterator[str]:
    yield from (figure(model["l1"]) for model in one["models"].values())
    yield str(one["latency"])


def _costs(one: Mapping[str, Any]) -> Iterator[str]:
    models = one["models"].values()
    yield f"{one['cells']:,}"
    for key, digits in (("toggles", 0), ("energy", 1)):
        for model in models:
            yield f"{model[key]:.{digits}f} ({model[f'{key}_random']:.{digits}f})"
    yield f"{next(iter(models))['energy_clock']:.1f}"


def _ordered(record: Mapping[str, Any]) -> dict[str, Any]:
    """As the table has it; other configurations after those."""
    order = [*NAMES, *sorted(record.keys() - {*NAMES})]
    return {name: record[name] for name in order if name in record}


def _path(name: str) -> Path:
    return ROOT / "traces" / f"{name}.safetensors"


def main(words: Sequence[str] | None = None) -> int:
    """0 when measured, recorded and written; 2 for bad input."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.energy")
    parser.add_argument("configs", nargs="*", help="these alone (default: all of the table)")
    parser.add_argument("--liberty", type=Path, default=LIBRARY, help="another library")
    parser.add_argument("--render", action="store_true", help="write the table alone")
    args = parser.parse_args(words)
    return ended("energy", lambda: _run(args))


def _run(args: argparse.Namespace) -> int:
    record = json.loads(RECORD.read_text()) if RECORD.is_file() else {}
    if not args.render:
        chosen = [configs.load(name) for name in args.configs or NAMES]
        liberty.check(args.liberty)
        Library(args.liberty)
        for cfg in chosen:
            record = _ordered({**record, cfg.name: found(cfg, args.liberty)})
            print(f"{cfg.name}: {' '.join(_costs(record[cfg.name]))}", flush=True)
            with atomic_file(RECORD) as path:
                path.write_text(json.dumps(record, indent=2) + "\n")
    PART.write(page(_ordered(record)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
