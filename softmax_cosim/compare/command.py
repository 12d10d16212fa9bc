"""``cosim compare A B``: what changed from one report to another, and whether that may be."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from softmax_cosim import console
from softmax_cosim.compare import check
from softmax_cosim.compare.reading import Reading, read
from softmax_cosim.compare.subjects import Subject
from softmax_cosim.configs import UsageError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Change", "add_arguments", "changes", "run"]

#: Last parts of the names of figures that are better the smaller they are, or the larger.
_SMALLER = {
    *("mismatched_elements", "mismatches", "lost_rows", "prediction_errors", "unsettled"),
    *("min", "p50", "p99", "cycles", "table_bytes", "clipped", "underflow", "moved_rows"),
    *("max_lsb", "max_abs", "mean_abs", "l1", "kl", "loss", "relative_loss", "max"),
}
_LARGER = {"top1", "agreement", "elements_per_lane_cycle"}
#: What differs from run to run of the same thing.
_WALL = {"wall_s", "seconds"}


@dataclass(frozen=True)
class Change:
    """A figure that is not what it was, or words that are not."""

    name: str
    before: float | str | None
    """None where it is not known."""
    after: float | str | None

    @property
    def by(self) -> float | None:
        """The difference; None of what is no number."""
        if isinstance(self.before, int | float) and isinstance(self.after, int | float):
            return self.after - self.before
        return None

    @property
    def better(self) -> bool | None:
        """None where that cannot be said."""
        last = self.name.rpartition(".")[2]
        if not self.by or last not in _SMALLER | _LARGER:
            return None
        return (self.by > 0) == (last in _LARGER)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``cosim compare``."""
    add = parser.add_argument
    for name, which in (("a", "the earlier"), ("b", "the later")):
        add(name, type=Path, metavar=name.upper(), help=f"{which} report: a folder or JSON file")
    check.add_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Compare two reports.

    Returns:
        0; 1 when a limit of ``--fail-on`` does not hold.

    Raises:
        UsageError: no reports, or not of one kind; a limit that says nothing.
    """
    before, after = read(args.a), read(args.b)
    if before.kind != after.kind:
        raise UsageError(
            f"{before.path} has {before.kind} and {after.path} has {after.kind}; "
            "compare two of one kind"
        )
    both = (*before.subjects, *after.subjects)
    known = {name for each in both for name in (*each.figures, *each.aliases)}
    limits = check.limits_of(
        args.fail_on,
        designs=dict.fromkeys(subject.design for subject in both),
        figures=sorted(known),
        changes=True,
    )
    terminal = console.make()
    _print(before, after, terminal)
    if limits and (cut := [each for each in (before, after) if each.interrupted]):
        print(f"{cut[0].path} holds a part of a run, so --fail-on cannot be checked, and fails")
        return 1
    return 0 if check.hold(limits, after.subjects, terminal, before.subjects) else 1


def changes(before: Subject, after: Subject) -> Iterator[Change]:
    """What is not as it was, words after figures; without what no two runs have alike."""
    for told, was in ((after.figures, before.figures), (after.words, before.words)):
        for name in dict.fromkeys((*told, *was)):
            change = Change(name, was.get(name), told.get(name))
            if change.before != change.after and name not in _WALL:
                yield change


def _print(before: Reading, after: Reading, terminal: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    for letter, reading in (("A", before), ("B", after)):
        made = f"commit {reading.commit}" if reading.commit else "commit unknown"
        made += ", interrupted: a part of what was asked for" * reading.interrupted
        terminal.print(f"{letter}: {reading.path}, {made}", soft_wrap=True, highlight=False)
    for sentence in _unlike(before, after):
        terminal.print(Text(sentence, style="yellow"), soft_wrap=True)
    was = {subject.key: subject for subject in before.subjects}
    now = {subject.key: subject for subject in after.subjects}
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for place, head in enumerate(("", "A", "B", "change", "")):
        table.add_column(head, justify="right" if place else "left", overflow="fold")
    same = 0
    for key in (key for key in now if key in was):
        found = list(changes(was[key], now[key]))
        same += not found
        if found:
            table.add_row(Text(str(now[key]), style="bold"))
        for change in found:
            table.add_row(*map(Text, _cells(change)), style=_style(change))
    if table.row_count:
        console.print_whole(terminal, table)
    if same:
        terminal.print(f"unchanged: {same} of {len(now.keys() & was.keys())}", highlight=False)
    for letter, one, other in (("A", was, now), ("B", now, was)):
        alone = [str(one[key]) for key in one if key not in other]
        if alone:
            text = f"in {letter} only: {', '.join(alone)}"
            terminal.print(Text(text, style="yellow"), soft_wrap=True)


def _unlike(before: Reading, after: Reading) -> Iterator[str]:
    """What must be said where the two are not of the same inputs."""
    what = "traces" if after.kind == "runs" else "tasks"
    names = before.inputs.keys() ^ after.inputs.keys()
    others = [
        name
        for name in before.inputs.keys() & after.inputs.keys()
        if before.inputs[name] and after.inputs[name] and before.inputs[name] != after.inputs[name]
    ]
    hashed = sorted(before.inputs.values()) == sorted(after.inputs.values()) != []
    if names and not (hashed and all(before.inputs.values())):
        yield f"not of the same {what}: {', '.join(sorted(names))} in one of the two only"
    if others:
        yield f"{what} of the same name that are others: {', '.join(sorted(others))}"


def _cells(change: Change) -> Sequence[str]:
    by = change.by
    shown = [f"  {change.name}", _shown(change.before), _shown(change.after)]
    if by is None or isinstance(change.before, str | None):
        return [*shown, "", ""]
    relative = f"{100 * by / abs(change.before):+.3g} %" if change.before else ""
    return [*shown, f"{by:+,}" if isinstance(by, int) else f"{by:+.4g}", relative]


def _shown(value: float | str | None) -> str:
    """Figures with the digits that a change of them takes; a hash by its beginning."""
    if value is None:
        return "–"
    if isinstance(value, str):
        return value[:12] if len(value) == 64 else value
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.6g}" if math.isfinite(value) else str(value)


def _style(change: Change) -> str:
    return "" if change.better is None else "green" if change.better else "red"
