"""The designs in ``examples/``, each by its configuration alone: what they promise is held."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from softmax_cosim import cli, configs
from softmax_cosim.paths import ROOT
from softmax_cosim.tb.catalogue import listed
from tests.cosim.guide import REPLAYS

ROWS = 240


@dataclass(frozen=True)
class Expected:
    """What a replay of one of them must give."""

    promise: str
    cycles: int
    """Of every row of that trace."""
    l1: float
    """Above its error."""


EXPECTED = {
    # Rows of 40 filled up to 64: 8 beats, read three times.
    "base2": Expected("exact", 3 * 8 - 1, 0.1),
    # Rows of 16, four in a block: 16 beats.
    "interleaved": Expected("exact", 3 * 16 + 14, 0.02),
    "parallel": Expected("exact", 3, 0.03),
    "bf16": Expected("tolerance", 3 * 10 - 1, 0.01),
    "streaming": Expected("exact", 2 * 16, 0.1),
    "verilog2001": Expected("scored", 20 * 16 - 1, 0.05),
    # Sixteen logarithms a row, not probabilities.
    "logsoftmax": Expected("exact", 3 * 4 - 1, 0.2),
}


def replay(name: str, out: Path, *words: str) -> dict[str, Any]:
    """The only run of the guide's command, which must succeed."""
    command = shlex.split(REPLAYS[name])[1:]
    with contextlib.chdir(ROOT):
        assert cli.main([*command, "--out", str(out), *words]) == 0
    (run,) = json.loads((out / "summary.json").read_text())["runs"]
    assert isinstance(run, dict)
    return run


def check(name: str, run: dict[str, Any]) -> None:
    expected = EXPECTED[name]
    assert (run["promise"], run["kept"]) == (expected.promise, True)
    assert (run["rows"], run["lost_rows"]) == (ROWS, 0)
    assert run["mismatched_elements"] == (None if expected.promise == "scored" else 0)
    assert (run["latency"]["min"], run["latency"]["max"]) == (expected.cycles, expected.cycles)
    assert run["latency"]["prediction_errors"] == 0
    assert 0 < run["total"]["l1"] < expected.l1


def test_every_example_is_here():
    folders = {path.parent.name for path in (ROOT / "examples").glob("*/*.toml")}
    assert folders - {"distance"} == set(EXPECTED) == set(REPLAYS)  # that one is in test_own.py


def test_the_readme_counts_their_lines():
    text = (ROOT / "examples" / "README.md").read_text()
    for path in (ROOT / "examples").glob("*/*.toml"):
        lines = [line for line in path.read_text().splitlines() if line and line[0] != "#"]
        name = path.parent.name
        (row,) = [line for line in text.splitlines() if line.startswith(f"| [{name}]({name})")]
        assert f"| {len(lines)} lines |" in row


def test_the_guide_counts_their_lines_and_cases():
    page = (ROOT / "docs" / "own-rtl.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| [^|]+ \| (\d+), (\d+) \|", page, re.MULTILINE)
    assert {name for name, *_ in rows} == {*EXPECTED, "distance"}
    for name, *counts in rows:
        path = ROOT / "examples" / name / f"{name}.toml"
        lines = [line for line in path.read_text().splitlines() if line and line[0] != "#"]
        left_out = [bool(why) for _, why in listed(configs.load(str(path)))]
        assert [int(count) for count in counts] == [
            len(lines),
            left_out.count(False),
            left_out.count(True),
        ], name


@pytest.mark.parametrize("name", EXPECTED)
def test_an_example_keeps_its_promise(name: str, tmp_path: Path):
    check(name, replay(name, tmp_path))


@pytest.mark.parametrize("name", ["parallel", "interleaved"])
def test_an_example_on_the_pins(name: str, tmp_path: Path):
    """Start and done, and blocks, as coroutines see them."""
    check(name, replay(name, tmp_path, "--transport", "signal"))


def test_the_page_shows_the_configuration_of_an_example():
    """And names examples that there are."""
    page = (ROOT / "docs" / "own-rtl.md").read_text()
    page = page.partition("## What your design may look like\n")[2].partition("\n## ")[0]
    shown = page.partition("```toml\n")[2].partition("```")[0]
    text = (ROOT / "examples" / "base2" / "base2.toml").read_text()
    assert tomllib.loads(shown) == tomllib.loads(text)
    last = {line.split("|")[-2] for line in page.splitlines() if line.startswith("| ")}
    assert {name for cell in last for name in re.findall("`(.+?)`", cell)} == set(EXPECTED)
