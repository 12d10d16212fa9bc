"""Rows, resets and accesses by the classes of the functional plan."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from softmax_cosim import configs
from softmax_cosim.configs.stalls import PATTERNS, Pattern, StallProfile, profile
from softmax_cosim.tb.seen import Seen, length_class, malformed_classes, mask_class
from softmax_cosim.tb.transactions import StreamRow

CONFIG = configs.load("split_uint8_rowexp").replace(lanes=4, max_len=18)
FULL = 0b1111


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        (1, "one"),
        (2, "part of a beat"),
        (3, "part of a beat"),
        (4, "a beat"),
        (5, "part of the last beat"),
        (8, "whole beats"),
        (18, "longest"),
    ],
)
def test_lengths(elements: int, expected: str) -> None:
    assert length_class(CONFIG, elements) == expected


@pytest.mark.parametrize(
    ("beats", "expected"),
    [
        ([(FULL, 0), (0b11, 0)], "none"),
        ([(FULL, 0), (0b11, 0b1100)], "none"),  # what is not kept cannot be masked
        ([(FULL, 1), (0b11, 0)], "some"),
        ([(FULL, 0), (0b11, 0b11)], "a whole beat"),
        ([(FULL, FULL), (0b11, FULL)], "all"),
    ],
)
def test_masks(beats: list[tuple[int, int]], expected: str) -> None:
    assert mask_class([(0, keep, user, 0) for keep, user in beats]) == expected


@pytest.mark.parametrize(
    ("keeps", "expected"),
    [
        ([FULL, FULL], set()),
        ([FULL, 0b101], {"hole in the last beat"}),
        ([0b10, FULL], {"hole in a beat before"}),
        ([0b11, FULL], {"a beat before partial"}),
        ([0, FULL], {"a beat before empty"}),
        ([FULL, 0], {"the last beat empty"}),
        ([0b11, 0b101], {"a beat before partial", "hole in the last beat"}),
        ([FULL] * 4 + [0b111], {"an element too long"}),
        ([FULL] * 5, {"beats too long"}),
        ([FULL] * 9, {"beats too long"}),
    ],
)
def test_malformed_rows(keeps: list[int], expected: set[str]) -> None:
    beats = [(0, keep, 0, int(n == len(keeps) - 1)) for n, keep in enumerate(keeps)]
    assert {*malformed_classes(CONFIG, beats)} == expected


def test_counts_are_added_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "seen.jsonl"
    good = StreamRow(0, 0, [(0, 0b1, 0, 1)])
    bad = StreamRow(1, 1, [(0, 0b101, 0, 1)])
    odd = StallProfile("odd", PATTERNS["none"], Pattern((3, 3), (1, 1)))
    seen = Seen(CONFIG, str(path))
    seen.reset(1, soft=False, going_in=False, waiting=True)
    out = [StreamRow(9, 9, [(0, 0b1, 7 << 1, 1)]), StreamRow(10, 10, [(0, 0, 1, 1)])]
    seen.rows([good, bad], out, profile("light/none"))
    seen.write()
    seen.rows([good, good], [out[0], out[0]], odd)
    seen.access("read", "rw", "done", busy=True, both=False)
    seen.write()
    first, second = map(json.loads, path.read_text().splitlines())
    assert first == [
        ["reset", "one edge", "rows waiting", 1],
        ["row", "one", "none", "light", "none", "one edge", 1],
        ["exponent", "7", 1],
        ["malformed", "hole in the last beat", "light", "none", "a row", 1],
    ]
    assert second == [
        ["row", "one", "none", "none", "other", "a row", 2],
        ["exponent", "7", 2],
        ["access", "read", "rw", "done", "busy", "alone", 1],
    ]


def test_nothing_is_kept_that_nobody_asked_for(tmp_path: Path) -> None:
    seen = Seen(CONFIG, None)
    seen.reset(3, soft=False, going_in=False, waiting=False)
    seen.write()
    assert not list(tmp_path.iterdir())
