"""What the page leads with: costs, designs that no other beats, names that can be read."""

from __future__ import annotations

import dataclasses
import html
import itertools
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from softmax_cosim import configs
from softmax_cosim.paths import ROOT
from softmax_cosim.report import Report, RunResult, area
from softmax_cosim.report.area import nand_nor
from softmax_cosim.report.decision import COSTS, Choice, Point, choices, representatives
from softmax_cosim.report.html import render
from softmax_cosim.report.plots import latencies
from softmax_cosim.report.scatter import chart
from softmax_cosim.report.text import outcome
from tests.cosim.made_up import report_of, tally_of

NAMES = ("rexp_uint8", "lut2d_uint8", "split_uint8")


@pytest.fixture(scope="module")
def report() -> Report:
    return report_of(*(tally_of(configs.load(name)) for name in NAMES))


def changed(run: RunResult, name: str, error: float, cost: int | None, **more: Any) -> RunResult:
    total = dataclasses.replace(run.total, l1=error)
    return dataclasses.replace(run, name=name, total=total, table_bytes=cost, **more)


def by_bytes(report: Report, *runs: RunResult) -> Choice:
    chosen = choices(dataclasses.replace(report, runs=runs))
    return next(choice for choice in chosen if choice.cost.key == "bytes")


def test_costs_are_those_of_the_run(report: Report) -> None:
    run = report.runs[0]
    costs = {cost.key: cost.of(run) for cost in COSTS}
    assert costs["latency"] == run.latency.p50
    assert costs["cycles"] == 20_000 / run.elements
    assert costs["bytes"] == run.table_bytes
    assert costs["area"] == nand_nor(run.config)
    unknown = dataclasses.replace(run, cycles=None, table_bytes=None)
    assert [cost.of(unknown) for cost in COSTS[1:3]] == [None, None]


def test_no_other_design_has_less_of_both_than_an_unbeaten_one(report: Report) -> None:
    run = report.runs[0]
    choice = by_bytes(
        report,
        changed(run, "cheap", 0.5, 10),
        changed(run, "dear", 0.5, 20),
        changed(run, "fine", 0.1, 20),
        changed(run, "fine too", 0.1, 20),
        changed(run, "worse", 0.2, 30),
        changed(run, "wrong", 0.01, 1, mismatched_elements=3),
        changed(run, "unknown", 0.01, None),
        changed(run, "without rows", math.nan, 1),
    )
    assert [point.name for point in choice.unbeaten] == ["cheap", "fine", "fine too"]
    assert choice.missing == ("unknown", "without rows")
    assert [point.name for point in choice.points if not point.good] == ["wrong"]


def test_designs_of_another_function_are_beside_the_others(report: Report) -> None:
    run = report.runs[0]
    other = configs.load(str(ROOT / "examples" / "logsoftmax" / "logsoftmax.toml"))
    runs = [
        changed(run, "a", 0.5, 10),
        changed(run, "b", 0.4, 20),
        changed(run, "log", 0.1, 1, config=other),
    ]
    for some in (runs, runs[:1] + runs[2:]):  # of as many, softmax is the one that counts
        choice = by_bytes(report, *some)
        assert choice.apart == ("log",)
        assert [point.name for point in choice.unbeaten] == [each.name for each in some[:-1]]
        assert "not against them: log." in render(dataclasses.replace(report, runs=tuple(some)))
    assert [point.name for point in by_bytes(report, runs[2]).unbeaten] == ["log"]


def test_representatives_are_all_or_from_the_best_to_the_worst(report: Report) -> None:
    run = report.runs[0]
    runs = [changed(run, str(i), (i * 3) % 7 + 1.0, 1) for i in range(7)]
    assert representatives(runs[:3]) == runs[:3]
    assert [each.total.l1 for each in representatives(runs)] == [1, 4, 7]
    nothing = [changed(run, str(i), math.nan, 1) for i in range(5)]
    assert representatives(nothing) == []
    assert representatives([*nothing, runs[0]]) == [runs[0]]


POINTS = st.lists(
    st.tuples(
        st.floats(0, 1e4) | st.integers(0, 5000), st.floats(0, 40), st.booleans(), st.booleans()
    ),
    min_size=1,
    max_size=40,
)


@settings(deadline=None)
@given(POINTS)
@example([(5e-324, 0.0, False, False)])
@example(
    [
        *9 * [(0.0, 0.0, False, False)],
        (1267.0, 0.0, False, True),
        *2 * [(0.0, 0.0, False, False)],
        (0.0, 0.0, False, True),
        (2253.0, 0.5, False, False),
        (0.0, 0.0, False, False),
        (0.0, 1.0, False, True),
    ]
)
def test_names_hide_neither_each_other_nor_points(drawn: list[Any]) -> None:
    points = tuple(
        Point(f"{'long_' * (i % 5)}name_{i}", cost, error, own, good, i % 3 == 0 and good)
        for i, (cost, error, own, good) in enumerate(drawn)
    )
    for drawing in chart(Choice(COSTS[2], points, ())).split("</svg>")[:2]:
        width, height = map(float, re.findall(r'viewBox="0 0 (\S+) (\S+)"', drawing)[0])
        texts = re.findall(
            r'class="name \w+" text-anchor="(\w+)" x="(\S+)" y="(\S+)">([^<]*)<', drawing
        )
        assert len(texts) == len(points)
        boxes = []
        for anchor, x, y, text in texts:
            wide = 5.8 * len(text)
            left = float(x) - (wide if anchor == "end" else 0)
            boxes.append((left, float(y) - 8, left + wide, float(y)))
        for left, top, right, bottom in boxes:
            assert 0 <= left <= right <= width
            assert 0 <= top <= bottom <= height
        for one, other in itertools.combinations(boxes, 2):
            across = min(one[2], other[2]) - max(one[0], other[0])
            down = min(one[3], other[3]) - max(one[1], other[1])
            assert across <= 0 or down <= 0
        numbers = re.findall(r'c[xy]="(\S+?)"|<rect x="(\S+?)"', drawing)
        assert all(math.isfinite(float(a or b)) for a, b in numbers)


def test_area_is_of_the_configuration_that_was_synthesised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(area, "AREA", tmp_path / "area.json")
    monkeypatch.setattr(area, "INSTALLED", False)
    cfg = configs.load("rexp_uint8")
    assert nand_nor(cfg) is None  # no such file
    found: object = {"rexp_uint8": {"nand_nor": 6521}, "mine": {"nand_nor": 1}, "split_uint8": 3}
    (tmp_path / "area.json").write_text(json.dumps(found))
    assert nand_nor(cfg) == 6521
    assert nand_nor(cfg.replace(lanes=4)) is None
    assert nand_nor(cfg.replace(name="mine")) is None
    assert nand_nor(configs.load("split_uint8")) is None
    assert nand_nor(configs.load("lut2d_uint8")) is None
    for text in ("", "[]", '{"rexp_uint8": {}}', '{"rexp_uint8": {"nand_nor": null}}', "\x00"):
        (tmp_path / "area.json").write_text(text)
        assert nand_nor(cfg) is None
    (tmp_path / "area.json").write_text(json.dumps(found))
    monkeypatch.setattr(area, "INSTALLED", True)
    assert nand_nor(cfg) is None


def test_the_committed_areas_are_found() -> None:
    assert (nand_nor(configs.load("rexp_uint8")) or 0) > 1000


def test_outcomes(report: Report) -> None:
    run = report.runs[0]
    assert outcome(run) == "exact"
    assert outcome(dataclasses.replace(run, lost_rows=1)) == "not exact"
    assert (
        outcome(dataclasses.replace(run, mismatched_elements=None, cycles=None)) == "golden alone"
    )
    assert outcome(dataclasses.replace(run, rows=0)) == "no rows"
    bf16 = configs.load(str(ROOT / "examples" / "bf16" / "bf16.toml"))
    assert outcome(dataclasses.replace(run, config=bf16)) == "within 2 ULP"


def many(report: Report, number: int) -> Report:
    runs = tuple(
        dataclasses.replace(report.runs[i % len(report.runs)], name=f"design_{i}")
        for i in range(number)
    )
    return dataclasses.replace(report, runs=runs)


@pytest.mark.parametrize("number", [1, 2, 3, 4, 23])
def test_drawings_do_not_grow_with_the_number_of_designs(report: Report, number: int) -> None:
    page = render(many(report, number))
    drawings = list(map(html.unescape, re.findall(r'<svg role="img" aria-label="([^"]*)"', page)))
    assert drawings.count("Latency against row length") == 1
    assert drawings.count("Distribution of the rows' L1 error") == 1
    assert sum(title.startswith("Attention map") for title in drawings) == 1
    assert sum(title.startswith("Row ") for title in drawings) <= 6
    for i in range(number):  # and yet each design has its figures
        assert f'id="design-design_{i}"' in page
        assert f'id="total-design_{i}"' in page
    assert len(page) < 2_000_000


def test_designs_share_a_line_of_the_latencies_if_formula_and_lanes_are_the_same(
    report: Report,
) -> None:
    run = report.runs[0]

    def stated(name: str, lanes: int) -> RunResult:
        latency = dataclasses.replace(run.latency, formula=Said())
        config = run.config.replace(lanes=lanes)
        return dataclasses.replace(run, name=name, config=config, latency=latency)

    runs = [stated("a", 4), stated("b", 8), stated("c", 4), stated("d", 8), run]
    told = html.unescape(latencies(runs))
    assert re.findall(r">\s*([^<>\s][^<>]*:  [^<>]*?)\s*<", told) == [
        "3*B:  a, c",
        "3*B:  b, d",
        f"{run.latency.formula}:  {run.name}",
    ]


class Said:
    """A latency in beats, as a configuration says it."""

    def __call__(self, length: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return 3 * length

    def __str__(self) -> str:
        return "3*B"


def test_what_is_not_known_is_a_dash_and_never_0(report: Report) -> None:
    run = report.runs[0]
    latency = dataclasses.replace(run.latency, p50=None, p99=None, prediction_errors=None)
    unknown = dataclasses.replace(
        run,
        name="unknown",
        latency=latency,
        cycles=None,
        table_bytes=None,
        mismatched_elements=None,
        lost_rows=None,
        config=run.config.replace(name="unknown"),
    )
    page = render(dataclasses.replace(report, runs=(unknown,)))
    (row,) = re.findall(r'<tr id="design-unknown">(.*?)</tr>', page)
    cells = [re.sub("<[^>]*>", "", cell) for cell in re.findall("<td.*?</td>", row)]
    assert cells[0] == "golden alone"
    assert cells[5:] == ["–"] * 8


def test_the_script_has_what_it_looks_for(report: Report) -> None:
    """Where there is no browser: the page's script stands alone and finds its table."""
    page = render(report)
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert not re.findall(r"fetch|XMLHttpRequest|import|WebSocket|https?:|eval|innerHTML", script)
    for opening, closing in ("()", "[]", "{}"):
        assert script.count(opening) == script.count(closing)
    for selector in re.findall(r'querySelector(?:All)?\("([^"]+)"\)', script):
        tag, _, rest = selector.partition(".")
        assert f"<{tag.partition(':')[0]}" in page
        assert not rest or f'class="{rest}"' in page
    (table,) = re.findall(r'<table class="sortable">(.*?)</table>', page, re.DOTALL)
    heads = re.findall(r'<th scope="col".*?</th>', table)
    assert all('<button type="button" disabled>' in head for head in heads)
    rows = re.findall(r"<tr id=.*?</tr>", table)
    assert {row.count("<td") + row.count("<th") for row in rows} == {len(heads)}
