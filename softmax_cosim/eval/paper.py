"""``cosim paper``: the paper's table, from what ``cosim eval`` found.

The paper is Vasyltsov & Chang, *Efficient Softmax Approximation for Deep Neural Networks with
Attention Mechanism* (arXiv 2111.10770). Its abstract claims "acceptable accuracy loss below 1.0 %"
by "8-bit approximation", with tables of "about 700 Bytes", on object detection, machine
translation, sentiment analysis and semantic equivalence (COCO17, WMT14, WMT17, GLUE). Each row here
sets that beside a measured loss, whatever model and data it was measured on.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from softmax_cosim import configs
from softmax_cosim import console as terminal
from softmax_cosim.arguments import count
from softmax_cosim.configs import UsageError
from softmax_cosim.eval import TASKS
from softmax_cosim.files import atomic_file

__all__ = ["CLAIM", "Row", "add_arguments", "conclusion", "rows_of", "run"]

#: Kinds of task in the paper's order, and the names of ours that are of the kind.
KINDS = {
    "object detection": "detection.*",
    "machine translation": "translation.*",
    "sentiment analysis": "glue-sst2|sentiment.*",
    "semantic equivalence": "glue-(mrpc|qqp|stsb)|similarity",
    "others of GLUE": "glue-.*",
}
CLAIM, CLAIMED_PRECISION, CLAIMED_BYTES = 1.0, "uint8", 700
EVALUATION = Path("reports/eval")
RESULTS = "results.json"
HEADS = (
    *("task", "model", "metric", "precision", "method", "XS", "table bytes"),
    *("claimed loss", "measured loss", "95 % interval", "claim holds"),
)


@dataclass(frozen=True)
class Row:
    """A task with one configuration."""

    kind: str
    task: str
    model: str
    metric: str
    """With its value by float softmax."""
    config: str
    precision: str
    method: str
    xs: int
    table_bytes: int | None
    """None if that is not known, of a design of the user's own."""
    loss: float
    """In points of a metric in percent, in percent of the value of another; NaN if unknown."""
    low: float
    """Ends of its 95 % interval."""
    high: float

    @property
    def place(self) -> tuple[Any, ...]:
        """Where the row stands: by task, model, precision, method and XS."""
        kinds, precisions = list(KINDS), list(configs.PRECISIONS)
        methods = [*configs.METHODS, configs.OWN]
        order = (kinds.index(self.kind), self.task, self.model, precisions.index(self.precision))
        return (*order, methods.index(self.method), self.xs, self.config)

    @property
    def variant(self) -> str:
        """The method, with the size of the table that the paper varies."""
        return f"{self.method} (XS {self.xs})" if self.table_has_xs else self.config

    @property
    def table_has_xs(self) -> bool:
        """One of the paper's two methods."""
        return self.method in ("rexp", "lut2d")

    @property
    def claimed(self) -> bool:
        """The paper claims something of it: its methods at 8 bits."""
        return self.table_has_xs and self.precision == CLAIMED_PRECISION

    @property
    def holds(self) -> str:
        """Whether the loss is below the claim; with ``?`` where the interval knows both answers."""
        if math.isnan(self.loss):
            return "–"
        if self.loss < CLAIM:
            return "yes" if self.high < CLAIM else "yes?"
        return "no" if self.low >= CLAIM else "no?"


def rows_of(found: dict[str, Any], path: Path) -> list[Row]:
    """The rows of a file of results, without the tasks that are not of the paper's kinds.

    Raises:
        UsageError: a file that an older ``cosim eval`` wrote.
    """
    rows = []
    for task in found["tasks"]:
        kind = next(
            (kind for kind, names in KINDS.items() if re.fullmatch(names, task["task"])), ""
        )
        if not kind:
            continue
        base = task["baseline"][0]
        percent = base["unit"] == "%"
        scale = 100.0 if percent or not base["value"] else 100 / abs(base["value"])
        value = f"{100 * base['value']:.2f} %" if percent else f"{base['value']:.4g}"
        for cell in task["cells"]:
            if "parameters" not in cell:
                raise UsageError(
                    f"{path} was written by an older version; run the same cosim eval again"
                )
            own, main = cell["parameters"], cell["metrics"][0]
            loss, low, high = (
                math.nan if figure is None else scale * figure
                for figure in (main["loss"], *main["interval"])
            )
            model = task["title"].partition(":")[0]
            rows.append(
                Row(
                    *(kind, task["task"], model, f"{base['metric']} {value}", cell["config"]),
                    *(own["precision"], own["method"], own["xs"], cell["table_bytes"]),
                    *(loss, low, high),
                )
            )
    return sorted(rows, key=lambda row: row.place)


def _kind(task: str) -> str | None:
    return next((kind for kind, names in KINDS.items() if re.fullmatch(names, task)), None)


def conclusion(rows: Sequence[Row]) -> str:
    """One line that says for which methods at 8 bits the loss is below 1.0 on which tasks."""
    at_8 = [row for row in rows if row.precision == CLAIMED_PRECISION]
    if not at_8:
        return f"Nothing was measured at {CLAIMED_PRECISION}, of which the claim is"
    parts = []
    for variant in dict.fromkeys(row.variant for row in at_8):
        own = [row for row in at_8 if row.variant == variant]
        kept, lost = (
            [row.task + row.holds[len(word) :] for row in own if row.holds.startswith(word)]
            for word in ("yes", "no")
        )
        words = f"{variant}: {', '.join(kept) or 'on no task'}"
        parts.append(f"{words}, not {', '.join(lost)}" if lost else words)
    return f"At 8 bits the loss is below {CLAIM} with {'; '.join(parts)}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``cosim paper``."""
    add = parser.add_argument
    add(
        "results",
        nargs="*",
        type=Path,
        metavar="DIR",
        help=f"folders that cosim eval wrote (default: {EVALUATION})",
    )
    add("--evaluate", action="store_true", help="first run cosim eval, with what is built in")
    add(
        "--limit",
        type=count,
        metavar="N",
        help="with --evaluate: the first N examples of each task",
    )
    add("--jobs", type=count, metavar="N", help="with --evaluate: processes side by side")
    add(
        "--out",
        type=Path,
        default=Path("reports/paper.md"),
        metavar="FILE",
        help="the table as Markdown (%(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Print the table and write it.

    Raises:
        UsageError: no results, or none of the paper's kinds of task.
    """
    folders = args.results or [EVALUATION]
    code = 0
    if args.evaluate:
        if len(folders) > 1:
            raise UsageError("with --evaluate, give one folder for the results")
        code = _evaluate(folders[0], args.limit, args.jobs)
        if code:
            return code
    elif args.limit or args.jobs:
        raise UsageError("--limit and --jobs go with --evaluate; without it nothing is run")
    rows = []
    for folder in folders:
        path = folder / RESULTS
        try:
            rows += rows_of(_read(folder), path)
        except UsageError:
            raise
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            raise UsageError(f"{path} is not what cosim eval writes; run it again") from None
    rows.sort(key=lambda row: row.place)
    if not rows:
        raise UsageError(
            f"no task in {', '.join(map(str, folders))} is of the paper's kinds: {', '.join(KINDS)}"
        )
    with atomic_file(args.out) as path:
        path.write_text(markdown(rows), encoding="utf-8")
    _print(rows)
    print(f"wrote {args.out}")
    return 0


def _evaluate(out: Path, limit: int | None, jobs: int | None) -> int:
    from softmax_cosim.eval import arguments  # what runs tasks takes half a second to import
    from softmax_cosim.eval import run as evaluation

    tasks = [name for name in TASKS if _kind(name)]
    chosen = [
        name
        for name in evaluation.CONFIGS
        if configs.load(name).precision in ("int16", "uint8", "uint4")
    ]
    words = [*tasks, "--config", *chosen, "--out", str(out)]
    words += ["--limit", str(limit)] if limit else []
    words += ["--jobs", str(jobs)] if jobs else []
    parser = argparse.ArgumentParser()
    arguments.add_arguments(parser)
    return evaluation.run(parser.parse_args(words))


def _read(folder: Path) -> dict[str, Any]:
    path = folder / RESULTS
    if not path.is_file():
        raise UsageError(
            f"there is no {path}; make it with cosim eval --out {folder}, or with --evaluate"
        )
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(found["tasks"], list):
            return found
    except (KeyError, OSError, TypeError, ValueError, RecursionError):
        pass
    raise UsageError(f"{path} is not what cosim eval writes; run it again")


def _cells(row: Row) -> tuple[str, ...]:
    """What a row shows, a text a column of :data:`HEADS`."""

    def signed(value: float) -> str:
        text = "–" if math.isnan(value) else f"{value:+.2f}"
        return text.lstrip("+-") if text in ("+0.00", "-0.00") else text

    return (
        *(row.kind, f"{row.model}, {row.task}", row.metric, row.precision, row.config),
        str(row.xs) if row.table_has_xs else "",
        "" if row.table_bytes is None else f"{row.table_bytes:,}",
        f"< {CLAIM}" if row.claimed else "",
        *(signed(row.loss), f"{signed(row.low)} … {signed(row.high)}", row.holds),
    )


NOTE = (
    f"Claimed: arXiv 2111.10770, abstract: a loss below {CLAIM} % by 8-bit approximation, tables "
    f"of about {CLAIMED_BYTES} bytes. Losses are points of a metric in percent, else percent of "
    "its value; above 0 is worse. A ? marks an answer that the 95 % interval leaves open."
)


def markdown(rows: Sequence[Row]) -> str:
    """The table for a page."""

    def lines() -> Iterator[str]:
        yield f"| {' | '.join(HEADS)} |"
        yield f"|{' --- |' * 5}{' ---: |' * 5} --- |"
        for row in rows:
            kind, model, metric, precision, config, *others = _cells(row)
            yield f"| {' | '.join((kind, model, metric, precision, f'`{config}`', *others))} |"

    table = "\n".join(lines())
    return f"# The paper's table\n\n{conclusion(rows)}.\n\n{table}\n\n{NOTE}\n"


def _print(rows: Sequence[Row]) -> None:
    from rich.table import Table
    from rich.text import Text

    console = terminal.make()

    def title(row: Row) -> str:
        kind, model, metric, *_ = _cells(row)
        return f"{kind}: {model}; {metric}"

    for head, group in itertools.groupby(rows, title):
        table = Table(box=None, header_style="dim", padding=(0, 1, 0, 0))
        for name in HEADS[3:]:
            table.add_column(name, justify="left" if name in ("precision", "method") else "right")
        for row in group:
            table.add_row(*_cells(row)[3:], style="bold" if row.claimed else "")
        console.print(Text(head, style="bold"), soft_wrap=True)
        terminal.print_whole(console, table)
    console.print(NOTE, style="dim")
    console.print(Text(conclusion(rows), style="bold"))
