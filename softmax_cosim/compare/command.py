"""``cosim compare A B``: what changed from one report to another, and whether that may be."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from softmax_cosim import console
from softmax_cosim.compare import check
from softmax_cosim.compare.changes import Change, Comparison
from softmax_cosim.compare.reading import read
from softmax_cosim.configs import UsageError
from softmax_cosim.files import atomic_file, check_writable

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``cosim compare``."""
    add = parser.add_argument
    for name, which in (("a", "the earlier"), ("b", "the later")):
        add(name, type=Path, metavar=name.upper(), help=f"{which} report: a folder or JSON file")
    check.add_argument(parser)
    add("--out", type=Path, metavar="FILE", help="write what changed as a page, too: FILE.html")


def run(args: argparse.Namespace) -> int:
    """Compare two reports.

    Returns:
        0; 1 when a limit of ``--fail-on`` does not hold.

    Raises:
        UsageError: no reports, or not of one kind; a limit that says nothing.
    """
    before, after = read(args.a), read(args.b)
    if args.out:
        check_writable(args.out)
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
    compared = Comparison(before, after)
    _print(compared, terminal)
    if limits and (cut := [each for each in (before, after) if each.interrupted]):
        broken = [f"{cut[0].path} holds a part of a run, so --fail-on cannot be checked, and fails"]
    else:
        broken = check.broken_by(limits, after.subjects, before.subjects)
    check.tell(limits, broken, terminal)
    if args.out:
        from softmax_cosim.compare.page import render  # templates: 0.1 s

        with atomic_file(args.out) as path:
            path.write_text(render(compared, limits, broken), encoding="utf-8")
    return 1 if broken else 0


def _print(compared: Comparison, terminal: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    for sentence in compared.made():
        terminal.print(sentence, soft_wrap=True, highlight=False)
    for sentence in compared.notes():
        terminal.print(Text(sentence, style="yellow"), soft_wrap=True)
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for place, head in enumerate(("", "A", "B", "change", "")):
        table.add_column(head, justify="right" if place else "left", overflow="fold")
    changed = compared.changed()
    for name, found in changed:
        table.add_row(Text(name, style="bold"))
        for change in found:
            first, *others = change.cells
            table.add_row(*map(Text, (f"  {first}", *others)), style=_style(change))
    if table.row_count:
        console.print_whole(terminal, table)
    if same := compared.compared - len(changed):
        terminal.print(f"unchanged: {same} of {compared.compared}", highlight=False)


def _style(change: Change) -> str:
    return "" if change.better is None else "green" if change.better else "red"
