"""Survivors that no test can see: ``equivalent.toml`` argues each one in a line."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mutation.verdict import Record
from softmax_cosim.configs import UsageError

__all__ = ["LIST", "Equivalent", "argued", "load", "unmatched"]

LIST = Path(__file__).with_name("equivalent.toml")


@dataclass(frozen=True)
class Equivalent:
    """Mutants of one line by one operator, wherever in the file that line stands."""

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


def unmatched(
    entries: Sequence[Equivalent], changes: Iterable[tuple[str, str, str, str]]
) -> list[Equivalent]:
    """Entries that speak of no mutant: of each there is its file, operator, line and change."""
    there = set(changes)
    return [e for e in entries if (e.file, e.operator, e.line, e.becomes) not in there]
