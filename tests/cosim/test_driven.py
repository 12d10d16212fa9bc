"""What is said of rows that do not fit, of warnings, and of a design that ends the simulation."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from softmax_cosim import cli, trace
from softmax_cosim.golden.exchange import Broken, NoProgress
from softmax_cosim.golden.rows import Results
from softmax_cosim.paths import ROOT
from softmax_cosim.trace import Layer

LONGER = 'longer = "leave out"\n'


def example(name: str, folder: Path, *, ahead: str = "", was: str = "", becomes: str = "") -> str:
    """A copy of an example's configuration, changed; its folder comes along."""
    shutil.copytree(ROOT / "examples" / name, folder / name)
    config = folder / name / f"{name}.toml"
    text = config.read_text()
    assert was in text
    config.write_text(ahead + text.replace(was, becomes))
    return str(config)


def ragged(folder: Path, *lengths: int) -> str:
    """A trace of a layer for each length, three rows each."""
    rng = np.random.default_rng(1)
    layers = [
        Layer(index, rng.normal(0, 2, (1, 1, 3, length)).astype(np.float32))
        for index, length in enumerate(lengths)
    ]
    path = folder / "ragged.safetensors"
    trace.write(path, layers, model="none", source="drawn at random")
    return str(path)


def score(folder: Path, *words: str, code: int = 0) -> dict[str, Any]:
    out = folder / "out"
    assert cli.main(["score", *words, "--out", str(out)]) == code
    summary: dict[str, Any] = json.loads((out / "summary.json").read_text())
    return summary


def test_rows_that_are_too_long_are_refused_or_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = ragged(tmp_path, 20, 64, 65, 100)
    refusing = example("base2", tmp_path / "refusing")
    assert cli.main(["score", path, "--config", refusing, "--out", str(tmp_path / "no")]) == 2
    assert "rows of layer.3.scores have 100 elements" in capsys.readouterr().err

    leaving = example("base2", tmp_path / "leaving", ahead=LONGER)
    summary = score(tmp_path, path, "--config", leaving, "rexp_uint8")
    ours, theirs = summary["runs"][::-1]
    assert (ours["rows"], theirs["rows"]) == (12, 6)
    assert ours["left_out"] == []
    assert theirs["left_out"] == [
        {"trace": path, "tensor": "layer.2.scores", "rows": 3, "length": 65},
        {"trace": path, "tensor": "layer.3.scores", "rows": 3, "length": 100},
    ]
    said = capsys.readouterr().out
    page = (tmp_path / "out" / "report.html").read_text()
    sentence = "layer.3.scores left out: they have 100 elements, the design takes 64"
    assert f"base2: 3 rows of {path} {sentence}" in said
    assert sentence in page


def test_all_rows_left_out_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    config = example("base2", tmp_path, ahead=LONGER)
    words = ["score", ragged(tmp_path, 65, 100), "--config", config]
    assert cli.main([*words, "--out", str(tmp_path / "out")]) == 2
    assert "base2 takes rows of at most 64 elements, and all of these are longer" in (
        capsys.readouterr().err
    )
    assert not (tmp_path / "out").exists()


def test_rows_that_are_filled_up_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = ragged(tmp_path, 20, 64)
    configs = [
        str(ROOT / "examples" / name / f"{name}.toml") for name in ("base2", "bf16", "interleaved")
    ]
    summary = score(tmp_path, path, "--config", *configs)
    counts = [(run["filled_rows"], run["added_rows"]) for run in summary["runs"]]
    # 20 and 64 are whole beats of 4 lanes; 3 rows are one less than a block.
    assert counts == [(3, 0), (0, 0), (0, 2)]
    said = capsys.readouterr().out
    assert "base2: 3 rows filled up to 64 elements, with the lowest score" in said
    assert "interleaved: 2 rows of the lowest score added to fill blocks of 4" in said


def test_what_ends_the_simulation_is_in_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """And the warnings about its sources, that have nothing to do with it."""
    config = example("parallel", tmp_path)
    source = tmp_path / "parallel" / "parallel_softmax.sv"
    check = """
  logic [3:0] narrow;
  assign narrow = 8'(sum);
  always_ff @(posedge clk_i) if (start_i && x_i[0] == -10'sd99) $fatal(1, "never a minus 99");

endmodule
"""
    source.write_text(source.read_text().replace("\nendmodule\n", check))
    scores = np.zeros((1, 1, 5, 16), np.float32)
    scores[0, 0, 3, 0] = -99 / 16
    path = tmp_path / "five.safetensors"
    trace.write(path, [Layer(0, scores)], model="none", source="by hand")
    out = tmp_path / "out"
    words = ["replay", str(path), "--config", config, "--jobs", "1", "--power-up", "zeros"]
    assert cli.main([*words, "--out", str(out)]) == 1
    said = capsys.readouterr().out
    page = (out / "report.html").read_text()
    for text in (said, page):
        assert "row 3" in text or "query 3" in text
        assert "the design ended the simulation at time" in text
        assert "never a minus 99" in text
        assert "parallel: 1 warning of Verilator about its sources, in " in text
        assert "parallel: backpressure was not tried" in text
    log = said.partition("about its sources, in ")[2].split()[0]
    assert "parallel_softmax.sv" in Path(log).read_text()


@pytest.mark.parametrize("kind", [Broken, NoProgress])
def test_a_design_that_fails_is_told_from_another_process(
    kind: type[Broken], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """As ``cosim eval`` does; exit code 1 is the design's, 3 would be ours."""
    none = np.zeros(0, np.int64)
    results = Results(none, none > 0, none, none, none, none, none)
    error = pickle.loads(pickle.dumps(kind("row 7: it hangs", results)))
    assert type(error) is kind

    def fails(words: object) -> int:
        raise error

    monkeypatch.setattr(cli, "_run", fails)
    assert cli.main(["eval"]) == 1
    assert capsys.readouterr().err == "cosim: row 7: it hangs\n"
