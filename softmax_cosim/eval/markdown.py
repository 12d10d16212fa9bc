"""``results.md``: an evaluation for people to read, and to paste into theirs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from softmax_cosim.eval.results import Evaluation, TaskResult, verdict, warnings
from softmax_cosim.eval.statistics import RESAMPLES, Loss
from softmax_cosim.eval.text import agreed, interval, lost, relative, shown
from softmax_cosim.golden import tables
from softmax_cosim.report.text import count, seconds

__all__ = ["markdown"]


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
