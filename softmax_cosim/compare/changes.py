"""What is not in one report as it is in another."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from softmax_cosim.compare.reading import Reading
from softmax_cosim.compare.subjects import Subject

__all__ = ["Change", "Comparison", "changes"]

#: Last parts of the names of figures that are better the smaller they are, or the larger.
_SMALLER = {
    *("mismatched_elements", "mismatches", "lost_rows", "prediction_errors", "unsettled"),
    *("nonfinite_elements", "nonfinite_rows"),
    *("min", "p50", "p99", "cycles", "table_bytes", "clipped", "underflow", "moved_rows"),
    *("max_lsb", "max_abs", "mean_abs", "l1", "kl", "loss", "relative_loss", "max"),
}
_LARGER = {"top1", "agreement", "elements_per_lane_cycle"}
#: What differs from run to run of the same thing.
_WALL = {"wall_s", "seconds"}


@dataclass(frozen=True)
class Change:
    """A figure that is not what it was, or words that are not."""

    name: str
    before: float | str | None
    """None where it is not known."""
    after: float | str | None

    @property
    def by(self) -> float | None:
        """The difference; None of what is no number."""
        if isinstance(self.before, int | float) and isinstance(self.after, int | float):
            return self.after - self.before
        return None

    @property
    def better(self) -> bool | None:
        """None where that cannot be said."""
        last = self.name.rpartition(".")[2]
        if not self.by or last not in _SMALLER | _LARGER:
            return None
        return (self.by > 0) == (last in _LARGER)

    @property
    def cells(self) -> Sequence[str]:
        """As a table shows it: name, before, after, by how much, and relative to before."""
        by = self.by
        shown = [self.name, _shown(self.before), _shown(self.after)]
        if by is None or isinstance(self.before, str | None):
            return [*shown, "", ""]
        relative = f"{100 * by / abs(self.before):+.3g} %" if self.before else ""
        return [*shown, f"{by:+,}" if isinstance(by, int) else f"{by:+.4g}", relative]


@dataclass(frozen=True)
class Comparison:
    """Two reports, the earlier one first."""

    before: Reading
    after: Reading

    def changed(self) -> list[tuple[str, list[Change]]]:
        """Designs of both that are not as they were, and what of them is not."""
        was = {subject.key: subject for subject in self.before.subjects}
        both = [now for now in self.after.subjects if now.key in was]
        found = [(str(now), list(changes(was[now.key], now))) for now in both]
        return [(name, some) for name, some in found if some]

    @property
    def compared(self) -> int:
        """Designs of both."""
        return len(
            {subject.key for subject in self.before.subjects}
            & {subject.key for subject in self.after.subjects}
        )

    def notes(self) -> list[str]:
        """What must be said: that the inputs are others, and what is in one of the two only."""
        readings = ("A", self.before, self.after), ("B", self.after, self.before)
        alone = [
            f"in {letter} only: {', '.join(names)}"
            for letter, one, other in readings
            if (names := _only(one, other))
        ]
        return [*_unlike(self.before, self.after), *alone]

    def made(self) -> list[str]:
        """Which two they are, and the commits that made them."""
        sentences = []
        for letter, each in (("A", self.before), ("B", self.after)):
            made = f"commit {each.commit}" if each.commit else "commit unknown"
            made += ", interrupted: a part of what was asked for" * each.interrupted
            sentences.append(f"{letter}: {each.path}, {made}")
        return sentences


def changes(before: Subject, after: Subject) -> Iterator[Change]:
    """What is not as it was, words after figures; without what no two runs have alike."""
    for told, was in ((after.figures, before.figures), (after.words, before.words)):
        for name in dict.fromkeys((*told, *was)):
            change = Change(name, was.get(name), told.get(name))
            if change.before != change.after and name not in _WALL:
                yield change


def _only(one: Reading, other: Reading) -> list[str]:
    there = {subject.key for subject in other.subjects}
    return [str(subject) for subject in one.subjects if subject.key not in there]


def _unlike(before: Reading, after: Reading) -> Iterator[str]:
    """What must be said where the two are not of the same inputs."""
    what = "traces" if after.kind == "runs" else "tasks"
    names = before.inputs.keys() ^ after.inputs.keys()
    others = [
        name
        for name in before.inputs.keys() & after.inputs.keys()
        if before.inputs[name] and after.inputs[name] and before.inputs[name] != after.inputs[name]
    ]
    hashed = sorted(before.inputs.values()) == sorted(after.inputs.values()) != []
    if names and not (hashed and all(before.inputs.values())):
        yield f"not of the same {what}: {', '.join(sorted(names))} in one of the two only"
    if others:
        yield f"{what} of the same name that are others: {', '.join(sorted(others))}"


def _shown(value: float | str | None) -> str:
    """Figures with the digits that a change of them takes; a hash by its beginning."""
    if value is None:
        return "–"
    if isinstance(value, str):
        return value[:12] if len(value) == 64 else value
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.6g}" if math.isfinite(value) else str(value)
