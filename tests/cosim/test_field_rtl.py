"""The field's methods that have RTL, ``examples/field``: exact, in the cycles that are promised."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from softmax_cosim import cli
from softmax_cosim.paths import ROOT

TRACE = str(ROOT / "traces" / "ocr_long.safetensors")
#: Cycles of a row of L elements from first input to last output beat.
CYCLES = {
    "ita": lambda length: 2 * -(-length // 16) + 15,
    "ibert": lambda length: 3 * -(-length // 4) + 17,
}


def test_every_one_is_here():
    assert {path.stem for path in (ROOT / "examples" / "field").glob("*/*.toml")} == set(CYCLES)


@pytest.mark.parametrize("name", CYCLES)
def test_it_is_exact(name: str, tmp_path: Path):
    config = str(ROOT / "examples" / "field" / name / f"{name}.toml")
    words = ["--config", config, "--max-rows", "60", "--out", str(tmp_path)]
    assert cli.main(["replay", TRACE, *words]) == 0
    (run,) = json.loads((tmp_path / "summary.json").read_text())["runs"]
    assert (run["promise"], run["kept"], run["rows"]) == ("exact", True, 60)
    assert (run["lost_rows"], run["mismatched_elements"]) == (0, 0)
    assert run["latency"]["prediction_errors"] == 0
    length = run["elements"] // run["rows"]
    assert run["latency"]["min"] == CYCLES[name](length)
