"""A sample of the rows from every power-up draw: when are they alike, and who measures them?"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from softmax_cosim.golden.rows import Results
from softmax_cosim.replay.draws import unsettled
from softmax_cosim.replay.shard import Outcome


def outcome(y: list[int], wrong: list[bool], asked: list[str], last: int = 9) -> Outcome:
    """Of two rows of two elements; ``asked`` is told when it is measured."""
    cycles = np.array([[0, 2], [1, 3], [4, 6], [5, last]], np.int64)
    results = Results(np.array(y, np.uint16), np.zeros(2, np.bool_), np.zeros(2, np.uint8), *cycles)

    def measure() -> Any:
        asked.append("measured")
        return SimpleNamespace(results=results, wrong=np.array(wrong))

    return Outcome(results, measure)


def test_what_comes_out_alike_is_not_measured() -> None:
    asked: list[str] = []
    same = [outcome([1, 2, 3, 4], [True, True], asked) for _ in range(3)]
    assert list(unsettled(same)) == []
    assert asked == []
    assert same[0].measured is same[0].measured
    assert asked == ["measured"]


def test_a_row_that_differs_is_told_with_a_draw_that_is_wrong_and_one_that_is_right() -> None:
    asked: list[str] = []
    good, bad = [1, 2, 3, 4], [1, 2, 3, 5]
    drawn = [outcome(y, [False, y is bad], asked) for y in (good, good, bad)]
    assert [(place, one) for place, one, _ in unsettled(drawn)] == [(1, 2)]


def test_a_row_that_only_leaves_at_another_time_differs() -> None:
    drawn = [outcome([1, 2, 3, 4], [False, False], [], last) for last in (9, 9, 10)]
    assert [place for place, *_ in unsettled(drawn)] == [1]
