"""A mutant: one small change of one source, with a name that says all that is needed to make it."""

from __future__ import annotations

import difflib
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from softmax_cosim.configs import UsageError
from softmax_cosim.paths import ROOT

__all__ = ["Maker", "Mutant", "Site", "mutants_of", "named", "spliced"]


@dataclass(frozen=True)
class Site:
    """A place where an operator can change a source."""

    line: int
    column: int
    operator: str
    changed: Callable[[], bytes]
    """The whole source, changed."""


#: Finds the sites of a source.
Maker = Callable[[bytes], Iterable[Site]]


@dataclass(frozen=True)
class Mutant:
    """One change of one file."""

    file: str
    """From the root of the project."""
    site: Site
    n: int
    """Among those of the same operator at the same place."""
    source: bytes

    @property
    def name(self) -> str:
        """``file:line:column:operator:n``."""
        site = self.site
        return f"{self.file}:{site.line}:{site.column}:{site.operator}:{self.n}"

    @property
    def text(self) -> bytes:
        """The file, changed."""
        return self.site.changed()

    @property
    def line(self) -> str:
        """The line that is changed, without what is around it."""
        return self.source.splitlines()[self.site.line - 1].decode().strip()

    @property
    def digest(self) -> str:
        """Of the changed file: the same name may mean another change when a file was edited."""
        return hashlib.sha256(self.file.encode() + self.text).hexdigest()[:12]

    @property
    def diff(self) -> tuple[str, str]:
        """The lines that are changed, and what they become."""
        before, after = self.source.decode().splitlines(), self.text.decode().splitlines()
        lines = list(difflib.unified_diff(before, after, n=0, lineterm=""))[3:]
        left, right = ([line[1:].strip() for line in lines if line[0] == sign] for sign in "-+")
        return " ".join(left), " ".join(right)


def mutants_of(file: str, source: bytes, maker: Maker) -> Iterator[Mutant]:
    """Every mutant of a source that is not the source itself."""
    counts: Counter[tuple[int, int, str]] = Counter()
    for site in maker(source):
        key = (site.line, site.column, site.operator)
        yield Mutant(file, site, counts[key], source)
        counts[key] += 1


def named(name: str, makers: Callable[[str], Maker]) -> Mutant:
    """The mutant of this name.

    Raises:
        UsageError: there is none, in the file as it is now.
    """
    file = name.split(":", 1)[0]
    path = ROOT / file
    if path.is_file():
        for mutant in mutants_of(file, Path(path).read_bytes(), makers(file)):
            if mutant.name == name:
                return mutant
    raise UsageError(f"there is no mutant {name}; names are file:line:column:operator:n")


def spliced(source: bytes, start: int, end: int, text: str, operator: str) -> Site:
    """A site at which bytes ``start`` to ``end`` become ``text``."""
    line = source.count(b"\n", 0, start) + 1
    column = start - (source.rfind(b"\n", 0, start) + 1) + 1
    # What is deleted leaves its line ends, so that lines keep their numbers.
    ends = "\n" * (source.count(b"\n", start, end) - text.count("\n"))
    return Site(
        line, column, operator, lambda: source[:start] + (text + ends).encode() + source[end:]
    )
