"""Survivors that no test can see: ``equivalent.toml`` argues each one in a line."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mutation.verdict import Record
from softmax_cosim.configs import UsageError

__all__ = ["LIST", "Equivalent", "argued", "load", "misfits"]

LIST = Path(__file__).with_name("equivalent.toml")


@dataclass(frozen=True)
class Equivalent:
    """A mutant of a line by an operator, wherever in the file that line stands."""

    file: str
    operator: str
    line: str
    """The line, without what is around it."""
    becomes: str
    """The changed line."""
    why: str


def load(path: Path = LIST) -> list[Equivalent]:
    """The list.

    Raises:
        UsageError: an entry lacks something, or has too much.
    """
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("mutant", [])
        return [Equivalent(**entry) for entry in entries]
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"{path}: {error}") from None


def argued(record: Record, entries: Iterable[Equivalent]) -> Equivalent | None:
    """The entry that speaks of a mutant."""
    key = (record.file, record.operator, record.before, record.after)
    return next(
        (e for e in entries if (e.file, e.operator, e.line, e.becomes) == key),
        None,
    )


def misfits(
    entries: Sequence[Equivalent], changes: Iterable[tuple[str, str, str, str]]
) -> list[tuple[Equivalent, int]]:
    """Entries that do not speak of one mutant, and of how many: what holds for one line need not
    for another that reads alike. Of each mutant there is its file, operator, line and change.
    """
    there = Counter(changes)
    counts = ((e, there[e.file, e.operator, e.line, e.becomes]) for e in entries)
    return [(entry, count) for entry, count in counts if count != 1]
