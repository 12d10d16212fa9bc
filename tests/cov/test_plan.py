"""The functional plan: what counts as seen, what is missing, and what cannot be."""

from __future__ import annotations

import pytest

from cov.plan import PLAN, Plan
from cov.sets import measured
from softmax_cosim import configs
from softmax_cosim.configs import METHODS, PRECISIONS

CONFIG = configs.load("rexp_uint8")
ROW = ["row", "one", "none", "none", "heavy", "a row", 3]


def seen(*lines: list[list[object]]) -> Plan:
    plan = Plan()
    plan.sample(CONFIG, lines)
    return plan


def test_a_row_is_seen_in_every_point_and_cross() -> None:
    plan = seen([ROW])
    table = plan.table()
    points = {item: seen for item, (seen, _) in table.items() if seen}
    assert points == {item: 1 for item in table if item.startswith("row.")}
    assert not plan.strange
    assert "row.length x mask: one, all" in plan.missed()
    assert "row.length x mask: one, none" not in plan.missed()


def test_lines_and_samplings_add_up() -> None:
    plan = seen([ROW], [ROW, ["row", "longest", *ROW[2:]]])
    assert plan.table()["row.length"] == (2, 6)
    plan.sample(CONFIG.replace(lanes=1), [[ROW]])
    assert plan.table()["row.lanes"] == (2, 5)
    plan.sample(CONFIG.replace(lanes=32), [[ROW]])
    assert plan.table()["row.lanes"] == (3, 5)
    assert Plan().table()["row.length"] == (0, 6)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (["row", "one", "some", "none", "none", "a row", 1], "length x mask: one, some"),
        (["row", "short", "none", "none", "none", "a row", 1], "row: length short"),
        (["row", "one", "none", "stuck", "stuck", "a row", 1], "source x sink: stuck, stuck"),
    ],
)
def test_what_cannot_be_is_told(row: list[object], says: str) -> None:
    (strange,) = seen([row]).strange
    assert says in strange


def test_patterns_that_a_case_makes_are_nothing_to_the_plan() -> None:
    plan = seen([["row", "one", "none", "other", "other", "a row", 1]])
    assert not plan.strange
    assert plan.table()["row.source"] == (0, 5)
    assert plan.table()["row.length"] == (1, 6)


def test_the_plan_asks_for_what_the_library_counts() -> None:
    table = Plan().table()
    assert len(table) == sum(len(group.fields) + len(group.crosses) for group in PLAN.values())
    assert table["row.method x precision"] == (0, len(METHODS) * len(PRECISIONS))
    assert table["row.length x mask"] == (0, 6 * 4 - 4)


def test_every_measured_set_is_one_of_the_regression() -> None:
    names = [one.cfg.name for one in measured()]
    assert len(set(names)) == len(names)
    assert all(one.cases for one in measured())
