"""``cosim replay`` and ``cosim score`` as a user types them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Event, Thread, current_thread, main_thread
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file, save_file

import softmax_cosim.measure
from softmax_cosim import cli, configs
from softmax_cosim.configs import Config
from softmax_cosim.golden.rows import Rows
from softmax_cosim.golden.softmax import Outputs, softmax
from softmax_cosim.measure import Measured, Slice
from softmax_cosim.paths import ROOT
from softmax_cosim.trace import Layer, Trace, write

TRACES = sorted(str(path) for path in (ROOT / "traces").glob("*.safetensors"))
SHORT = str(ROOT / "traces" / "ocr_short.safetensors")


def cosim_command(*words: str) -> list[str]:
    return [sys.executable, "-m", "softmax_cosim.cli", *words]


def summary(folder: Path) -> dict:
    return json.loads((folder / "summary.json").read_text())


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """A trace with what real ones have: a mask, a masked row, and scores out of all bounds."""
    rng = np.random.default_rng(3)
    scores = rng.normal(0, 3, (2, 3, 5, 20)).astype(np.float32)
    scores[0, 0, 0] *= 80_000
    scores[1, 2, 3, 7:] = -np.inf
    mask = np.ones((2, 1, 5, 20), np.bool_)
    mask[1, 0, 4] = False
    path = tmp_path / "small.safetensors"
    write(path, [Layer(0, scores, mask), Layer(4, scores[:1])], model="a model", source="a test")
    return path


@pytest.mark.parametrize("transport", ["bulk", "signal"])
def test_a_replay_is_exact_and_writes_everything(trace: Path, tmp_path: Path, transport: str):
    out = tmp_path / "out"
    words = ["replay", str(trace), "--config", "rexp_uint8", "--save-outputs", "--out", str(out)]
    assert cli.main([*words, "--transport", transport]) == 0
    (run,) = summary(out)["runs"]
    assert (run["rows"], run["elements"]) == (45, 900)
    assert run["mismatched_elements"] == run["lost_rows"] == 0
    assert run["latency"]["prediction_errors"] == 0
    assert run["clipped"] > 0
    rows = pq.read_table(out / "rows.parquet").to_pydict()
    assert len(rows["row"]) == 45
    assert rows["latency"] == [
        b - a for a, b in zip(rows["first_in"], rows["last_out"], strict=True)
    ]

    outputs = load_file(out / "outputs.safetensors")
    assert set(outputs) == {
        f"rexp_uint8/layer.{layer}.scores/{kind}"
        for layer in (0, 4)
        for kind in ("q", "keep", "golden", "rtl")
    }
    cfg = configs.load("rexp_uint8")
    for layer in Trace(trace).layers():
        q, keep, golden, rtl = (
            outputs[f"rexp_uint8/{layer.name}/{kind}"] for kind in ("q", "keep", "golden", "rtl")
        )
        assert q.shape == layer.scores.shape
        assert (q.dtype, keep.dtype, golden.dtype) == (np.int32, np.uint8, np.uint16)
        rows = Rows.of(q.reshape(-1, 20), keep.reshape(-1, 20))
        np.testing.assert_array_equal(softmax(cfg, rows).y.reshape(q.shape), golden)
        np.testing.assert_array_equal(golden, rtl)
        if layer.mask is not None:
            assert not golden[1, :, 4].any()
            assert not golden[1, 2, 3, 7:].any()


@pytest.mark.parametrize("command", ["score", "replay"])
def test_what_was_clipped_is_told_by_layer(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Layer 2 holds what half-precision masks are; layer 3 clips where it shows, 4 where not."""
    rng = np.random.default_rng(4)
    masked = rng.normal(0, 3, (1, 2, 3, 20)).astype(np.float32)
    masked[..., 12:] = np.finfo(np.float16).min
    moved = rng.normal(200, 3, (1, 2, 3, 20)).astype(np.float32)
    harmless = rng.normal(0, 3, (1, 2, 3, 20)).astype(np.float32)
    harmless[..., 5], harmless[..., 6] = -1e4, -1e9
    path = tmp_path / "t.safetensors"
    layers = [Layer(2, masked), Layer(3, moved), Layer(4, harmless)]
    write(path, layers, model="a model", source="a test")
    out = tmp_path / "out"
    assert cli.main([command, str(path), "--config", "rexp_uint8", "--out", str(out)]) == 0
    (run,) = summary(out)["runs"]
    found = {layer.pop("tensor"): layer for layer in run["layers"]}
    common = {"trace": str(path), "rows": 6}
    assert found == {
        "layer.2.scores": common | {"scores": 72, "clipped": 0, "underflow": 0, "moved_rows": 0},
        "layer.3.scores": common | {"scores": 120, "clipped": 120, "underflow": 0, "moved_rows": 6},
        "layer.4.scores": common | {"scores": 120, "clipped": 0, "underflow": 12, "moved_rows": 0},
    }
    assert (run["clipped"], run["underflow"], run["moved_rows"]) == (120, 12, 6)
    warning = "layer.3.scores: 120 of 120 scores clipped at Q8.8, which moves the probabilities of"
    said = capsys.readouterr().out
    page = (out / "report.html").read_text()
    for text in (said, page):
        assert text.count(warning) == 1
        assert text.count("clipped at") == 1


@pytest.mark.parametrize("method", ["rexp", "lut2d", "split"])
def test_every_configuration_replays_the_committed_traces(
    method: str, tmp_path: Path, request: pytest.FixtureRequest
):
    """Rows spread over every trace; with ``--whole`` all of them."""
    names = [name for name in configs.names() if configs.load(name).method == method]
    whole = request.config.getoption("--whole")
    words = [] if whole else ["--max-rows", "500"]
    assert cli.main(["replay", *TRACES, "--config", *names, *words, "--out", str(tmp_path)]) == 0
    runs = summary(tmp_path)["runs"]
    assert [run["config"] for run in runs] == names
    for run in runs:
        assert run["rows"] >= 20_000 if whole else run["rows"] == 500 * len(TRACES)
        assert run["mismatched_elements"] == run["lost_rows"] == 0
        assert run["latency"]["prediction_errors"] == 0


@pytest.mark.parametrize("stalls", ["light", "source-only", "heavy"])
def test_stalls_change_no_output(stalls: str, tmp_path: Path):
    words = ["replay", SHORT, "--config", "lut2d_uint8", "--max-rows", "300", "--stalls", stalls]
    assert cli.main([*words, "--seed", "5", "--out", str(tmp_path)]) == 0
    (run,) = summary(tmp_path)["runs"]
    assert (run["rows"], run["mismatched_elements"]) == (300, 0)
    # Of rows that the sink held up nobody says when they leave.
    assert run["latency"]["prediction_errors"] == (0 if stalls == "source-only" else None)


def test_rows_layers_and_lanes_can_be_chosen(trace: Path, tmp_path: Path):
    words = ["score", str(trace), "--config", "lut2d_uint4", "--layers", "4", "--rows", "3,14"]
    assert cli.main([*words, "--lanes", "4", "--out", str(tmp_path)]) == 0
    (run,) = summary(tmp_path)["runs"]
    assert (run["rows"], run["lanes"], run["cycles"]) == (2, 4, None)
    rows = pq.read_table(tmp_path / "rows.parquet").to_pydict()
    assert (rows["row"], rows["head"], rows["query"]) == ([3, 14], [0, 2], [3, 4])


def test_the_number_of_jobs_changes_nothing(tmp_path: Path):
    words = ["replay", *TRACES, "--config", "lut2d_uint8", "--max-rows", "9000"]
    for jobs in ("1", "3"):
        assert cli.main([*words, "--jobs", jobs, "--out", str(tmp_path / jobs)]) == 0
    one, three = (pq.read_table(tmp_path / jobs / "rows.parquet") for jobs in ("1", "3"))
    assert one.equals(three)


def test_batches_are_measured_side_by_side_and_kept_in_order(
    trace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The first one is not done before the second one is."""
    measure, second_is_done = Slice.measure, Event()

    def measured(part: Slice, *args: Any, **options: Any) -> Measured:
        if part.layer.index == 0:
            assert second_is_done.wait(30)
        found = measure(part, *args, **options)
        if part.layer.index == 4:
            second_is_done.set()
        return found

    monkeypatch.setattr(Slice, "measure", measured)
    words = ["replay", str(trace), "--config", "rexp_uint8", "--jobs", "2", "--out", str(tmp_path)]
    assert cli.main(words) == 0
    tensors = pq.read_table(tmp_path / "rows.parquet")["tensor"].to_pylist()
    assert tensors == ["layer.0.scores"] * 30 + ["layer.4.scores"] * 15


def test_what_is_of_ones_own_is_called_by_one_thread(
    trace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Nobody may have thought of several."""
    measure, threads = Slice.measure, set[Thread]()

    def measured(part: Slice, *args: Any, **options: Any) -> Measured:
        threads.add(current_thread())
        return measure(part, *args, **options)

    monkeypatch.setattr(Slice, "measure", measured)
    words = ["replay", str(trace), "--config", str(ROOT / "examples/base2/base2.toml")]
    assert cli.main([*words, "--jobs", "2", "--out", str(tmp_path)]) == 0
    assert threads == {main_thread()}


def test_score_measures_what_replay_measures(tmp_path: Path):
    words = [SHORT, "--config", "rexp_uint8", "--max-rows", "500", "--out"]
    assert cli.main(["replay", *words, str(tmp_path / "a")]) == 0
    assert cli.main(["score", *words, str(tmp_path / "b")]) == 0
    (played,), (scored,) = summary(tmp_path / "a")["runs"], summary(tmp_path / "b")["runs"]
    for key in ("datapath", "total", "table_bytes", "clipped", "rows", "elements"):
        assert played[key] == scored[key]


def test_a_mismatch_is_exit_1_and_says_where(
    trace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def wrong(cfg: Config, rows: Rows) -> Outputs:
        right = softmax(cfg, rows)
        y = right.y.copy()
        if len(rows) > 7:  # the attention map is smaller
            y[rows.offsets[7] + 9] ^= 1
        return Outputs(y, right.stages | {"y": y}, right.exponent)

    monkeypatch.setattr(softmax_cosim.measure, "softmax", wrong)
    monkeypatch.setattr(softmax_cosim.measure.library, "ready", lambda: False)
    words = ["replay", str(trace), "--config", "rexp_uint8", "--layers", "0"]
    assert cli.main([*words, "--out", str(tmp_path)]) == 1
    (run,) = summary(tmp_path)["runs"]
    assert run["mismatched_elements"] == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "layer.0.scores row 7 (batch 0, head 1, query 2): element 9, lane 1: expected" in said
    assert "--layers 0 --rows 7 --waves" in said


def test_waves_of_one_row(tmp_path: Path):
    words = ["replay", SHORT, "--config", "rexp_uint8", "--layers", "0", "--rows", "5", "--waves"]
    assert cli.main([*words, "--out", str(tmp_path)]) == 0
    assert (tmp_path / "rexp_uint8.vcd").read_text().startswith("$version")


def test_an_interrupted_replay_reports_what_it_finished(tmp_path: Path):
    long = tmp_path / "long.safetensors"
    scores = np.random.default_rng(1).normal(0, 3, (8, 8, 256, 1024)).astype(np.float16)
    write(long, [Layer(i, scores) for i in range(6)], model="m", source="s")
    out = tmp_path / "out"
    process = subprocess.Popen(
        cosim_command(
            "score", str(long), "--config", "rexp_uint8", "lut2d_uint8", "--out", str(out)
        ),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    while not list(out.glob(".unfinished-*/rows.parquet")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate()
    assert process.returncode == 130, said
    assert "interrupted" in said
    assert summary(out)["runs"][0]["rows"] < 6 * 8 * 8 * 256
    assert "<title>Interrupted" in (out / "report.html").read_text()


def _not_safetensors(path: Path) -> None:
    path.write_text("scores")


def _truncated(path: Path) -> None:
    write(path, [Layer(0, np.zeros((1, 1, 2, 8), np.float32))], model="m", source="s")
    path.write_bytes(path.read_bytes()[:-9])


def _saved(path: Path, tensors: dict[str, np.ndarray], **metadata: str) -> None:
    about = {"format": "attention-trace", "version": "1", "model": "m", "source": "s"} | metadata
    save_file(tensors, path, about)


def _scores(*shape: int) -> dict[str, np.ndarray]:
    return {"layer.0.scores": np.zeros(shape, np.float32)}


def _nan(path: Path) -> None:
    tensors = _scores(1, 2, 3, 8)
    tensors["layer.0.scores"][0, 1, 2, 5] = np.nan
    _saved(path, tensors)


def _infinite(path: Path) -> None:
    tensors = _scores(1, 2, 3, 8)
    tensors["layer.0.scores"][0, 1, 2, 5] = np.inf
    _saved(path, tensors)


BAD_TRACES = {
    "nothing there": (lambda path: None, "does not exist"),
    "not safetensors": (_not_safetensors, "is not one"),
    "truncated": (_truncated, "is truncated"),
    "another format": (lambda p: _saved(p, _scores(1, 1, 1, 8), format="x"), "format is 'x'"),
    "another version": (lambda p: _saved(p, _scores(1, 1, 1, 8), version="2"), "version is '2'"),
    "no scores": (lambda p: _saved(p, {"weights": np.zeros(3)}), "has no scores"),
    "rank 3": (lambda p: _saved(p, _scores(1, 1, 8)), "has rank 3"),
    "empty": (lambda p: _saved(p, _scores(1, 0, 1, 8)), "is empty"),
    "NaN": (_nan, "layer.0.scores: NaN at index [0, 1, 2, 5]"),
    "+inf": (_infinite, "layer.0.scores: +inf at index [0, 1, 2, 5]"),
    "a mask too wide": (
        lambda p: _saved(p, _scores(1, 1, 1, 8) | {"layer.0.mask": np.ones((9,), np.bool_)}),
        "does not broadcast",
    ),
    "rows too long": (lambda p: _saved(p, _scores(1, 1, 1, 1025)), "stores at most 1024"),
}


def refuses(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> str:
    """The command is refused with one sentence, and leaves nothing behind."""
    assert cli.main(list(words)) == 2
    said = capsys.readouterr().err
    assert said.startswith("cosim: ")
    assert said.count("\n") == 1
    assert not [path for path in folder.rglob("*") if path.is_file()]
    return said


@pytest.mark.parametrize("what", BAD_TRACES)
def test_a_bad_trace(what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    make, sentence = BAD_TRACES[what]
    path, out = tmp_path / "bad.safetensors", tmp_path / "out"
    make(path)
    words = ["score", str(path), "--config", "rexp_uint8", "--out", str(out)]
    said = refuses(capsys, out, *words)
    assert sentence in said
    assert str(path) in said


BAD_OPTIONS = {
    "--config nobody": "there are: lut2d_int16",
    "--lanes 3": "lanes = 3; choose one of 1, 2, 4, 8, 16, 32",
    "--layers 7": "has no layer 7",
    "--rows 2000": "has no row 2000",
    "--stalls often": "unknown stall profile 'often'",
    "--seed -1": "--seed -1 is negative",
    "--out /proc/nowhere": "cannot write to the folder /proc/nowhere",
}


@pytest.mark.parametrize("option", BAD_OPTIONS)
def test_a_bad_option(option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    words = ["score", SHORT, "--config", "rexp_uint8", "--out", str(tmp_path), *option.split()]
    assert BAD_OPTIONS[option] in refuses(capsys, tmp_path, *words)


@pytest.mark.parametrize("command", ["replay", "score", "extract", "doctor", "synth"])
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stopped:
        cli.main([command, "--help"])
    assert stopped.value.code == 0
    assert f"usage: cosim {command}" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--rows 1,x", "--max-rows 0", "--transport pigeon"])
def test_an_option_that_cannot_be_read(option: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["score", SHORT, "--config", "rexp_uint8", *option.split()])
    assert stopped.value.code == 2
    assert option.split()[0] in capsys.readouterr().err


def test_a_configuration_that_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for text, sentence in {
        "method = ": "is not TOML",
        'precision = "uint8"': "method is missing",
        'method = "rexp"\nprecision = "uint8"\nwidth = 3': "unknown key 'width'",
        'method = "rexp"\nprecision = "uint8"\nin_w = 17': "in_w = 17",
    }.items():
        path = tmp_path / "mine.toml"
        path.write_text(text)
        words = ["score", SHORT, "--config", str(path), "--out", str(tmp_path / "out")]
        assert sentence in refuses(capsys, tmp_path / "out", *words)
