"""A waiver says of points that exist that nothing reaches them, and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from cov import waivers
from cov.points import Point
from cov.waivers import Waiver, faults, waived
from softmax_cosim.configs import UsageError

FILE = "rtl/softmax_sum_index.sv"
LINE = "if (high_q) j_o <= JW'(XS);"
NUMBER = (waivers.ROOT / FILE).read_text().splitlines().index(f"    {LINE}") + 1
HIGH = Point("toggle", FILE, 31, 0, "rounded[9]:0->1")
LOW = Point("toggle", FILE, 31, 0, "rounded[0]:0->1")
OTHER = Point("toggle", "rtl/softmax_sum.sv", 31, 0, "rounded[9]:0->1")
BRANCH = Point("branch", FILE, NUMBER, 5, "if")
COUNTS = {HIGH: 0, LOW: 5, OTHER: 0, BRANCH: 0}


def test_points_of_a_waiver_are_not_counted() -> None:
    signal = Waiver("toggle", [f"{FILE} rounded[9]"], "too wide")
    line = Waiver("branch", [f"{FILE} {LINE}"], "no row is dead")
    assert list(faults([signal, line], COUNTS)) == []
    assert waived([signal, line], COUNTS) == {HIGH, BRANCH}
    assert waived([Waiver("toggle", [f"{FILE} rounded[*]"], "all bits")], COUNTS) == {HIGH, LOW}
    assert waived([Waiver("toggle", [f"{FILE} rounded[1-9]"], "a range")], COUNTS) == {HIGH}


@pytest.mark.parametrize(
    ("kind", "name", "says"),
    [
        ("toggle", "rounded[0]", "line 31, rounded[0]:0->1, was reached"),
        ("toggle", "rounded[*]", "line 31, rounded[0]:0->1, was reached"),
        ("toggle", "rounded", "no such point"),
        ("toggle", "rounded[10]", "no such point"),
        ("line", LINE, "no such point"),
        ("branch", "if (zero) y_o = '1;", "no such point"),
    ],
)
def test_a_waiver_of_what_is_reached_or_not_there_is_wrong(kind: str, name: str, says: str) -> None:
    (fault,) = faults([Waiver(kind, [f"{FILE} {name}"], "because")], COUNTS)
    assert says in fault
    assert name in fault


@pytest.mark.parametrize(
    "text",
    [
        '[[waiver]]\nkind = "toggle"\npoints = ["x"]\nreason = " "',
        '[[waiver]]\nkind = "toggle"\npoints = ["x"]',
        '[[waiver]]\nkind = "bit"\npoints = ["x"]\nreason = "so"',
        '[[waiver]]\nkind = "line"\npoints = ["x"]\nreason = "so"\nmore = 1',
    ],
)
def test_a_waiver_without_a_reason_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "waivers.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"waivers.toml: .* is no waiver"):
        waivers.load(path)


def test_ours_can_be_read() -> None:
    for waiver in waivers.load():
        for name in waiver.points:
            assert (waivers.ROOT / name.partition(" ")[0]).is_file()
