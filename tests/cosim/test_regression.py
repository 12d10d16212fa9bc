from __future__ import annotations

import dataclasses
import json
import re
import sys
from pathlib import Path

import pytest

from softmax_cosim.configs import Config
from softmax_cosim.configs.stalls import profile
from softmax_cosim.golden.rows import Rows
from softmax_cosim.simulation import regression
from softmax_cosim.simulation.build import build, rtl_sources
from softmax_cosim.tb.pack import pack

CFG = Config("rexp_uint8-lanes8", "rexp", "uint8")
GOOD = "softmax_cosim.tb.cases.streams.lengths/length=one"


def test_a_test_that_did_not_run_has_failed() -> None:
    missing = "softmax_cosim.tb.cases.streams.lengths/length=none_such"
    outcomes = regression.run(build(CFG), CFG, [GOOD, missing])
    assert outcomes[GOOD].passed
    assert outcomes[GOOD].seconds > 0
    assert not outcomes[missing].passed
    assert "did not run" in outcomes[missing].text
    assert "PASS" in outcomes[missing].text, "the end of the log is there"


def test_a_simulation_that_dies_fails_every_test(tmp_path: Path) -> None:
    dead = dataclasses.replace(build(CFG), executable=Path("/bin/false"))
    outcomes = regression.run(dead, CFG, [GOOD])
    assert not outcomes[GOOD].passed
    assert "simulation ended with 1" in outcomes[GOOD].text


def test_a_simulation_that_does_not_end_is_killed() -> None:
    outcomes = regression.run(build(CFG), CFG, [GOOD], timeout=0.01)
    assert "killed after 0.01 s" in outcomes[GOOD].text


def test_the_stage_of_a_row_that_is_right_is_none() -> None:
    assert regression.first_differing_stage(CFG, Rows.of([[3, 700, -5]])) is None


@pytest.mark.parametrize("content", ["", "{}", '{"config": {"name": 1}}'])
def test_a_file_that_is_no_saved_row_exits_2(
    content: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "row.json"
    path.write_text(content)
    monkeypatch.setattr(sys, "argv", ["regression", str(path)])
    assert regression.main() == 2
    assert f"{path} is not a saved row" in capsys.readouterr().err


def test_a_saved_row_is_played_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = {
        "config": dataclasses.asdict(CFG),
        "beats": pack(Rows.of([list(range(20))]), CFG).to_ints(),
        "stalls": dataclasses.asdict(profile("heavy/light")),
        "seed": 3,
    }
    path = tmp_path / "row.json"
    path.write_text(json.dumps(saved))
    monkeypatch.setattr(sys, "argv", ["regression", str(path)])
    assert regression.main() == 0
    assert "the row is right" in capsys.readouterr().out


def test_a_failure_keeps_the_rows_that_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sum goes on from row to row: each is right alone, and wrong after others."""
    line = "if (beat_valid) sum_o <= (first_q ? '0 : sum_o) + SumW'(beat_sum);"
    becomes = "if (!rst_ni) sum_o <= '0; else " + line.replace("first_q", "first_q && sum_o[0]")
    broken = tmp_path / "softmax_sum.sv"
    sources = rtl_sources()
    (place,) = (n for n, path in enumerate(sources) if path.name == broken.name)
    text = sources[place].read_text()
    assert line in text
    broken.write_text(text.replace(line, becomes))
    sources[place] = broken
    built = build(CFG, name="mutant", sources=sources)
    monkeypatch.setattr(regression, "build_folder", lambda _: tmp_path)
    case = "softmax_cosim.tb.cases.streams.scores/kind=attention"
    outcome = regression.run(built, CFG, [case], seed=5)[case]
    assert not outcome.passed
    found = re.search(r"that row and the (\d+) before it: .*regression (\S+) ", outcome.text)
    assert found is not None, outcome.text
    saved = json.loads(Path(found[2]).read_text())
    assert sum(beat[3] for beat in saved["beats"]) == int(found[1]) + 1
    assert saved["draw"] == "6"

    again = regression.run(built, CFG, [regression.REPLAY], draw=saved["draw"], replay=saved)
    assert not again[regression.REPLAY].passed
    monkeypatch.setattr(sys, "argv", ["regression", found[2]])
    monkeypatch.setattr(regression, "build", lambda *given, **options: built)
    assert regression.main() == 1
    assert "expected" in capsys.readouterr().out
