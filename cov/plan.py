"""The functional plan: classes of stimulus that must be seen, alone and in pairs.

What was seen comes from ``tb/seen.py``. Every pair of a cross is legal but for those that
:data:`PLAN` names with the reason; an illegal pair that is seen is an error, of the plan or of who
classified it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from cocotb_coverage.coverage import CoverCross, CoverPoint, coverage_db

from softmax_cosim.configs import METHODS, PRECISIONS, Config
from softmax_cosim.configs.stalls import PATTERNS

__all__ = ["PLAN", "Cross", "Group", "Plan"]

LENGTHS = (
    *("one", "part of a beat", "a beat", "part of the last beat", "whole beats"),
    "longest",
)
MASKS = ("none", "some", "a whole beat", "all")
MALFORMED = (
    *("hole in the last beat", "hole in a beat before", "a beat before partial"),
    *("a beat before empty", "the last beat empty", "an element too long", "beats too long"),
)
AFTER = ("a row", "one edge", "longer", "soft")
STATES = ("idle", "a row half in", "rows waiting")
STROBES = ("every strobe", "some strobes", "no strobe")
PLACES = ("ro", "rw", "w1s", "w1c", "clear", "entry", "none")


@dataclass(frozen=True)
class Cross:
    """Pairs of classes, less those that cannot be."""

    fields: tuple[str, str]
    illegal: Callable[[str, str], bool] = lambda one, other: False
    why: str = ""
    """Of what is illegal."""


@dataclass(frozen=True)
class Group:
    """What is counted together: the classes of each field, and their crosses."""

    fields: Mapping[str, Sequence[str]]
    crosses: Sequence[Cross]


_SET = {
    "method": METHODS,
    "precision": tuple(PRECISIONS),
    "lanes": ("1", "2", "4", "8", "more"),
}
_STALLS = {"source": tuple(PATTERNS), "sink": tuple(PATTERNS)}
_PACED = tuple(name for name in PATTERNS if name != "stuck")


def _stuck(source: str, sink: str) -> bool:
    return "stuck" in (source, sink) and "none" not in (source, sink)


def _lane_for(lanes: str, length: str) -> bool:
    least = {"part of a beat": 3, "a beat": 2, "part of the last beat": 2}
    return lanes != "more" and int(lanes) < least.get(length, 1)


def _lane_for_fault(lanes: str, kind: str) -> bool:
    return lanes == "1" and ("hole" in kind or "partial" in kind)


def _mask_of_short(length: str, mask: str) -> bool:
    one_beat = length in ("one", "part of a beat", "a beat")
    return (one_beat and mask == "a whole beat") or (length == "one" and mask == "some")


PLAN: Mapping[str, Group] = {
    "row": Group(
        {**_SET, "length": LENGTHS, "mask": MASKS, **_STALLS, "after": AFTER},
        [
            Cross(("method", "precision")),
            Cross(("method", "lanes")),
            Cross(("method", "length")),
            Cross(("method", "mask")),
            Cross(("method", "source")),
            Cross(("method", "sink")),
            Cross(("method", "after")),
            Cross(("precision", "length")),
            Cross(("precision", "mask")),
            Cross(("lanes", "length"), _lane_for, "so few lanes have no such beat"),
            Cross(
                ("lanes", "mask"),
                lambda lanes, mask: lanes == "1" and mask == "some",
                "an element is a whole beat",
            ),
            Cross(("length", "mask"), _mask_of_short, "the row is a beat, or an element"),
            Cross(("length", "source")),
            Cross(("length", "sink")),
            Cross(("mask", "source")),
            Cross(("mask", "sink")),
            Cross(("source", "sink"), _stuck, "one side that is stuck stalls enough"),
        ],
    ),
    "malformed": Group(
        {**_SET, "kind": MALFORMED, "source": _PACED, "sink": _PACED, "after": AFTER[:-1]},
        [
            Cross(("method", "kind")),
            Cross(("precision", "kind")),
            Cross(("lanes", "kind"), _lane_for_fault, "a lane alone is full or empty"),
        ],
    ),
    "reset": Group(
        {"method": METHODS, "kind": AFTER[1:], "state": STATES},
        [
            Cross(("method", "kind")),
            Cross(("method", "state")),
            Cross(("kind", "state")),
        ],
    ),
    # Of rows up to 1,500 elements; longer ones have larger ones, up to 12: tests/sim/test_bulk.py.
    "exponent": Group({"exponent": tuple(map(str, range(11)))}, []),
    "access": Group(
        {
            "method": METHODS,
            "how": ("read", *(f"write, {strobes}" for strobes in STROBES)),
            "place": PLACES,
            "answer": ("done", "refused"),
            "rows": ("idle", "busy"),
            "beside": ("alone", "both"),
        },
        [
            Cross(("how", "place")),
            Cross(("how", "rows")),
            Cross(("how", "beside")),
            Cross(("place", "rows")),
            Cross(("place", "beside")),
            Cross(
                ("place", "answer"),
                lambda place, answer: (
                    (place != "entry" and (answer == "done") == (place == "none"))
                    and not (place == "ro" and answer == "refused")
                ),
                "registers answer, other addresses do not; only what is read alone refuses writes",
            ),
            Cross(
                ("method", "place"),
                lambda method, place: method == "split" and place == "entry",
                "split has no table that can be loaded",
            ),
        ],
    ),
}


class Plan:
    """What was seen of the plan."""

    def __init__(self) -> None:
        """Nothing was seen."""
        coverage_db.clear()
        self.strange: set[str] = set()
        """What was seen and must not be: a class that is none, or an illegal pair."""
        self._samplers = {name: self._sampler(name, group) for name, group in PLAN.items()}

    def _sampler(self, name: str, group: Group) -> Callable[..., None]:
        def sample(*values: str) -> None:
            """Where the library's decorators begin."""

        for cross in reversed(group.crosses):
            legal = [
                pair
                for pair in itertools.product(*(group.fields[field] for field in cross.fields))
                if cross.illegal(*pair)
            ]
            points = [f"{name}.{field}" for field in cross.fields]
            for place, field in enumerate(group.fields):
                _point(name, field, place, group)
            sample = CoverCross(f"{name}.{' x '.join(cross.fields)}", points, legal)(sample)
        for place, field in enumerate(group.fields):
            sample = _point(name, field, place, group)(sample)
        return sample

    def sample(self, cfg: Config, lines: Iterable[Sequence[Sequence[object]]]) -> None:
        """Add what tests of a parameter set saw: the lines of its file."""
        lanes = str(cfg.lanes) if cfg.lanes <= 8 else "more"
        of_set = {"method": cfg.method, "precision": cfg.precision, "lanes": lanes}
        for name, *classes in sorted({tuple(what[:-1]) for line in lines for what in line}):
            group = PLAN[str(name)]
            seen = [str(of_set[field]) for field in group.fields if field in of_set]
            values = dict(zip(group.fields, [*seen, *map(str, classes)], strict=True))
            self._judge(str(name), group, values)
            self._samplers[str(name)](*values.values())

    def _judge(self, name: str, group: Group, values: Mapping[str, str]) -> None:
        for field, value in values.items():
            if value not in group.fields[field] and value not in _BESIDE:
                self.strange.add(f"{name}: {field} {value}")
        for cross in group.crosses:
            one, other = (values[field] for field in cross.fields)
            if _BESIDE.isdisjoint((one, other)) and cross.illegal(one, other):
                self.strange.add(f"{name}: {' x '.join(cross.fields)}: {one}, {other}")

    def table(self) -> dict[str, tuple[int, int]]:
        """Of each point and cross: classes seen, and how many there are."""
        return {
            item: (sum(hits > 0 for hits in bins.values()), len(bins))
            for item, bins in self._bins().items()
        }

    def missed(self) -> list[str]:
        """Classes and pairs that were not seen."""
        return [
            f"{item}: {', '.join(key) if isinstance(key, tuple) else key}"
            for item, bins in self._bins().items()
            for key, hits in bins.items()
            if not hits
        ]

    def _bins(self) -> dict[str, Mapping[str | tuple[str, str], int]]:
        return {
            item: found.detailed_coverage
            for item, found in coverage_db.items()
            if isinstance(found, (CoverPoint, CoverCross))
        }


#: Classes that no plan asks for: patterns of stalls that one case makes for itself.
_BESIDE = {"other"}


def _point(name: str, field: str, place: int, group: Group) -> CoverPoint:
    return CoverPoint(
        f"{name}.{field}", xf=lambda *values: values[place], bins=list(group.fields[field])
    )
