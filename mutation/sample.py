"""Which sources are mutated, and a sample of their mutants in which each has its share."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from mutation import cpp, python, verilog
from mutation.mutant import Maker, Mutant, mutants_of
from softmax_cosim.configs import UsageError
from softmax_cosim.paths import ROOT

__all__ = ["SOURCES", "everything", "maker", "sample", "sources"]

#: Rendered files (rtl/gen) and properties (rtl/sva) are no design: tests/golden/test_render.py and
#: tests/sim/test_properties.py are theirs.
SOURCES = (
    "rtl/*.sv",
    "rtl/lib/*.sv",
    "tb/dpi/*",
    "golden/*.py",
    "tb/*.py",
    "softmax_cosim/replay/*.py",
    "softmax_cosim/report/*.py",
)
_MAKERS: dict[str, Maker] = {
    ".sv": verilog.sites,
    ".cpp": cpp.sites,
    ".h": cpp.sites,
    ".py": python.sites,
}


def maker(file: str) -> Maker:
    """What makes the mutants of a file.

    Raises:
        UsageError: nothing does.
    """
    found = _MAKERS.get(Path(file).suffix)
    if found is None:
        raise UsageError(f"{file}: there are mutants of {', '.join(_MAKERS)} alone")
    return found


def sources(words: Sequence[str] = ()) -> list[str]:
    """The files that are mutated, those with one of ``words`` in their names when there are some.

    Raises:
        UsageError: there are none of that name.
    """
    paths = [path for pattern in SOURCES for path in sorted(ROOT.glob(pattern))]
    files = [str(path.relative_to(ROOT)) for path in paths if path.stem != "__init__"]
    chosen = [file for file in files if not words or any(word in file for word in words)]
    if not chosen:
        raise UsageError(f"no source is named so: {', '.join(words)}")
    return chosen


def everything(files: Sequence[str]) -> Iterator[list[Mutant]]:
    """Every mutant of each file."""
    for file in files:
        yield list(mutants_of(file, (ROOT / file).read_bytes(), maker(file)))


def sample(files: Sequence[str], limit: int, seed: int) -> list[Mutant]:
    """At most ``limit`` mutants, by turns of all files; a longer sample begins with a shorter one.

    A file's share grows as the square root of its mutants. Within a file every place has its turn
    before any has a second one, however many operators there are for it.
    """
    drawn: list[tuple[float, str, Mutant]] = []
    for mutants in everything(files):
        if not mutants:
            continue
        rng = random.Random(f"{seed}:{mutants[0].file}")
        places: dict[tuple[int, int], list[Mutant]] = {}
        for mutant in mutants:
            places.setdefault((mutant.site.line, mutant.site.column), []).append(mutant)
        columns = list(places.values())
        rng.shuffle(columns)
        for column in columns:
            rng.shuffle(column)
        turns = [mutant for turn in range(len(mutants)) for mutant in _turn(columns, turn)]
        for at, mutant in enumerate(turns):
            drawn.append(((at + rng.random()) / math.sqrt(len(turns)), mutant.name, mutant))
    return [mutant for _, _, mutant in sorted(drawn, key=lambda each: each[:2])[:limit]]


def _turn(columns: Sequence[Sequence[Mutant]], turn: int) -> Iterator[Mutant]:
    return (column[turn] for column in columns if turn < len(column))
