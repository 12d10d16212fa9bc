"""How a mutant ended, and the file of such lines."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mutation.mutant import Mutant

__all__ = [
    "KILLED",
    "SAME",
    "SURVIVED",
    "UNBUILT",
    "Ending",
    "Record",
    "append",
    "read",
]

KILLED, SURVIVED = "killed", "survived"
SAME = "same code"
"""What the tools make of it is what they make of the source, in every build that has the module."""
UNBUILT = "does not build"


@dataclass(frozen=True)
class Ending:
    """What became of a mutant."""

    status: str
    by: str = ""
    """The case that saw it; of a survivor, what was tried."""
    says: str = ""
    """What that case said, in a line."""


@dataclass(frozen=True)
class Record:
    """A line of the results."""

    name: str
    digest: str
    file: str
    line: str
    operator: str
    before: str
    after: str
    status: str
    by: str
    says: str
    seconds: float
    commit: str

    @staticmethod
    def of(mutant: Mutant, ending: Ending, seconds: float, commit: str) -> Record:
        """What is to be kept of a mutant that has ended."""
        before, after = mutant.diff
        return Record(
            name=mutant.name,
            digest=mutant.digest,
            file=mutant.file,
            line=mutant.line,
            operator=mutant.site.operator,
            before=before,
            after=after,
            status=ending.status,
            by=ending.by,
            says=ending.says,
            seconds=round(seconds, 1),
            commit=commit,
        )


def append(path: Path, record: Record) -> None:
    """Add a line, on the disk when this returns; one that was cut short before stays alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(dataclasses.asdict(record)) + "\n"
    with path.open("ab+") as file:
        file.seek(0, os.SEEK_END)
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                line = "\n" + line
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())


def read(path: Path) -> dict[str, Record]:
    """The last line of each mutant, by the digest of the change."""
    return {record.digest: record for record in _lines(path)}


def _lines(path: Path) -> Iterator[Record]:
    if path.is_file():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            with contextlib.suppress(ValueError, TypeError):  # cut short: it never ended
                yield Record(**json.loads(line))
