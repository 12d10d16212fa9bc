"""What a replay keeps: under names that mean one thing, and only figures that exist."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file

from softmax_cosim import cli, configs
from softmax_cosim.files import sha256
from softmax_cosim.golden.quantise import quantise
from softmax_cosim.paths import ROOT
from softmax_cosim.replay import command
from softmax_cosim.report import Report
from softmax_cosim.trace import Layer, write

EXAMPLE = ROOT / "examples" / "distance"
SHAPE = (1, 2, 16, 24)


def trace_at(path: Path, seed: int, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """A trace of one layer; returns its scores."""
    scores = np.random.default_rng(seed).normal(0, 2, shape).astype(np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, [Layer(0, scores)], model=f"model {seed}", source="drawn")
    return scores


def configuration(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def summary(folder: Path) -> dict:
    return json.loads((folder / "summary.json").read_text())


@pytest.fixture
def wrong_example(example: Path) -> Path:
    """The example, one too large in every element."""
    design = example / "distance_top.sv"
    design.write_text(design.read_text().replace("OutW'(M - 32'(", "OutW'(M - 1 - 32'("))
    return example / "distance.toml"


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Report]:
    """Runs a command and returns the report that it made."""
    made: list[Report] = []
    monkeypatch.setattr(command.report, "print_report", lambda *given: made.append(given[0]))

    def run(*words: object) -> Report:
        cli.main([str(word) for word in words])
        return made.pop()

    return run


def test_outputs_of_two_traces_stay_apart(tmp_path: Path):
    """Same layer numbers, the same shapes; in two folders even the same name."""
    paths = [tmp_path / name / "t.safetensors" for name in ("one", "two")]
    paths.append(tmp_path / "other.safetensors")
    scores = [trace_at(path, seed) for seed, path in enumerate(paths)]
    words = ["score", *map(str, paths), "--config", "rexp_uint8", "lut2d_uint8", "--save-outputs"]
    assert cli.main([*words, "--out", str(tmp_path / "out")]) == 0
    outputs = load_file(tmp_path / "out" / "outputs.safetensors")
    cfg = configs.load("rexp_uint8")
    for name, given in zip(("one/t", "two/t", "other"), scores, strict=True):
        kept = outputs[f"rexp_uint8/{name}/layer.0.scores/q"]
        np.testing.assert_array_equal(kept, quantise(given, None, cfg).q)
    assert len(outputs) == 2 * 3 * 3
    rows = pq.read_table(tmp_path / "out" / "rows.parquet").to_pydict()
    assert set(rows["trace"]) == {str(path) for path in paths}


def test_outputs_of_traces_of_other_shapes_stay_apart(tmp_path: Path):
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    trace_at(one, 0)
    trace_at(two, 1, (1, 1, 3, 5))
    words = ["score", str(one), str(two), "--config", "rexp_uint8", "--save-outputs"]
    assert cli.main([*words, "--out", str(tmp_path / "out")]) == 0
    outputs = load_file(tmp_path / "out" / "outputs.safetensors")
    assert outputs["rexp_uint8/one/layer.0.scores/q"].shape == SHAPE
    assert outputs["rexp_uint8/two/layer.0.scores/q"].shape == (1, 1, 3, 5)


def test_configurations_of_one_stem_stay_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "t.safetensors"
    trace_at(path, 0)
    own = [
        configuration(tmp_path / folder / "rexp_uint8.toml", f'method = "rexp"\n{rest}')
        for folder, rest in (("x", 'precision = "uint4"'), ("y", 'precision = "uint2"'))
    ]
    given = ["rexp_uint8", *map(str, own)]
    words = ["replay", str(path), "--config", *given, "--save-outputs", "--waves", "--rows", "0"]
    assert cli.main([*words, "--out", str(tmp_path / "out")]) == 0
    names = ["configs/rexp_uint8", "x/rexp_uint8", "y/rexp_uint8"]
    runs = summary(tmp_path / "out")["runs"]
    assert [run["config"] for run in runs] == names
    assert [run["precision"] for run in runs] == ["uint8", "uint4", "uint2"]
    rows = pq.read_table(tmp_path / "out" / "rows.parquet").to_pydict()
    assert rows["config"] == names
    outputs = load_file(tmp_path / "out" / "outputs.safetensors")
    assert len(outputs) == 3 * 4
    assert all(f"{name}/layer.0.scores/rtl" in outputs for name in names)
    assert len(list((tmp_path / "out").glob("*.vcd"))) == 3
    page = (tmp_path / "out" / "report.html").read_text()
    said = capsys.readouterr().out
    for name in names:
        assert f'id="run-{name}"' in page
        assert name in said


def test_a_file_given_twice_is_played_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path, link = tmp_path / "t.safetensors", tmp_path / "link.safetensors"
    trace_at(path, 0)
    link.symlink_to(path)
    words = ["score", str(path), str(link), "--config", "rexp_uint8"]
    words.append(str(ROOT / "configs" / "rexp_uint8.toml"))
    assert cli.main([*words, "--out", str(tmp_path / "out")]) == 0
    (run,) = summary(tmp_path / "out")["runs"]
    assert run["rows"] == 32
    said = " ".join(capsys.readouterr().out.split())
    assert f"{link} is the same file as {path}: played once" in said


def test_the_printed_command_names_the_configuration_as_given(
    tmp_path: Path, reported: Callable[..., Report]
):
    path = tmp_path / "a trace.safetensors"
    trace_at(path, 0)
    own = configuration(tmp_path / "my own.toml", 'method = "rexp"\nprecision = "uint8"')
    found = reported("score", path, "--config", own, "--out", tmp_path / "out")
    shown = found.runs[0].worst[0].detail.command
    assert f"--config '{own}'" in shown
    assert f"'{path}'" in shown


def test_the_map_is_what_came_out_of_the_hardware(
    wrong_example: Path, tmp_path: Path, reported: Callable[..., Report]
):
    path = tmp_path / "t.safetensors"
    trace_at(path, 0)
    words = ("--config", wrong_example, "--save-outputs", "--out", tmp_path / "out")
    found = reported("replay", path, *words)
    outputs = load_file(tmp_path / "out" / "outputs.safetensors")
    golden, rtl = (outputs[f"distance/layer.0.scores/{kind}"] for kind in ("golden", "rtl"))
    assert (golden != rtl).any()
    (shown,) = found.runs[0].maps
    np.testing.assert_allclose(shown.hardware, rtl[0, 0] / 255, rtol=1e-15)
    assert ">hardware<" in (tmp_path / "out" / "report.html").read_text()


def test_a_map_shows_only_rows_that_were_played(tmp_path: Path, reported: Callable[..., Report]):
    path = tmp_path / "t.safetensors"
    trace_at(path, 0)
    words = ("--config", "rexp_uint8", "--rows", "18,21,30", "--out", tmp_path / "out")
    (shown,) = reported("replay", path, *words).runs[0].maps
    assert (shown.head, shown.queries.tolist()) == (1, [2, 5, 14])
    assert shown.hardware.shape == (3, 24)


def test_without_a_simulator_nothing_is_called_hardware(tmp_path: Path):
    path = tmp_path / "t.safetensors"
    trace_at(path, 0)
    assert cli.main(["score", str(path), "--config", "rexp_uint8", "--out", str(tmp_path)]) == 0
    page = (tmp_path / "report.html").read_text()
    assert ">hardware<" not in page
    assert "float and golden model" in page
    assert ">golden model<" in page


def test_figures_that_nobody_knows_are_null(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "t.safetensors"
    trace_at(path, 0)
    toml = EXAMPLE / "distance.toml"
    assert cli.main(["replay", str(path), "--config", str(toml), "--out", str(tmp_path)]) == 0
    (run,) = summary(tmp_path)["runs"]
    assert run["table_bytes"] is None
    assert run["latency"]["formula"] is run["latency"]["prediction_errors"] is None
    assert run["mismatched_elements"] == run["lost_rows"] == 0
    line = [line for line in capsys.readouterr().out.splitlines() if "distance  " in line][-1]
    assert line.split()[8] == "–"  # mistimed
    assert line.split()[10] == "–"  # table bytes
    page = (tmp_path / "report.html").read_text()
    total = page[page.index('id="datapath-distance"') :]
    ends = total[: total.index("</tr>")].split("<td")[-2:]
    assert all("–" in cell for cell in ends)


def test_figures_that_only_hardware_gives_are_null_without_it(tmp_path: Path):
    path = tmp_path / "t.safetensors"
    trace_at(path, 0)
    words = ["score", str(path), "--config", "rexp_uint8", str(EXAMPLE / "distance.toml")]
    assert cli.main([*words, "--out", str(tmp_path)]) == 0
    for run in summary(tmp_path)["runs"]:
        for key in ("mismatched_elements", "lost_rows", "cycles", "elements_per_lane_cycle"):
            assert run[key] is None
        assert run["latency"]["min"] is run["latency"]["prediction_errors"] is None
    rows = pq.read_table(tmp_path / "rows.parquet").to_pydict()
    for key in ("mismatched", "lost", "error", "latency", "first_in", "predicted_last_out"):
        assert set(rows[key]) == {None}


def test_a_design_of_ones_own_is_recorded_with_its_files(wrong_example: Path, tmp_path: Path):
    path = tmp_path / "t.safetensors"
    trace_at(path, 0)
    words = ["score", str(path), "--config", str(wrong_example), "rexp_uint8"]
    assert cli.main([*words, "--out", str(tmp_path)]) == 0
    own, ours = summary(tmp_path)["runs"]
    assert "design" not in ours
    folder = wrong_example.parent
    found = own["design"]
    assert (found["top"], found["golden"]) == ("distance_top", "distance:distance")
    assert found["sources"][-1] == {
        "path": str(folder / "distance_top.sv"),
        "sha256": sha256(folder / "distance_top.sv"),
    }
    assert len(found["sources"]) == 9
    assert found["functions"][0]["sha256"] == sha256(folder / "distance.py")
    assert found["file"]["sha256"] == sha256(wrong_example)
    assert found["functions"][0]["sha256"] in (tmp_path / "report.html").read_text()
