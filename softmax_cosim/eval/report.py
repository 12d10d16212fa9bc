"""The report of ``cosim eval``: for programs, for people to read or to see, and in brief."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from softmax_cosim.configs import Config
from softmax_cosim.console import print_whole
from softmax_cosim.eval.markdown import markdown
from softmax_cosim.eval.results import CellResult, Evaluation, TaskResult, verdict, warnings
from softmax_cosim.eval.statistics import RESAMPLES, SEED
from softmax_cosim.eval.text import shown
from softmax_cosim.files import check_writable, write_texts
from softmax_cosim.golden.quantise import Clipping
from softmax_cosim.report.terminal import print_warnings

__all__ = ["check", "parameters", "print_summary", "results", "write"]

VERSION = 1
#: What the report consists of: for programs, for people to read, for people to see.
FILES = ("results.json", "results.md", "results.html")


def check(out: Path) -> None:
    """Say before long work what :func:`write` would say after it.

    Raises:
        UsageError: a file cannot be written.
    """
    for name in FILES:
        check_writable(out / name)


def write(found: Evaluation, out: Path) -> None:
    """Write ``results.json``, ``results.md`` and ``results.html``.

    Raises:
        UsageError: a file cannot be written.
    """
    from softmax_cosim.eval import page

    figures = json.dumps(results(found), indent=2, allow_nan=False) + "\n"
    texts = (figures, markdown(found), page.render(found))
    write_texts(out, dict(zip(FILES, texts, strict=True)))


def results(found: Evaluation) -> dict[str, Any]:
    """``results.json`` as plain data; a figure without a finite value is None."""
    return {
        "version": VERSION,
        "command": found.command,
        "date": found.date.isoformat(),
        "commit": found.commit or None,
        "versions": found.versions,
        "engine": found.engine,
        "wall_s": round(found.wall_s, 3),
        "resamples": RESAMPLES,
        "seed": SEED,
        "tasks": [_task(task) for task in found.tasks],
    }


def _task(task: TaskResult) -> dict[str, Any]:
    return {
        "task": task.name,
        "title": task.title,
        "source": task.source,
        "hashes": task.hashes,
        "examples": task.examples,
        "out_of": task.out_of,
        "seconds": round(task.seconds, 3),
        "baseline": [
            {
                "metric": figure.metric.name,
                "better": figure.metric.better,
                "unit": figure.metric.unit,
                "value": _finite(figure.value),
                "interval": [_finite(figure.low), _finite(figure.high)],
            }
            for figure in task.baseline
        ],
        "cells": [_cell(cell) for cell in task.cells],
    }


def _cell(cell: CellResult) -> dict[str, Any]:
    return {
        "config": cell.config.name,
        "parameters": parameters(cell.config),
        "table_bytes": cell.table_bytes,
        "metrics": [
            {
                "metric": loss.metric.name,
                "value": _finite(loss.value),
                "loss": _finite(loss.absolute),
                "interval": [_finite(loss.low), _finite(loss.high)],
                "relative_loss": _finite(loss.relative),
            }
            for loss in cell.losses
        ],
        "agreement": _finite(cell.agreement),
        "rows": cell.rows,
        "elements": cell.elements,
        "cycles": cell.cycles,
        "mismatches": cell.mismatches,
        "first_mismatch": cell.first or None,
        **_clipped(cell.clipping),
        "layers": {name: _clipped(clipping) for name, clipping in cell.layers.items()},
        "account": cell.account.as_dict(),
        "seconds": round(cell.seconds, 3),
    }


def _clipped(clipping: Clipping) -> dict[str, int]:
    return {
        "scores": clipping.scores,
        "clipped": clipping.clipped,
        "underflow": clipping.underflow,
        "moved_rows": clipping.moved,
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def parameters(config: Config) -> dict[str, Any]:
    """Everything of a configuration but where its file stands."""
    values = dataclasses.asdict(config)
    about = values["design"]
    if about is None:
        return values
    folder = Path(about.pop("file")).parent
    for key in ("files", "include_dirs", "libraries"):
        if about["rtl"]:
            about["rtl"][key] = [os.path.relpath(path, folder) for path in about["rtl"][key]]
    return values


def print_summary(found: Evaluation, console: Console, out: Path) -> None:
    """Print each task's main metric by configuration, and where the report is."""
    table = Table(box=None, header_style="dim", padding=(0, 1, 0, 0))
    table.add_column("configuration", no_wrap=True)
    for task in found.tasks:
        head = Text(f"{task.name}\n{task.baseline[0].metric.name}")
        table.add_column(head, justify="right")
    own = (shown(task.baseline[0].metric, task.baseline[0].value) for task in found.tasks)
    table.add_row("float", *own)
    for place, config in enumerate(found.configs):
        losses = [task.cells[place].losses[0] for task in found.tasks]
        cells = [
            Text(shown(loss.metric, loss.value), style=("bold red" if loss.low > 0 else ""))
            for loss in losses
        ]
        table.add_row(Text(config.name), *cells)
    print_whole(console, table)
    console.print(Text("red: worse than float, and not by chance", style="dim"))
    for cell in found.cells:
        if cell.first:
            console.print(Text(cell.first, style="red"), soft_wrap=True)
    print_warnings(warnings(found), console)
    console.print(Text(verdict(found), style="bold green" if found.exact else "bold red"))
    console.print(f"report: {out / 'results.html'}", soft_wrap=True, highlight=False)
