"""Points that nothing reaches, each with its reason: ``waivers.toml``, which is checked.

A waiver names a kind and points, each a file and, behind a space, what is there: a signal with its
bits for toggles (``*`` stands for any text, ``[4-7]`` for any of these bits), the text of a line
for lines and branches. It is wrong if there is no such point, or if one of them was reached.
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
_KEYS = {"kind", "points", "reason"}


@dataclass(frozen=True)
class Waiver:
    """Points of one kind, and why nothing reaches them."""

    kind: str
    points: Sequence[str]
    reason: str

    def fits(self, name: str, point: Point) -> bool:
        """Whether ``name``, one of :attr:`points`, means the point."""
        file, _, name = name.partition(" ")
        if (point.file, point.kind) != (file, self.kind):
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
            about = f"the waiver of {waiver.kind} {name!r}"
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
    pattern = ""
    for part in re.split(r"(\*|\[\d+-\d+\])", name):
        if part == "*":
            pattern += ".*"
        elif bits := re.fullmatch(r"\[(\d+)-(\d+)\]", part):
            places = range(int(bits[1]), int(bits[2]) + 1)
            pattern += rf"\[(?:{'|'.join(map(str, places))})\]"
        else:
            pattern += re.escape(part)
    return re.compile(pattern)


@cache
def _source(file: str) -> list[str]:
    return (ROOT / file).read_text(encoding="utf-8").splitlines()
