"""Points that nothing reaches, each with its reason: ``waivers.toml``, which is checked.

A waiver names a file, a kind and points: signals with their bits for toggles (``*`` stands for any
text), the text of a source line for lines and branches. It is wrong if there is no such point, or
if one of them was reached.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cov.points import KINDS, Point
from softmax_cosim.configs import UsageError
from softmax_cosim.paths import ROOT

__all__ = ["FILE", "Waiver", "faults", "load", "waived"]

FILE = Path(__file__).with_name("waivers.toml")
_KEYS = {"file", "kind", "points", "reason"}


@dataclass(frozen=True)
class Waiver:
    """Points of one kind in one file, and why nothing reaches them."""

    file: str
    kind: str
    points: Sequence[str]
    reason: str

    def fits(self, name: str, point: Point) -> bool:
        """Whether ``name``, one of :attr:`points`, means the point."""
        if (point.file, point.kind) != (self.file, self.kind):
            return False
        if self.kind == "toggle":
            return bool(_pattern(name).fullmatch(point.what.rpartition(":")[0]))
        return _source(point.file)[point.line - 1].strip() == name


def load(path: Path = FILE) -> list[Waiver]:
    """The waivers of a file.

    Raises:
        UsageError: one lacks a key, has another, or gives no reason.
    """
    found = []
    for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("waiver", []):
        if set(entry) != _KEYS or entry["kind"] not in KINDS or not entry["reason"].strip():
            raise UsageError(
                f"{path.name}: {entry} is no waiver; give {', '.join(sorted(_KEYS))}, "
                f"and as kind one of {', '.join(KINDS)}"
            )
        found.append(Waiver(**entry))
    return found


def faults(waivers: Iterable[Waiver], counts: Mapping[Point, int]) -> Iterator[str]:
    """What is wrong with the waivers: points that do not exist, and points that were reached."""
    for waiver in waivers:
        for name in waiver.points:
            about = f"the waiver of {waiver.file}, {waiver.kind} {name!r}"
            points = [point for point in counts if waiver.fits(name, point)]
            if not points:
                yield f"{about}: there is no such point"
            for point in points:
                if counts[point]:
                    yield f"{about}: line {point.line}, {point.what}, was reached"


def waived(waivers: Sequence[Waiver], counts: Iterable[Point]) -> set[Point]:
    """The points that the waivers name."""
    return {
        point
        for point in counts
        for waiver in waivers
        for name in waiver.points
        if waiver.fits(name, point)
    }


@cache
def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, name.split("*"))))


@cache
def _source(file: str) -> list[str]:
    return (ROOT / file).read_text(encoding="utf-8").splitlines()
