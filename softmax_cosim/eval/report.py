"""What ``cosim eval`` found: as JSON for programs, as Markdown, as a page, and in the terminal."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from softmax_cosim.account import Account
from softmax_cosim.configs import Config
from softmax_cosim.eval import Metric
from softmax_cosim.eval.statistics import RESAMPLES, SEED, Figure, Loss
from softmax_cosim.files import check_writable, write_texts
from softmax_cosim.golden import tables
from softmax_cosim.golden.quantise import Clipping
from softmax_cosim.report.clipping import LayerClipping, clipping_warnings
from softmax_cosim.report.terminal import print_warnings
from softmax_cosim.report.text import count, seconds

__all__ = [
    "CellResult",
    "Evaluation",
    "TaskResult",
    "agreed",
    "interval",
    "lost",
    "markdown",
    "parameters",
    "print_summary",
    "relative",
    "results",
    "shown",
    "verdict",
    "warnings",
    "write",
]

VERSION = 1
_NOTHING = "–"


@dataclass(frozen=True)
class CellResult:
    """A task with one configuration in the place of its softmax."""

    config: Config
    losses: tuple[Loss, ...]
    """One a metric."""
    agreement: float
    """Share of the predictions that are those of the model's own softmax; NaN without any."""
    rows: int
    elements: int
    cycles: int | None
    """None unless the RTL computed them."""
    mismatches: int | None
    """Rows in which RTL and golden model differ, likewise."""
    first: str
    """The first of them, in words."""
    layers: Mapping[str, Clipping]
    """What was clipped, by the name of the layer."""
    account: Account
    """What became of each softmax of the model."""
    seconds: float
    """Of all steps, the model's own work included, one after the other."""

    @property
    def table_bytes(self) -> int | None:
        """Bytes of the configuration's tables, if that is known."""
        return tables.table_bytes(self.config)

    @property
    def clipping(self) -> Clipping:
        """Of all layers."""
        found = Clipping()
        for layer in self.layers.values():
            found.add(layer)
        return found


@dataclass(frozen=True)
class TaskResult:
    """A task with its own softmax, and with others."""

    name: str
    title: str
    source: str
    hashes: dict[str, str]
    """SHA-256 of the files of a model and data of the user's own."""
    examples: int
    out_of: int
    """Examples that the task has."""
    baseline: tuple[Figure, ...]
    """With the model's own softmax, one a metric."""
    seconds: float
    cells: tuple[CellResult, ...]


@dataclass(frozen=True)
class Evaluation:
    """One run."""

    command: str
    date: datetime
    commit: str
    """Empty where it is not known; ends in ``-dirty`` when files differ from it."""
    versions: dict[str, str]
    engine: str
    """``golden`` or ``rtl``."""
    wall_s: float
    """Of this run; what an earlier one had done took it no time."""
    tasks: tuple[TaskResult, ...]

    @property
    def configs(self) -> tuple[Config, ...]:
        """The same for every task."""
        return tuple(cell.config for cell in self.tasks[0].cells)

    @property
    def cells(self) -> list[CellResult]:
        """Those of all tasks."""
        return [cell for task in self.tasks for cell in task.cells]

    @property
    def exact(self) -> bool:
        """No row in which RTL and golden model differ."""
        return not any(cell.mismatches for cell in self.cells)


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
    from softmax_cosim.report import evaluation  # draws, and so imports matplotlib: 0.4 s

    figures = json.dumps(results(found), indent=2, allow_nan=False) + "\n"
    texts = (figures, markdown(found), evaluation.render(found))
    write_texts(out, dict(zip(FILES, texts, strict=True)))


# Numbers as people read them.


def shown(metric: Metric, value: float) -> str:
    """A value of a metric."""
    if not math.isfinite(value):
        return _NOTHING
    return f"{100 * value:.2f} %" if metric.unit else f"{value:.4g}"


def lost(loss: Loss) -> str:
    """An absolute loss, in percentage points where the metric is a share."""
    return _signed(loss.metric, loss.absolute)


def interval(loss: Loss) -> str:
    """The 95 % interval of an absolute loss."""
    return f"{_signed(loss.metric, loss.low)} … {_signed(loss.metric, loss.high)}"


def relative(loss: Loss) -> str:
    """A loss as a share of the baseline."""
    return f"{_plus(f'{100 * loss.relative:+.2f}')} %" if math.isfinite(loss.relative) else _NOTHING


def agreed(share: float) -> str:
    """An agreement."""
    return f"{100 * share:.2f} %" if math.isfinite(share) else _NOTHING


def verdict(found: Evaluation) -> str:
    """The one line that matters."""
    rows = sum(cell.rows for cell in found.cells)
    bad = sum(cell.mismatches or 0 for cell in found.cells)
    if bad:
        return f"Not exact: {count(bad)} of {count(rows)} rows differ from the golden model"
    if found.engine == "rtl":
        return f"Exact: every one of {count(rows)} rows through the RTL equals the golden model's"
    return f"{count(rows)} softmax rows, computed by the golden model"


def warnings(found: Evaluation) -> list[str]:
    """What makes the figures mean less: softmaxes that were not replaced, scores clipped."""
    said = []
    for task in found.tasks:
        missed = {name: why for cell in task.cells for name, why in cell.account.missed.items()}
        if missed:
            named = "; ".join(f"{name} ({why})" for name, why in missed.items())
            said.append(f"{task.name}: softmaxes that may be attention and stayed float: {named}")
        said += clipping_warnings(
            LayerClipping(f"{task.name} {name or 'softmax'}", cell.config, **vars(clipping))
            for cell in task.cells
            for name, clipping in cell.layers.items()
        )
    return said


def _signed(metric: Metric, value: float) -> str:
    if not math.isfinite(value):
        return _NOTHING
    return _plus(f"{100 * value:+.2f}" if metric.unit else f"{value:+.3g}")


def _plus(text: str) -> str:
    """Without a sign at zero."""
    return text if float(text) else text[1:]


# The writers.


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


def parameters(config: Config) -> dict[str, Any]:
    """Everything of a configuration but where its file stands."""
    values = dataclasses.asdict(config)
    del values["folder"]
    return values


def _clipped(clipping: Clipping) -> dict[str, int]:
    return {
        "scores": clipping.scores,
        "clipped": clipping.clipped,
        "underflow": clipping.underflow,
        "moved_rows": clipping.moved,
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def markdown(found: Evaluation) -> str:
    """``results.md``: all tasks at a glance, then each in full."""
    parts = [
        "# Evaluation",
        f"{verdict(found)}. Commit {found.commit or 'unknown'}, {found.date:%Y-%m-%d}.",
        f"`{found.command}`",
        *_warned(found),
        "## Main metric of each task",
        "Bold: the 95 % interval of the loss against float does not hold 0.",
        "\n".join(_overview(found)),
        "## Agreement with float",
        "\n".join(_agreements(found)),
    ]
    for task in found.tasks:
        parts += [
            f"## {task.name}",
            f"{task.title}. {task.source}. {_examples(task)}.",
            *("\n".join(_metric(found, task, place)) for place in range(len(task.baseline))),
        ]
    parts.append(
        "A loss above 0 is worse, whatever the metric; in percentage points where the metric is in "
        f"percent. Intervals: paired bootstrap of the examples, {count(RESAMPLES)} resamples. "
        "Clipped: scores beyond the range of the input; underflow: beyond it, and so far below "
        "their row's maximum that float32 softmax gives 0 as well. "
        "Time is that of all steps one after the other, the model's own work included."
    )
    return "\n\n".join(parts) + "\n"


def _warned(found: Evaluation) -> Iterator[str]:
    warned = warnings(found)
    if warned:
        yield "## Warnings"
        yield "\n".join(f"* {warning}" for warning in warned)


def _overview(found: Evaluation) -> Iterator[str]:
    main = [task.baseline[0] for task in found.tasks]
    heads = [
        f"{task.name}, {figure.metric.name}" for task, figure in zip(found.tasks, main, strict=True)
    ]
    yield from _head(["configuration", "table bytes", *heads], left=1)
    yield _line(["float", "", *(shown(figure.metric, figure.value) for figure in main)])
    for place, config in enumerate(found.configs):
        losses = [task.cells[place].losses[0] for task in found.tasks]
        values = [_bold(shown(loss.metric, loss.value), loss) for loss in losses]
        yield _line([f"`{config.name}`", count(tables.table_bytes(config)), *values])


def _agreements(found: Evaluation) -> Iterator[str]:
    yield from _head(["configuration", *(task.name for task in found.tasks)], left=1)
    for place, config in enumerate(found.configs):
        shares = [agreed(task.cells[place].agreement) for task in found.tasks]
        yield _line([f"`{config.name}`", *shares])


def _metric(found: Evaluation, task: TaskResult, place: int) -> Iterator[str]:
    """The table of a metric; the first also tells what else was counted."""
    figure, first = task.baseline[place], place == 0
    through_rtl = first and found.engine == "rtl"
    heads = ["configuration", "table bytes", figure.metric.name, "loss", "95 % interval"]
    heads += ["relative loss"]
    heads += ["agreement", "rows", "clipped", "underflow"] if first else []
    heads += ["mismatches", "cycles"] if through_rtl else []
    heads += ["time"] if first else []
    yield from _head(heads, left=1)
    spread = f"{shown(figure.metric, figure.low)} … {shown(figure.metric, figure.high)}"
    cells = ["float", "", shown(figure.metric, figure.value), "", f"value: {spread}", ""]
    cells += ["", "", "", ""] if first else []
    cells += ["", ""] if through_rtl else []
    yield _line([*cells, *([seconds(task.seconds)] if first else [])])
    for cell in task.cells:
        loss = cell.losses[place]
        cells = [f"`{cell.config.name}`", count(cell.table_bytes), shown(loss.metric, loss.value)]
        cells += [_bold(lost(loss), loss), interval(loss), relative(loss)]
        clipping = cell.clipping
        counts = count(cell.rows), count(clipping.clipped), count(clipping.underflow)
        cells += [agreed(cell.agreement), *counts] if first else []
        cells += [count(cell.mismatches), count(cell.cycles)] if through_rtl else []
        yield _line([*cells, *([seconds(cell.seconds)] if first else [])])


def _examples(task: TaskResult) -> str:
    if task.examples == task.out_of:
        return f"{count(task.examples)} examples"
    return f"The first {count(task.examples)} of {count(task.out_of)} examples"


def _bold(text: str, loss: Loss) -> str:
    return f"**{text}**" if loss.significant else text


def _head(titles: Sequence[str], left: int) -> Iterator[str]:
    yield _line(titles)
    yield _line(["---"] * left + ["---:"] * (len(titles) - left))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


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
    console.print(table)
    console.print(Text("red: worse than float, and not by chance", style="dim"))
    for cell in found.cells:
        if cell.first:
            console.print(Text(cell.first, style="red"), soft_wrap=True)
    print_warnings(warnings(found), console)
    console.print(Text(verdict(found), style="bold green" if found.exact else "bold red"))
    console.print(f"report: {out / 'results.html'}", soft_wrap=True, highlight=False)
