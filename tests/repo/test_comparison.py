"""``docs/comparison.md`` is what ``benchmarks/peers.py`` writes, and compares like with like."""

from __future__ import annotations

import re

from benchmarks import peers
from softmax_cosim.paths import ROOT

PAGE = (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8")


def tables() -> list[list[list[str]]]:
    """Cells of each table."""
    found = re.findall(r"(?:^\|.*\|\n)+", PAGE, re.MULTILINE)
    return [[line[2:-2].split(" | ") for line in table.splitlines()] for table in found]


def test_the_page_is_what_the_generator_writes():
    commit = re.search(r"at commit `(\S+)`", PAGE)
    assert commit is not None
    eight, sixteen, accuracy = tables()
    timed = {
        lanes: {line[0][1:-1]: list(map(int, line[1:])) for line in table[2 : 2 + len(peers.TIMED)]}
        for lanes, table in ((8, eight), (16, sixteen))
    }
    scored = {line[0][1:-1]: line[2:] for line in accuracy[2 : 2 + len(peers.SCORED)]}
    assert peers.page(commit[1], timed, scored) == PAGE


def test_latencies_are_counted_as_ours():
    """Last output beat minus first input beat."""
    eight = {line[0].split()[0]: line[1:] for line in tables()[0]}
    at = dict(zip(peers.LENGTHS, range(len(peers.LENGTHS)), strict=True))
    assert eight["MASE"][at[1024]] == "410"
    assert eight["SoftEx"][at[1024]] == "436"
    assert eight["ITA"][at[1024]] == "5057"
    assert {eight[name][at[1]] for name in ("MASE", "SoftEx", "ITA")} == {peers.NOTHING}


def test_every_accuracy_says_its_input_grid():
    head, _, *lines = tables()[2]
    assert head[1] == "input"
    assert all(line[1] for line in lines)
    mase = [line for line in lines if line[0].startswith("MASE")]
    assert mase[0][1:5] == ["Q8.8", "0.0023", "0.0050", "0.0156"]
    assert mase[1][1:5] == ["3 to 4 fraction bits", "0.0178", "0.0223", "0.0307"]
