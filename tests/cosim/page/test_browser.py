"""The page in a real browser: what is clicked, a phone's width, darkness, paper."""

from __future__ import annotations

import base64
import dataclasses
import math
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from softmax_cosim import configs
from softmax_cosim.report import OwnDesign, Report, RunResult, SourceFile
from softmax_cosim.report.html import render
from tests.cosim.made_up import report_of, tally_of
from tests.cosim.page.browser import Browser, find

SHEET = 1032
"""Pixels across a sheet of A4, laid crosswise, within its margins."""
LONG = "a/folder/of/some/length/and_a_configuration_with_a_very_long_name_indeed"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    command = find()
    if command is None:
        pytest.skip("no Chromium: install one (Debian: chromium), or name it in CHROMIUM")
    with Browser(command) as started:
        yield started


def many(report: Report, number: int) -> Report:
    """As many designs, each unlike the others in every figure; of some, little is known."""
    runs: list[RunResult] = []
    for i in range(number):
        run = report.runs[i % len(report.runs)]
        total = dataclasses.replace(run.total, l1=run.total.l1 * 1.3 ** ((i * 7) % number))
        p50 = 40 + (i * 5) % number
        runs.append(
            dataclasses.replace(
                run,
                name=LONG if i == 1 else f"design_{i}",
                total=total,
                latency=dataclasses.replace(run.latency, p50=p50, p99=p50 + 10),
                cycles=20_000 + i,
                table_bytes=9 + 1000 * (i % 2) + i,
            )
        )
    file = SourceFile(f"/{LONG}/{LONG}.sv", "5f" * 32)
    own = OwnDesign(file, "top", (file,), f"{LONG}:function", (file,))
    for i in {*range(3, number, 4), number - 1}:
        latency = dataclasses.replace(runs[i].latency, p50=None, p99=None)
        runs[i] = dataclasses.replace(
            runs[i], latency=latency, table_bytes=None, cycles=None, own=own
        )
    return dataclasses.replace(report, runs=tuple(runs))


@pytest.fixture(scope="module")
def report() -> Report:
    return report_of(*(tally_of(configs.load(name)) for name in ("rexp_uint8", "split_uint8")))


@pytest.fixture(scope="module", params=[2, 23])
def page(
    request: pytest.FixtureRequest, report: Report, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render(many(report, request.param)), encoding="utf-8")
    return path


def designs(browser: Browser) -> list[str]:
    """Names in the order of the table."""
    found = browser.run(
        "[...document.querySelectorAll('table.sortable tbody th')].map(e => e.textContent)"
    )
    return list(found)


def figures(browser: Browser, column: int) -> list[float | None]:
    """What a column holds from top to bottom; None where it is not known."""
    found = browser.run(
        "[...document.querySelectorAll('table.sortable tbody tr')].map(row => {"
        f"const data = row.cells[{column}].querySelector('data');"
        "return data ? Number(data.value) : null; })"
    )
    return list(found)


def sorts(browser: Browser) -> list[str | None]:
    found = browser.run(
        "[...document.querySelectorAll('table.sortable thead th')]"
        ".map(e => e.getAttribute('aria-sort'))"
    )
    return list(found)


def rising(values: list[float | None], sign: int) -> bool:
    """Sorted, the unknown ones last."""
    known = [sign * value for value in values if value is not None]
    return known == sorted(known) and None not in values[: len(known)]


def test_a_click_sorts_the_table_up_and_another_down(browser: Browser, page: Path) -> None:
    browser.open(page)
    before = designs(browser)
    heads = browser.run("document.querySelectorAll('table.sortable thead button').length")
    assert sorts(browser).count("ascending") == 1
    assert rising(figures(browser, 2), 1)
    assert sorts(browser)[2] == "ascending"
    for column in range(2, heads):
        for sign, word in ((1, "ascending"), (-1, "descending"), (1, "ascending")):
            if sorts(browser)[column] == word:
                continue  # as the page came
            browser.click("table.sortable thead button", column)
            assert sorts(browser) == [word if i == column else None for i in range(heads)]
            assert rising(figures(browser, column), sign)
        assert sorted(designs(browser)) == sorted(before)
    assert None in figures(browser, 6)
    browser.click("table.sortable thead button", 0)
    names = designs(browser)
    assert names == sorted(names, key=lambda name: [int(t) if t.isdigit() else t
                                                    for t in re.split(r"(\d+)", name)])  # fmt: skip


def test_the_keyboard_sorts_too(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.run("document.querySelectorAll('table.sortable thead button')[8].focus()")
    browser.press("Tab", 9)
    browser.press("Enter", 13, "\r")
    assert sorts(browser)[9] == "ascending"
    assert rising(figures(browser, 9), 1)
    browser.press("Enter", 13, "\r")
    assert sorts(browser)[9] == "descending"


def shown_chart(browser: Browser) -> list[str]:
    found = browser.run(
        "[...document.querySelectorAll('figure.chart')].filter(e => e.offsetHeight > 0)"
        ".map(e => e.className)"
    )
    return list(found)


def test_the_cost_is_chosen_by_mouse_and_keyboard(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert shown_chart(browser) == ["chart cost-latency"]
    browser.click("label[for=cost-bytes]")
    assert shown_chart(browser) == ["chart cost-bytes"]
    browser.press("ArrowLeft", 37)
    assert shown_chart(browser) == ["chart cost-cycles"]


def test_every_design_of_which_the_cost_is_known_has_its_name_in_the_chart(
    browser: Browser, page: Path
) -> None:
    for width in (390, 1280):
        browser.open(page, width=width)
        names = browser.run(
            "[...document.querySelectorAll('.cost-latency svg .name')]"
            ".filter(e => e.getBoundingClientRect().height > 0).map(e => e.textContent)"
        )
        boxes = browser.run(
            "[...document.querySelectorAll('.cost-latency svg .name')]"
            ".map(e => e.getBoundingClientRect()).filter(b => b.height > 0)"
            ".map(b => [b.left, b.top, b.right, b.bottom])"
        )
        points = browser.run("document.querySelectorAll('.cost-latency svg.wide .point').length")
        known = [latency for latency in figures(browser, 6) if latency is not None]
        assert len(names) == len(set(names)) == points == len(known)
        for i, one in enumerate(boxes):
            assert one[0] >= 0
            assert one[2] <= width
            for other in boxes[:i]:
                across = min(one[2], other[2]) - max(one[0], other[0])
                down = min(one[3], other[3]) - max(one[1], other[1])
                assert across <= 1 or down <= 2.5  # letters' boxes are taller than letters


def overflow(browser: Browser) -> int:
    return int(browser.run("document.documentElement.scrollWidth"))


def test_a_phone_scrolls_no_page_sideways(browser: Browser, page: Path) -> None:
    browser.open(page, width=390)
    assert overflow(browser) <= 390
    browser.run("document.querySelectorAll('details').forEach(e => { e.open = true; })")
    assert overflow(browser) <= 390
    # Tables scroll, each in its own box, and letters stay legible.
    box = "document.querySelector('table.sortable').parentElement"
    assert browser.run(f"{box}.scrollWidth > {box}.clientWidth")
    assert browser.run(
        "[...document.querySelectorAll('.chart svg.narrow text')]"
        ".filter(e => e.getBoundingClientRect().height > 0)"
        ".every(e => e.getBoundingClientRect().height > 9)"
    )


COLORS = """
(() => {
  const rgb = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const ground = rgb(getComputedStyle(document.querySelector('section')).backgroundColor);
  const texts = [...document.querySelectorAll('svg text, td, th, p, h1, h2, dd, dt, summary')];
  const found = texts.filter((e) => e.getBoundingClientRect().height > 0).map((e) => {
    const style = getComputedStyle(e);
    return [e.closest('svg') ? style.fill : style.color, e.textContent.trim().slice(0, 30)];
  });
  return [ground, found.map(([color, text]) => [rgb(color), text])];
})()
"""


def luminance(color: list[float]) -> float:
    parts = [value / 255 for value in color[:3]]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: list[float], other: list[float]) -> float:
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_every_word_can_be_read_by_day_and_by_night(
    browser: Browser, page: Path, dark: bool
) -> None:
    browser.open(page, dark=dark)
    browser.run("document.querySelectorAll('details').forEach(e => { e.open = true; })")
    ground, texts = browser.run(COLORS)
    assert (luminance(ground) < 0.1) == dark
    assert len(texts) > 200
    assert not [text for color, text in texts if contrast(color, ground) < 4]


def test_paper_shows_everything_and_no_buttons(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.media("print", dark=True)
    ground, texts = browser.run(COLORS)
    assert luminance(ground) > 0.9  # paper is white, whatever the screen was
    assert not [text for color, text in texts if contrast(color, ground) < 4]
    hidden = browser.run(
        "[...document.querySelectorAll('details table, details figure > svg')]"
        ".filter(e => e.getBoundingClientRect().height === 0).length"
    )
    assert hidden == 0
    assert browser.run("document.querySelector('.decision > label').offsetHeight") == 0
    button = "getComputedStyle(document.querySelector('th[aria-sort] button')"
    assert browser.run(f"{button}, '::after').content") == "none"
    assert "none" in browser.run(f"{button}).textDecorationLine")
    assert shown_chart(browser) == ["chart cost-latency"]
    browser.size(SHEET)
    assert overflow(browser) <= SHEET
    browser.media()
    sheets = base64.b64decode(browser.command("Page.printToPDF", preferCSSPageSize=True)["data"])
    assert sheets.startswith(b"%PDF")
    closed = "document.querySelectorAll('details:not([open])').length"
    assert browser.run(closed) > 0  # and afterwards it is as it was


def test_without_script_it_is_a_plain_page(browser: Browser, page: Path) -> None:
    browser.command("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(page)
        before = designs(browser)
        assert browser.run("[...document.querySelectorAll('th button')].every(e => e.disabled)")
        browser.click("table.sortable thead button", 0)
        assert designs(browser) == before
        browser.click("label[for=cost-bytes]")
        assert shown_chart(browser) == ["chart cost-bytes"]
    finally:
        browser.command("Emulation.setScriptExecutionDisabled", value=False)


def test_nothing_is_fetched_and_nothing_fails(browser: Browser, page: Path) -> None:
    browser.open(page)
    for place in range(3):
        browser.click("table.sortable thead button", place)
    asked = [
        event["params"]["request"]["url"]
        for event in browser.events
        if event.get("method") == "Network.requestWillBeSent"
    ]
    assert [url for url in asked if not url.startswith("data:")] == [page.resolve().as_uri()]
    kinds = {event.get("method") for event in browser.events}
    assert "Runtime.exceptionThrown" not in kinds
    assert "Runtime.consoleAPICalled" not in kinds


def test_a_page_without_rows_is_whole(browser: Browser, report: Report, tmp_path: Path) -> None:
    run = report.runs[0]
    nothing = dataclasses.replace(run.total, **dict.fromkeys(vars(run.total), math.nan))
    latency = dataclasses.replace(run.latency, p50=None, p99=None, min=None, max=None)
    empty = dataclasses.replace(
        run, rows=0, cycles=None, table_bytes=None, total=nothing, latency=latency, name=LONG
    )
    path = tmp_path / "report.html"
    path.write_text(render(dataclasses.replace(report, runs=(empty,))), encoding="utf-8")
    browser.open(path, width=390)
    assert overflow(browser) <= 390
    assert designs(browser) == [LONG]
    assert browser.run("[...document.querySelectorAll('.decision input')].every(e => e.disabled)")
