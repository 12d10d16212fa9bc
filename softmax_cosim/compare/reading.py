"""A report read back from its JSON file."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from softmax_cosim.compare.subjects import Subject, of_results, of_summary
from softmax_cosim.configs import UsageError
from softmax_cosim.configs.there import is_dir, is_file

__all__ = ["Reading", "read"]

#: Each kind of report by what its file has, and who reads that; version 1 of both.
_KINDS: dict[str, Callable[[Mapping[str, Any]], list[Subject]]] = {
    "runs": of_summary,
    "tasks": of_results,
}
_FILES = "summary.json", "results.json"
VERSION = 1


@dataclass(frozen=True)
class Reading:
    """What a report told."""

    path: Path
    kind: str
    """``runs`` of a replay, or ``tasks`` of an evaluation."""
    commit: str
    """Empty where it is not known."""
    inputs: Mapping[str, str]
    """What it was made from, trace or task, with what tells one from another: a hash, a count."""
    subjects: Sequence[Subject]
    interrupted: bool = False
    """It holds a part of what was asked for."""


def read(given: Path) -> Reading:
    """The report in a folder, or that of a JSON file.

    Raises:
        UsageError: there is none, or none that we can read.
    """
    path = _file(given)
    try:
        text = path.read_text(encoding="utf-8")
        found = json.loads(text, parse_constant=lambda _: None)  # NaN is no figure
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}; name another report") from None
    except (ValueError, RecursionError):
        raise UsageError(f"{path} is no JSON; name the folder of a report") from None
    known = _KINDS.keys() & found.keys() if isinstance(found, dict) else set()
    if not known:
        raise UsageError(f"{path} is no report: it has neither {' nor '.join(_KINDS)}")
    kind = min(known)
    if found.get("version") != VERSION:
        raise UsageError(
            f"{path} is a report of version {found.get('version')!r}, and this is one that reads "
            f"version {VERSION}; make the report anew"
        )
    try:
        subjects = _KINDS[kind](found)
        inputs = _inputs(found, kind)
        commit = found.get("commit") or ""
        _check(subjects, commit)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{path} is not whole ({error!r}); make the report anew") from None
    return Reading(path, kind, commit, inputs, subjects, bool(found.get("interrupted")))


def _file(given: Path) -> Path:
    if not is_dir(given):
        if not is_file(given):
            raise UsageError(f"there is no report {given}; name the folder of one")
        return given
    there = [given / name for name in _FILES if (given / name).is_file()]
    if not there:
        raise UsageError(f"there is no report in {given}: neither {' nor '.join(_FILES)}")
    if len(there) > 1:
        raise UsageError(f"there are two reports in {given}; name one: {there[0]} or {there[1]}")
    return there[0]


def _inputs(found: Mapping[str, Any], kind: str) -> dict[str, str]:
    """Of a report without hashes, which an earlier version wrote, names alone."""
    if kind == "runs":
        hashes = found.get("sha256") or [""] * len(found["traces"])
        return dict(zip(found["traces"], hashes, strict=True))
    return {task["task"]: f"{task['examples']} {task['source']}" for task in found["tasks"]}


def _check(subjects: Sequence[Subject], commit: object) -> None:
    """Of the types that we count on."""
    figures = [figure for subject in subjects for figure in subject.figures.values()]
    if not all(figure is None or isinstance(figure, int | float) for figure in figures):
        raise TypeError("a figure is no number")
    names = [subject.key for subject in subjects]
    if not all(isinstance(part, str) for part in (commit, *itertools.chain(*names))):
        raise TypeError("a name is no text")
    if len(set(names)) < len(names):
        raise ValueError("a design is there twice")
