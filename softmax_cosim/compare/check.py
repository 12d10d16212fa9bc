"""Holds reports to the limits of ``--fail-on``: what is unheard of is refused before any work."""

from __future__ import annotations

import argparse
import difflib
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from softmax_cosim.compare.limit import Limit, parse
from softmax_cosim.compare.subjects import Subject
from softmax_cosim.configs import UsageError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["add_argument", "broken", "broken_by", "hold", "limits_of", "tell"]


def add_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--fail-on``."""
    parser.add_argument(
        "--fail-on",
        action="append",
        default=[],
        metavar="LIMIT",
        help="exit code 1 if a figure of the JSON file is so, as in 'total.l1 > 0.02' or "
        "'split_uint8: latency.p99 >= 300' (may be given again)",
    )


def limits_of(
    texts: Sequence[str],
    *,
    designs: Iterable[str],
    figures: Iterable[str],
    changes: bool = False,
) -> list[Limit]:
    """The limits that were given.

    Args:
        texts: as ``--fail-on`` takes them.
        designs: there will be a result of each.
        figures: all that a result may tell.
        changes: two reports are compared.

    Raises:
        UsageError: no limit; a design or a figure that nobody knows; a change of one report.
    """
    limits = [parse(text) for text in texts]
    designs, figures = list(designs), list(figures)
    for limit in limits:
        if limit.design and limit.design not in designs:
            raise UsageError(
                f"--fail-on '{limit}': no design is called {limit.design!r}; "
                f"there {_are(designs, limit.design)}"
            )
        if limit.figure not in figures:
            raise UsageError(
                f"--fail-on '{limit}': no figure is called {limit.figure!r}; "
                f"there {_are(figures, limit.figure)}"
            )
        if limit.change and not changes:
            raise UsageError(
                f"--fail-on '{limit}' is about a change between two reports; "
                "give it to cosim compare, or leave out 'delta' and 'x'"
            )
    return limits


def hold(
    limits: Sequence[Limit],
    after: Sequence[Subject],
    terminal: Console,
    before: Sequence[Subject] | None = None,
) -> bool:
    """Print a sentence for each limit that does not hold; returns whether all do."""
    sentences = broken_by(limits, after, before)
    tell(limits, sentences, terminal)
    return not sentences


def broken_by(
    limits: Sequence[Limit], after: Sequence[Subject], before: Sequence[Subject] | None = None
) -> list[str]:
    """A sentence for each that does not hold, see :func:`broken`."""
    return [text for limit in limits for text in broken(limit, after, before)]


def tell(limits: Sequence[Limit], sentences: Sequence[str], terminal: Console) -> None:
    """Print the sentences of :func:`broken_by`, or that there are none."""
    from rich.text import Text

    for text in sentences:
        terminal.print(Text(text, style="bold red"), soft_wrap=True)
    if limits and not sentences:
        held = ", ".join(map(str, limits))
        terminal.print(f"never so: {held}", style="dim", soft_wrap=True, highlight=False)


def broken(
    limit: Limit, after: Sequence[Subject], before: Sequence[Subject] | None = None
) -> list[str]:
    """A sentence for each design for which the limit does not hold, or cannot be checked.

    What a limit says of all designs, it says of those that have such a figure; of a change, those
    of both reports.
    """
    earlier = {subject.key: subject for subject in before or ()}
    concerned = [
        subject
        for subject in after
        if limit.design in ("", subject.design) and limit.figure in subject
    ]
    if limit.change:
        concerned = [subject for subject in concerned if subject.key in earlier]
    if not concerned:
        whose = f"of {limit.design} " if limit.design else ""
        where = "in both reports" if limit.change else "in the report"
        return [f"nothing {whose}has {limit.figure} {where}, so --fail-on '{limit}' fails"]
    sentences = [_sentence(limit, subject, earlier.get(subject.key)) for subject in concerned]
    return [sentence for sentence in sentences if sentence]


def _sentence(limit: Limit, subject: Subject, before: Subject | None) -> str:
    """Empty where the limit holds."""
    value = subject[limit.figure]
    was = before[limit.figure] if before is not None and limit.figure in before else None
    if value is None or (limit.change and was is None):
        when = "before" if value is not None else "now" if limit.change else "here"
        return (
            f"{subject}: {limit.figure} is not known {when}, so --fail-on '{limit}' "
            "cannot be checked, and fails"
        )
    if not limit.broken(value, math.nan if was is None else was):
        return ""
    shown = f"{value!r}, before {was!r}" if limit.change else repr(value)
    return f"{subject}: {limit.figure} is {shown}; --fail-on '{limit}'"


def _are(names: Sequence[str], wanted: str) -> str:
    """The names that are nearest; all if none is near."""
    near = difflib.get_close_matches(wanted, names, n=4, cutoff=0.5)
    # A last part that is right says more than letters that are alike.
    same = [name for name in names if name.split(".")[-1] == wanted.split(".")[-1]]
    found = list(dict.fromkeys([*same, *near]))[:4] or names
    return f"{'is' if len(found) == 1 else 'are'} {', '.join(found)}"
