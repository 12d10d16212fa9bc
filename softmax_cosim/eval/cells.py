"""A cell, one task with one softmax, as a file of lines: whatever ends a run, the rest is kept.

The first line says what the cell is made from, every other one is a step. A line is written when
its step is done, in any order, and ends with a hash of itself. A line that is not what was written
is dropped, and a cell that was made from something else is begun again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from softmax_cosim.account import Account
from softmax_cosim.configs import Config, UsageError
from softmax_cosim.eval import Source
from softmax_cosim.files import atomic_file
from softmax_cosim.golden.quantise import Clipping

__all__ = ["Cell", "Planned", "line_of"]

Step = dict[str, Any]
"""``start``, ``predictions``, ``seconds``, what :class:`.engines.Count` holds, ``account``."""


class Cell:
    """One file and the steps in it."""

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        """Read what is there.

        Args:
            path: the file; it need not be there.
            header: what the cell is made from; a file with another one is not used.

        Raises:
            UsageError: the file cannot be read or written.
        """
        self.path, self.header = path, header
        self.steps: dict[int, Step] = {}
        self.other = False
        """A file was there that was made from something else."""
        first = line_of(header)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lines = path.read_bytes().splitlines(keepends=True) if path.is_file() else []
            if not lines or lines[0] != first.encode():
                self.other = bool(lines)
                path.write_text(first, encoding="utf-8")
                return
            whole = lines[:1]
            for line in lines[1:]:
                if (step := _parsed(line)) is not None:
                    self.steps[step["start"]] = step
                    whole.append(line)
        except OSError as error:
            raise _unwritable(path, error) from None
        if len(whole) < len(lines):
            with atomic_file(path) as temporary:
                temporary.write_bytes(b"".join(whole))

    def add(self, line: str) -> None:
        """Keep a step, as :func:`line_of` wrote it.

        Raises:
            UsageError: the file cannot be written.
        """
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line)
        except OSError as error:
            raise _unwritable(self.path, error) from None
        step: Step = json.loads(line)
        self.steps[step["start"]] = step

    @property
    def predictions(self) -> list[Any]:
        """Those of all steps, in the order of the examples."""
        return [
            answer for start in sorted(self.steps) for answer in self.steps[start]["predictions"]
        ]

    def total(self, key: str) -> Any:
        """Sum of a number over all steps."""
        return sum(step[key] for step in self.steps.values())

    @property
    def layers(self) -> dict[str, Clipping]:
        """What was clipped of each layer's scores, all steps together."""
        found: dict[str, Clipping] = {}
        for start in sorted(self.steps):
            for name, counts in self.steps[start]["layers"].items():
                found.setdefault(name, Clipping()).add(Clipping(**counts))
        return found

    @property
    def account(self) -> Account:
        """What became of each softmax of the model, all steps together."""
        found = Account()
        for start in sorted(self.steps):
            found.add(Account.from_dict(self.steps[start]["account"]))
        return found

    @property
    def first(self) -> str:
        """The first mismatch, in words."""
        found = (self.steps[start]["first"] for start in sorted(self.steps))
        return next((words for words in found if words), "")


@dataclass(frozen=True)
class Planned:
    """A cell that is to be made."""

    name: str
    """Of the task, as the user gave it."""
    source: Source | None
    config: Config | None
    kind: str
    examples: int
    batch: int
    cell: Cell

    @property
    def work(self) -> tuple[str, Source | None, Config | None, str, str]:
        """What :func:`.worker.step` wants to know of it first."""
        run = str(self.cell.header.get("run", ""))
        return self.name, self.source, self.config, self.kind, run

    def missing(self) -> Iterator[range]:
        """The steps that are not there."""
        for start in range(0, self.examples, self.batch):
            if start not in self.cell.steps:
                yield range(start, min(start + self.batch, self.examples))


def line_of(values: Mapping[str, Any]) -> str:
    """A line of the file, its end included.

    Raises:
        TypeError: something that JSON cannot hold.
    """
    text = json.dumps(values, separators=(",", ":"))
    return text[:-1] + _end(text)


def _end(text: str) -> str:
    """How the line of a JSON object ends."""
    return f',"sha256":"{hashlib.sha256(text.encode()).hexdigest()}"}}\n'


def _parsed(line: bytes) -> Step | None:
    """A step, or nothing if the line is not what was written."""
    text = line[: -len(_end(""))].decode(errors="replace") + "}"
    if line != (text[:-1] + _end(text)).encode():
        return None
    step: Step = json.loads(line)
    return step


def _unwritable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"cannot write {path}: {error.strerror}; choose another folder with --out")
