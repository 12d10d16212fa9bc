"""The page of a whole run: ``docs/coverage.md``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from cov.plan import PLAN, Plan
from cov.points import KINDS, Point
from cov.sets import Measured
from cov.waivers import Waiver, waived

__all__ = ["Result", "places", "written"]


@dataclass(frozen=True)
class Result:
    """What a run reached."""

    counts: Mapping[Point, int]
    instances: Mapping[str, tuple[int, int]]
    """By kind: reached and all, each instance of each simulation on its own, nothing waived."""
    waivers: Sequence[Waiver]
    plan: Plan
    measured: Sequence[Measured]
    cases: int
    seed: int
    commit: str

    @cached_property
    def waived(self) -> set[Point]:
        """Points that are not counted."""
        return waived(self.waivers, self.counts)

    def points(self, kind: str, file: str = "") -> list[Point]:
        """Those that count, of a file or of all."""
        return [
            point
            for point in self.counts
            if point.kind == kind and file in ("", point.file) and point not in self.waived
        ]

    def share(self, kind: str, file: str = "") -> tuple[int, int]:
        """Points reached, and points."""
        points = self.points(kind, file)
        return sum(self.counts[point] > 0 for point in points), len(points)

    def unreached(self) -> list[Point]:
        """Points that count and were not reached, in order."""
        return sorted(p for kind in KINDS for p in self.points(kind) if not self.counts[p])

    def planned(self) -> tuple[int, int]:
        """Classes and pairs of the plan that were seen, and how many there are."""
        table = self.plan.table().values()
        return sum(seen for seen, _ in table), sum(total for _, total in table)


def written(result: Result) -> str:
    """The page."""
    return "\n".join(
        (
            *_head(result),
            *_modules(result),
            *_plan(result),
            *_waivers(result),
            *_unreached(result),
        )
    )


def _percent(reached: int, total: int) -> str:
    if not total:
        return "-"
    rounded = f"{100 * reached / total:.2f}"
    return "100" if reached == total else min(rounded, "99.99", key=float)


def _head(result: Result) -> list[str]:
    seen = {kind: result.share(kind) for kind in KINDS}
    lines = [
        "# Coverage",
        "",
        "Written by `make cov`; not to be edited. Measured at commit "
        f"`{result.commit}`, seed {result.seed}: all {result.cases} cases of "
        f"{len(result.measured)} parameter sets.",
        "",
        "A point is a place in the source: a line, a way that a condition goes, a bit of a signal "
        "up or down, words of memories left out. It counts as reached if it was in any instance of "
        "any set. *Alone* counts each instance of each set, and waives nothing. Registers wake up "
        "as zeros: what they would draw at random is no stimulus.",
        "",
        "| | reached | points | % | waived | alone, % |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for kind in KINDS:
        gone = sum(point.kind == kind for point in result.waived)
        lines.append(
            f"| {kind} | {seen[kind][0]:,} | {seen[kind][1]:,} | {_percent(*seen[kind])} "
            f"| {gone:,} | {_percent(*result.instances[kind])} |"
        )
    reached, total = result.planned()
    lines += [f"| functional plan | {reached:,} | {total:,} | {_percent(reached, total)} | | |", ""]
    lines += ["Played were:", ""]
    for one in result.measured:
        how = f", `{one.top}`, tables {'loadable' if one.loadable else 'constant'}"
        lines.append(f"* `{one.cfg.name}`{how if one.parameters else ''}: {len(one.cases)} cases")
    return [*lines, ""]


def _modules(result: Result) -> list[str]:
    files = sorted({point.file for point in result.counts})
    lines = ["## By file", "", "| | lines | branches | toggles |", "| --- | ---: | ---: | ---: |"]
    for file in files:
        cells = (result.share(kind, file) for kind in KINDS)
        shown = (f"{reached} of {total}" if total else "" for reached, total in cells)
        lines.append(f"| `{file}` | {' | '.join(shown)} |")
    return [*lines, ""]


def _plan(result: Result) -> list[str]:
    lines = [
        "## Functional plan",
        "",
        "Rows, resets and accesses are classified as the monitors saw them (`tb/seen.py`), and "
        "only in cases that passed. A cross is of all pairs but the illegal ones.",
        "",
        "| | seen | of |",
        "| --- | ---: | ---: |",
    ]
    lines += [f"| {item} | {seen} | {total} |" for item, (seen, total) in _rows(result.plan)]
    lines += ["", "Pairs that are left out:", ""]
    for name, group in PLAN.items():
        lines += [
            f"* {name}, {' x '.join(cross.fields)}: {cross.why}"
            for cross in group.crosses
            if cross.why
        ]
    return [*lines, ""]


def _rows(plan: Plan) -> list[tuple[str, tuple[int, int]]]:
    return [(item.replace(".", ": "), counts) for item, counts in plan.table().items()]


def _waivers(result: Result) -> list[str]:
    lines = ["## Waived", ""]
    for waiver in result.waivers:
        names = ", ".join(f"`{name}`" for name in waiver.points)
        lines.append(f"* {waiver.kind}: {names}: {waiver.reason}")
    return [*lines, ""]


def _unreached(result: Result) -> list[str]:
    lines = [f"* {place}" for place in places(result)]
    return ["## Not reached", "", *(lines or ["Nothing."]), ""]


def places(result: Result) -> list[str]:
    """Where points were not reached: by signal, of toggles, their bits together."""
    found = Counter(
        (point.file, point.kind, point.line, point.what.partition("[")[0].partition(":")[0])
        for point in result.unreached()
    )
    return [
        f"`{file}:{line}`, {kind}{f' `{name}`' if name else ''}{f' ({n})' if n > 1 else ''}"
        for (file, kind, line, name), n in found.items()
    ]
