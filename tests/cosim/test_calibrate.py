"""``cosim calibrate``: a proposal that is better than the preset, and a file that says it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from softmax_cosim import cli, configs
from softmax_cosim.calibration.sample import Sample
from softmax_cosim.calibration.search import SLACK, calibrate
from softmax_cosim.configs import UsageError
from softmax_cosim.golden import metrics
from softmax_cosim.golden.quantise import quantise
from softmax_cosim.golden.rows import Rows
from softmax_cosim.golden.softmax import softmax
from softmax_cosim.trace import Layer, Trace, write

TRACES = Path(__file__).parents[2] / "traces"
ROWS = 600


def sample(*names: str, rows: int = ROWS) -> Sample:
    return Sample.of([Trace(TRACES / f"{name}.safetensors") for name in names], rows)


def made(path: Path, scores: np.ndarray, mask: np.ndarray | None = None) -> Path:
    write(path, [Layer(0, scores, mask)], model="none", source="a test", metadata={})
    return path


@pytest.mark.parametrize("model", ["minilm", "ocr"])
@pytest.mark.parametrize("config", ["rexp_uint8", "rexp_uint8_in8", "rexp_int16", "split_int16"])
def test_the_proposal_beats_the_preset_on_rows_it_has_not_seen(model, config):
    found = calibrate(configs.load(config), sample(f"{model}_short", f"{model}_long"))
    assert found.proposal.l1 < found.base.l1
    assert found.proposal.table_bytes <= found.base.table_bytes
    assert found.proposal.cfg.in_w <= found.base.cfg.in_w


@pytest.mark.parametrize("model", ["minilm", "ocr"])
def test_lut2d_is_as_good_with_half_the_table(model):
    found = calibrate(configs.load("lut2d_uint8"), sample(f"{model}_short"))
    assert found.proposal.table_bytes < 0.6 * found.base.table_bytes
    assert found.proposal.l1 < found.base.l1 * (1 + 4 * SLACK)


def test_error_is_the_mean_l1_of_the_metrics():
    cfg = configs.load("split_uint8_rowexp")
    some = sample("minilm_short", rows=200)
    assert some.rows == 200
    assert len(some.parts) == 6  # layers
    errors = metrics.Errors()
    for part in some.parts:
        codes = quantise(part.scores, part.keep, cfg)
        offsets = np.arange(len(part.p) + 1, dtype=np.int64) * part.p.shape[1]
        rows = Rows(codes.q.reshape(-1), codes.keep.reshape(-1), offsets)
        golden = softmax(cfg, rows)
        lsb = np.ldexp(1 / cfg.m, -golden.exponent.astype(np.int32))
        output = golden.y * np.repeat(lsb, rows.lengths)
        errors.update(part.p.reshape(-1), output, rows.keep, offsets, lsb)
    assert some.measure(cfg).l1 == pytest.approx(errors.result()["l1"])


def test_distances_and_sums_are_of_kept_elements_alone(tmp_path):
    scores = np.array([0.0, -1.0, 50.0, -3.0], np.float32).reshape(1, 1, 1, 4).repeat(4, axis=2)
    mask = np.array([True, True, False, True]).reshape(1, 1, 1, 4)
    some = Sample.of([Trace(made(tmp_path / "t.safetensors", scores, mask))], 4)
    np.testing.assert_allclose(np.unique(some.distances()), [0, 1, 3])
    np.testing.assert_allclose(some.sums(), 1 + np.exp(-1) + np.exp(-3))
    assert some.magnitudes().max() == 3


def test_clipping_is_seen_and_healed(tmp_path):
    rng = np.random.default_rng(1)
    scores = rng.normal(0, 30, (1, 2, 40, 16)).astype(np.float32)
    some = Sample.of([Trace(made(tmp_path / "t.safetensors", scores))], 80)
    preset = configs.load("split_uint8").replace(in_w=8, frac=4)
    assert some.measure(preset).clipped > 0.7  # it reaches to 8
    assert some.measure(preset).moved > 0.5
    found = calibrate(preset, some)
    assert found.proposal.moved == 0
    assert found.proposal.l1 < 0.1 * found.base.l1


@pytest.mark.parametrize("config", ["split_int16", "rexp_uint8", "lut2d_uint8"])
def test_what_a_translator_clips_is_healed(config):
    """Cross-attention of pt-en goes far beyond what Q8.8 holds."""
    found = calibrate(configs.load(config), sample("marian_pten", rows=4000))
    assert found.clips
    assert found.base.moved > 0.001
    assert found.proposal.moved < 0.1 * found.base.moved
    assert found.proposal.l1 < found.base.l1
    assert found.proposal.cfg.recentre or found.proposal.cfg.frac < 8


def test_the_translators_format_is_told(tmp_path, capsys):
    trace = TRACES / "marian_pten.safetensors"
    arguments = ["--config", "split_int16", "--out", str(tmp_path)]
    assert cli.main(["calibrate", str(trace), *arguments]) == 0
    said = capsys.readouterr().out
    assert "% of the rows with split_int16, of 0 % with split_int16_calibrated" in said
    told = json.loads((tmp_path / "split_int16_calibrated.json").read_text())
    cfg = configs.load(str(tmp_path / "split_int16_calibrated.toml"))
    assert told["proposal"]["recentre"] == cfg.recentre
    assert told["base"]["moved"] > told["proposal"]["moved"] == 0


def test_without_clipping_rows_are_not_recentred():
    found = calibrate(configs.load("split_int16"), sample("minilm_short", rows=100))
    assert found.base.moved == 0
    assert not any(candidate.cfg.recentre for candidate in found.tried)


def test_what_underflows_is_not_clipped(tmp_path):
    """As a mask of -1e4 does, which is a score; half the scores are masked as bfloat16 does."""
    scores = np.zeros((1, 1, 4, 8), np.float32)
    scores[..., :2], scores[..., 2:6] = -1e4, -3.3895313892515355e38
    some = Sample.of([Trace(made(tmp_path / "t.safetensors", scores))], 4)
    found = some.measure(configs.load("split_uint8"))
    assert (found.clipped, found.underflow) == (0, 0.5)


def test_the_command_writes_a_configuration_that_loads_and_says_what_was_found(tmp_path, capsys):
    trace = TRACES / "minilm_short.safetensors"
    arguments = ["--config", "rexp_uint8", "--max-rows", "300", "--out", str(tmp_path)]
    assert cli.main(["calibrate", str(trace), *arguments]) == 0
    cfg = configs.load(str(tmp_path / "rexp_uint8_calibrated.toml"))
    told = json.loads((tmp_path / "rexp_uint8_calibrated.json").read_text())
    proposal = {key: told["proposal"][key] for key in ("in_w", "frac", "xs", "ke", "sum_index")}
    assert proposal == {key: getattr(cfg, key) for key in proposal}
    searched = {"name", *proposal}
    unchanged = [f.name for f in dataclasses.fields(cfg) if f.name not in searched]
    base = configs.load("rexp_uint8")
    assert all(getattr(cfg, key) == getattr(base, key) for key in unchanged)
    assert len(told["tried"]) > 50
    page = (tmp_path / "rexp_uint8_calibrated.html").read_text()
    assert page.count("<svg") == 3
    assert repr(told["proposal"]["l1"]) in page
    assert "cosim replay" in capsys.readouterr().out


def test_long_rows_are_given_room(tmp_path):
    scores = np.random.default_rng(2).normal(0, 2, (1, 1, 4, 1500)).astype(np.float32)
    trace = made(tmp_path / "long.safetensors", scores)
    code = cli.main(
        ["calibrate", str(trace), "--config", "split_uint8_in8", "--out", str(tmp_path / "out")]
    )
    assert code == 0
    assert configs.load(str(tmp_path / "out" / "split_uint8_in8_calibrated.toml")).max_len == 1500


@pytest.mark.parametrize(
    ("scores", "options", "sentence"),
    [
        (np.zeros((1, 1, 4, 5000)), [], "longer than any configuration stores"),
        (np.zeros((1, 1, 1, 8)), [], "one row a layer is too few"),
        (np.full((1, 1, 4, 8), -np.inf), [], "every row is masked whole"),
        (np.zeros((1, 1, 4, 8)), ["--max-rows", "1"], "--max-rows 1 is too few"),
        (np.zeros((1, 1, 4, 8)), ["--config", "nonsense"], "unknown configuration 'nonsense'"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_nothing_is_written(
    tmp_path, capsys, scores, options, sentence
):
    trace = made(tmp_path / "t.safetensors", scores.astype(np.float32))
    out = tmp_path / "out"
    command = ["calibrate", str(trace), "--config", "rexp_uint8", "--out", str(out), *options]
    assert cli.main(command) == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert told.count("\n") == 1
    assert not out.exists()


def test_the_input_of_a_golden_model_alone_is_calibrated(tmp_path, monkeypatch, capsys):
    """Its format and recentring; the proposal is a configuration that can be scored at once."""
    monkeypatch.chdir(tmp_path)
    short = str(TRACES / "minilm_short.safetensors")
    words = ["--max-rows", "300", "--out", "cal", "--name", "better"]
    assert cli.main(["calibrate", short, "--config", "field/softermax", *words]) == 0
    assert "cosim score" in capsys.readouterr().out
    figures = json.loads(Path("cal/better.json").read_text())
    assert figures["proposal"]["l1"] < figures["base"]["l1"]
    base, found = configs.load("field/softermax"), configs.load("cal/better.toml")
    assert found.replace(name=base.name, input=base.input, recentre=False) == base.replace(
        design=found.design
    )
    assert found.input == f"q{8 - found.frac}.{found.frac}"


def test_what_a_golden_function_refuses_is_left_out(tmp_path):
    """hls4ml's tables want 11 bits; a file of one's own is found again from another folder."""
    found = calibrate(configs.load("field/hls4ml"), sample("minilm_short", rows=60))
    assert {candidate.cfg.in_w for candidate in found.tried} == {12, 14, 16}
    block = '# /// cosim\n# input = "q8.8"\n# output = "uq0.8"\n# ///\n'
    body = "def softmax(cfg, rows):\n    return rows.q * 0 + 9 * rows.keep\n"
    (tmp_path / "my.own").mkdir()
    mine = tmp_path / "my.own" / "mine.py"
    mine.write_text(block + body)
    words = ["--config", str(mine), "--max-rows", "50", "--out", str(tmp_path / "cal")]
    assert cli.main(["calibrate", str(TRACES / "minilm_short.safetensors"), *words]) == 0
    proposed = configs.load(str(tmp_path / "cal" / "mine_calibrated.toml"))
    assert softmax(proposed, Rows.of([[1, 2]])).y.tolist() == [9, 9]


def test_a_golden_function_that_fails_is_no_candidate(tmp_path):
    (tmp_path / "mine.py").write_text(
        '# /// cosim\n# input = "q8.8"\n# output = "uq0.8"\n# ///\n'
        "def softmax(cfg, rows):\n    return 1 // 0\n"
    )
    with pytest.raises(UsageError, match="failed with ZeroDivisionError"):
        calibrate(configs.load(str(tmp_path / "mine.py")), sample("minilm_short", rows=10))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (str(TRACES.parent / "examples/distance/distance.toml"), "is a design of your own with R"),
        ("field/vexp", "input = 'bf16' has no fraction bits to choose"),
    ],
)
def test_a_design_that_cannot_be_calibrated_is_refused(name, sentence):
    with pytest.raises(UsageError, match=sentence):
        calibrate(configs.load(name), sample("minilm_short", rows=10))
