"""The committed record, ``synth/area.json`` and its table: what our configurations cost."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict

from softmax_cosim.configs import Config
from softmax_cosim.files import atomic_file
from softmax_cosim.paths import ROOT
from softmax_cosim.synth.figures import COLUMNS, Figures, shown

__all__ = ["AREA", "GOALS", "TOLERANCE", "committed", "missed", "page", "record", "worsened"]

AREA = ROOT / "synth" / "area.json"
PAGE = ROOT / "synth" / "README.md"

#: A figure may get this much worse before the check fails.
TOLERANCE = 0.05
#: At 8 lanes, 8 bits in and out and rows of 1024: at most, and for Fmax at least.
GOALS = {"nand_nor": 20_000, "gate_ff": 3_000, "fmax_mhz": 110.0}


def committed() -> dict[str, Figures]:
    """The record."""
    if not AREA.is_file():
        return {}
    return {name: Figures(**values) for name, values in json.loads(AREA.read_text()).items()}


def worsened(old: Mapping[str, Figures], new: Mapping[str, Figures]) -> list[str]:
    """One sentence for every figure that is more than :data:`TOLERANCE` worse than it was."""
    sentences = []
    for name, figures in new.items():
        if name not in old:
            sentences.append(f"{name} is not in {AREA.name}; run `cosim synth {name}`")
            continue
        for key, column in COLUMNS.items():
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
                sentences.append(f"{cfg.name}: {COLUMNS[key]} is {value:g}, the goal {goal:g}")
    return sentences


def table(area: Mapping[str, Figures]) -> str:
    """The table of the page, in Markdown."""
    lines = [
        f"| configuration | {' | '.join(COLUMNS.values())} |",
        f"| --- |{' ---: |' * len(COLUMNS)}",
    ]
    for name, figures in area.items():
        values = " | ".join(shown(getattr(figures, key)) for key in COLUMNS)
        lines.append(f"| `{name}` | {values} |")
    return "\n".join(lines) + "\n"


def page(text: str, area: Mapping[str, Figures]) -> str:
    """The page with its table replaced."""
    start, end = "<!-- table -->\n", "<!-- end of table -->\n"
    before, rest = text.split(start)
    return before + start + table(area) + end + rest.split(end)[1]


def record(area: Mapping[str, Figures]) -> None:
    """Write record and table.

    Raises:
        UsageError: they cannot be written.
    """
    ordered = dict(sorted(area.items()))
    values = {name: asdict(figures) for name, figures in ordered.items()}
    with atomic_file(AREA) as path:
        path.write_text(json.dumps(values, indent=2) + "\n")
    text = page(PAGE.read_text(), ordered)
    with atomic_file(PAGE) as path:
        path.write_text(text)
