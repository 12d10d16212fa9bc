"""The run's outcome in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from softmax_cosim.console import print_whole
from softmax_cosim.report.clipping import clipping_of, clipping_warnings
from softmax_cosim.report.model import Report, RunResult
from softmax_cosim.report.notes import notes
from softmax_cosim.report.text import count, drawn, figure, seconds, verdict

__all__ = ["print_report", "print_warnings"]

_COLUMNS = (
    "\nconfiguration",
    "\nrows",
    "wrong\nelements",
    "lost\nrows",
    "latency, cycles\nmin p50 p99 max",
    "mis-\ntimed",
    "per lane\nand cycle",
    "table\nbytes",
    "max err\nLSB",
    "L1\nerror",
)
_SHOWN_FAILURES = _SHOWN_WARNINGS = 5


def print_report(report: Report, console: Console, folder: Path | None = None) -> None:
    """Print verdict, table and the first failures; name the page when it is in ``folder``.

    The table fits 100 columns.
    """
    table = Table(box=None, header_style="dim", padding=(0, 1, 0, 0))
    for place, header in enumerate(_COLUMNS):
        if place:
            table.add_column(header, justify="right", no_wrap=True)
        else:  # names with folders can be long, and must not be cut
            table.add_column(header, overflow="fold")
    for run in report.runs:
        table.add_row(*_cells(run))
    print_whole(console, table)
    console.print()
    for formula, names in _formulas(report).items():
        parts = (
            ("latency alone in the core: ", "dim"),
            formula,
            (f"  ({', '.join(names)})", "dim"),
        )
        console.print(Text.assemble(*parts))
    for failure in [failure for run in report.runs for failure in run.failures][:_SHOWN_FAILURES]:
        console.print(Text(str(failure), style="red"), soft_wrap=True)
    print_warnings(clipping_warnings(clipping_of(report)), console)
    for note in notes(report):
        console.print(Text(note, style="dim"), soft_wrap=True)
    console.print(
        Text(verdict(report), style=_style(report)),
    )
    console.print(
        f"{count(report.rows)} rows, {count(report.elements)} elements"
        f" in {seconds(report.wall_s)}, {figure(report.rows_per_s)} rows/s",
        highlight=False,
    )
    if told := drawn(report):
        console.print(told, style="dim", highlight=False, soft_wrap=True)
    if folder is not None:
        console.print(f"report: {folder / 'report.html'}", soft_wrap=True, highlight=False)


def print_warnings(warnings: Sequence[str], console: Console) -> None:
    """Print the first few, and how many there are."""
    for warning in warnings[:_SHOWN_WARNINGS]:
        console.print(Text(warning, style="yellow"), soft_wrap=True)
    if len(warnings) > _SHOWN_WARNINGS:
        more = len(warnings) - _SHOWN_WARNINGS
        console.print(f"and {more} more such warnings, in the report", style="yellow")


def _formulas(report: Report) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for run in report.runs:
        if run.latency.formula is not None:
            found.setdefault(str(run.latency.formula), []).append(run.name)
    return found


def _cells(run: RunResult) -> list[Text]:
    latency = run.latency
    cycles = (latency.min, latency.p50, latency.p99, latency.max)
    return [
        Text(run.name, style="" if run.exact else "bold red"),
        Text(count(run.rows)),
        _bad(run.mismatched_elements),
        _bad(run.lost_rows),
        Text(" ".join("–" if value is None else str(value) for value in cycles)),
        _bad(latency.prediction_errors),
        Text(figure(run.elements_per_lane_cycle)),
        Text(count(run.table_bytes)),
        Text(figure(run.total.max_lsb)),
        Text(figure(run.total.l1)),
    ]


def _style(report: Report) -> str:
    """Green is for what equals a golden model; yellow for what is only measured, or close."""
    if not report.exact:
        return "bold red"
    return "bold green" if report.promises == {"exact"} else "bold yellow"


def _bad(number: int | None) -> Text:
    return Text(count(number), style="bold red" if number else "" if number is None else "green")
