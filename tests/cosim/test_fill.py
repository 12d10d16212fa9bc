"""What stands in elements that take no part: nothing to a softmax, something to other functions."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from softmax_cosim import cli, configs, engines, trace
from softmax_cosim.configs import Config, UsageError
from softmax_cosim.golden.rows import Rows
from softmax_cosim.golden.softmax import softmax
from softmax_cosim.paths import ROOT
from softmax_cosim.trace import Layer

RMS = """
import numpy as np


def over(x, lengths, offsets):
    square = np.add.reduceat(x * x, offsets[:-1]) / lengths
    return x / np.repeat(np.sqrt(square + 1e-5), lengths)


def golden(cfg, rows):
    return over(cfg.scores(rows.q), rows.lengths, rows.offsets)


def reference(scores, keep, offsets):
    return over(np.where(keep, scores, 0.0), np.diff(offsets), offsets)
"""
NORM = """\
golden = "rms:golden"
reference = "rms:reference"
input = "q4.8"
output = "q8.8"
lanes = 8
mask = false
"""


@pytest.fixture
def norm(tmp_path: Path) -> Path:
    """A golden model of RMSNorm over rows of 16; keys may be put in front."""
    (tmp_path / "rms.py").write_text(RMS)
    path = tmp_path / "norm.toml"
    path.write_text("length = 16\n" + NORM)
    return path


def score(config: Path, scores: np.ndarray) -> int:
    path = config.parent / "some.safetensors"
    trace.write(path, [Layer(0, scores.astype(np.float32))], model="none", source="drawn at random")
    return cli.main(
        ["score", str(path), "--config", str(config), "--out", str(config.parent / "o")]
    )


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 1, (1, 1, *shape))


def test_rows_that_would_be_filled_up_are_refused(norm: Path, capsys: pytest.CaptureFixture[str]):
    assert score(norm, normal(3, 10)) == 2
    said = capsys.readouterr().err
    assert said.startswith("cosim: norm: rows of 10 elements would be filled up to 16, and ")
    assert "rms:reference is no softmax" in said
    assert "fill = SCORE" in said
    assert len(said.splitlines()) == 1
    assert not (norm.parent / "o").exists()
    assert score(norm, normal(3, 16)) == 0


def test_elements_that_are_masked_are_refused(norm: Path, capsys: pytest.CaptureFixture[str]):
    scores = normal(3, 16)
    scores[..., 1, 5] = -np.inf
    assert score(norm, scores) == 2
    assert "elements are masked, which the design is not told" in capsys.readouterr().err
    assert not list((norm.parent / "o").iterdir())
    norm.write_text("fill = 0\n" + norm.read_text())
    assert score(norm, scores) == 0


def test_they_are_filled_with_what_the_configuration_says(
    norm: Path, capsys: pytest.CaptureFixture[str]
):
    norm.write_text("fill = 0\n" + norm.read_text())
    assert score(norm, normal(3, 10)) == 0
    assert "norm: 3 rows filled up to 16 elements, with the score 0" in capsys.readouterr().out
    (run,) = json.loads((norm.parent / "o" / "summary.json").read_text())["runs"]
    assert run["filled_rows"] == 3
    # A mean over 16 of which 6 are 0: every output is sqrt(16/10) too large.
    assert run["datapath"]["l1"] == pytest.approx(10 * 0.8 * (1.6**0.5 - 1), rel=0.2)


def test_what_is_told_which_elements_take_part_needs_no_fill(norm: Path):
    norm.write_text(norm.read_text().replace("mask = false\n", ""))
    scores = normal(3, 10)
    scores[..., 1, 5] = -np.inf
    assert score(norm, scores) == 0


@pytest.mark.parametrize("fill", ["lowest", -1e9, -8.0])
def test_the_lowest_score_may_be_said(fill: object, norm: Path):
    norm.write_text(f"fill = {json.dumps(fill)}\n" + norm.read_text())
    cfg = configs.load(str(norm))
    assert cfg.fill_code == cfg.inputs.lowest == -2048
    assert score(norm, normal(3, 10)) == 0


def test_a_fill_is_a_real_score():
    values = {"input": "q8.4", "output": "uq0.8", "scale": 2.0, "mask": False, "length": 4}
    file = str(ROOT / "examples" / "base2" / "base2.toml")
    base2 = configs.load(file)
    cfg = base2.replace(**values, fill=-3)
    assert (cfg.fill, cfg.fill_code) == (-3.0, -24)
    row = Rows.of([[-3, -5]])
    long = Rows.of([[-3, -5, -24, -24]])
    np.testing.assert_array_equal(softmax(cfg, row).y, softmax(cfg, long).y[:2])
    assert Config(**json.loads(json.dumps(dataclasses.asdict(cfg)))) == cfg
    assert base2.replace(input="fp32", fill=-1.0, scale=1.0).fill_code == np.float32(-1).view("i4")


def test_an_engine_refuses_them_as_well(norm: Path):
    softmax = engines.Golden(str(norm))
    with pytest.raises(UsageError, match="rows of 10 elements would be filled up to 16"):
        softmax(normal(10))
    assert softmax(normal(16)).shape == (1, 1, 16)


@pytest.mark.parametrize("value", ['"high"', "true", "nan", "-inf", "[0]"])
def test_what_is_no_score_is_refused(value: str, norm: Path, capsys: pytest.CaptureFixture[str]):
    norm.write_text(f"fill = {value}\n" + norm.read_text())
    assert score(norm, normal(3, 16)) == 2
    assert 'give a score, or "lowest"' in capsys.readouterr().err


def test_ours_have_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "ours.toml"
    path.write_text('method = "split"\nprecision = "uint8"\nfill = 0\n')
    assert score(path, normal(3, 16)) == 2
    assert "fill goes with a design of your own" in capsys.readouterr().err
