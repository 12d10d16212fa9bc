"""``cosim replay --scheduler``: the files of one machine, whatever befalls the workers."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from softmax_cosim import cli
from softmax_cosim.cluster import Cluster
from softmax_cosim.configs import UsageError
from softmax_cosim.files import sha256
from softmax_cosim.paths import ROOT
from softmax_cosim.trace import Layer, write

pytest.importorskip("distributed", reason="the extra cluster is not installed")

WORDS = ["--config", "rexp_uint8", "--figures", "full", "--save-outputs"]


def replay(trace: Path, out: Path, *words: str) -> int:
    return cli.main(["replay", str(trace), *(words or WORDS), "--out", str(out)])


def there(workers, trace: Path, out: Path, *words: str) -> int:
    return replay(trace, out, *(words or WORDS), "--scheduler", workers.address)


def summary(folder: Path) -> dict:
    """All but how long it took."""
    found = json.loads((folder / "summary.json").read_text())
    for run in found["runs"]:
        assert run.pop("wall_s") > 0
    return found


def assert_same(one: Path, other: Path) -> None:
    for name in ("rows.parquet", "outputs.safetensors"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    assert summary(one) == summary(other)
    names = {"rows.parquet", "outputs.safetensors", "summary.json", "report.html"}
    assert {path.name for path in other.iterdir()} == names


@pytest.fixture(scope="module")
def here(trace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one machine made."""
    folder = tmp_path_factory.mktemp("here")
    assert replay(trace, folder) == 0
    return folder


def test_the_files_are_those_of_one_machine(workers, trace: Path, here: Path, tmp_path: Path):
    assert there(workers, trace, tmp_path / "there") == 0
    assert_same(here, tmp_path / "there")
    assert summary(tmp_path / "there")["runs"][0]["rows"] == 150


@pytest.mark.parametrize("idle", [False, True], ids=["at work", "with results to be taken"])
def test_a_worker_dies_half_way(
    idle: bool, workers, trace: Path, here: Path, tmp_path: Path, at_result
):
    killed: list[str] = []

    def kill() -> None:
        if idle:
            workers.come_to_an_end()
        killed.append(workers.kill_one())

    at_result(8, kill)
    assert there(workers, trace, tmp_path / "there") == 0
    assert killed
    assert_same(here, tmp_path / "there")


def test_a_run_that_was_ended_goes_on(
    workers, trace: Path, here: Path, tmp_path: Path, at_result, monkeypatch, capsys
):
    def end() -> None:
        raise UsageError("the client was killed")

    asked: list[str] = []
    real = Cluster.submit
    monkeypatch.setattr(
        Cluster, "submit", lambda self, key, *work: asked.append(key) or real(self, key, *work)
    )
    at_result(10, end)
    assert there(workers, trace, tmp_path / "there") == 2
    assert not (tmp_path / "there" / "rows.parquet").exists()
    with sqlite3.connect(tmp_path / "there" / ".played") as file:
        shards = dict(file.execute("SELECT key, results FROM played"))
        assert len(shards) == 9
        (cut, short), (changed, data), *others = shards.items()
        damaged = {cut: short[:-1], changed: bytes([*data[:-1], data[-1] ^ 1])}
        for key, bad in damaged.items():
            file.execute("UPDATE played SET results = ? WHERE key = ?", [bad, key])
    file.close()

    before = len(set(asked))
    asked.clear()
    assert there(workers, trace, tmp_path / "there") == 0
    assert "taken over from an earlier run: 7 of" in capsys.readouterr().out
    assert {f"cosim-{key.hex()}" for key, _ in others}.isdisjoint(asked)
    assert {f"cosim-{key.hex()}" for key in damaged} <= set(asked)
    assert len(asked) > before - 9
    assert_same(here, tmp_path / "there")


@pytest.mark.parametrize("busy", [True, False], ids=["between two shards", "while waiting"])
def test_ctrl_c_ends_it_with_what_was_finished(
    busy: bool, workers, trace: Path, tmp_path: Path, at_result, monkeypatch, capsys
):
    if not busy:  # a worker that never answers
        monkeypatch.setattr("softmax_cosim.cluster.client.wait", lambda left, *_: (set(), left))
    at_result(6 if busy else 1, lambda: os.kill(os.getpid(), signal.SIGINT))
    assert there(workers, trace, tmp_path / "there") == 130
    found = summary_of_interrupted(tmp_path / "there")
    assert found["interrupted"]
    assert found["runs"][0]["rows"] < 150
    assert (tmp_path / "there" / ".played").is_file() == busy
    said = capsys.readouterr().out
    assert "interrupted" in said
    assert ("the same command goes on from here" in said) == busy


def summary_of_interrupted(folder: Path) -> dict:
    return json.loads((folder / "summary.json").read_text())


@pytest.fixture
def wrong_example(example: Path) -> Path:
    """The example, whose golden model adds 3 where it should not."""
    golden = example / "distance.py"
    golden.write_text(golden.read_text().replace("cfg.m - d, 0)", "cfg.m - d, 3)"))
    return example / "distance.toml"


def test_failures_are_told_as_on_one_machine(
    workers, wrong_example: Path, trace: Path, tmp_path: Path, capsys
):
    words = ["--config", str(wrong_example), "--save-outputs", "--max-rows", "60"]
    assert replay(trace, tmp_path / "here", *words) == 1
    here = capsys.readouterr().out
    assert there(workers, trace, tmp_path / "there", *words) == 1
    said = capsys.readouterr().out
    assert_same(tmp_path / "here", tmp_path / "there")
    failures = [line for line in here.splitlines() if "expected" in line]
    assert failures
    assert failures == [line for line in said.splitlines() if "expected" in line]


def test_a_worker_with_another_design_is_refused(
    workers, wrong_example: Path, trace: Path, tmp_path: Path, monkeypatch, capsys
):
    monkeypatch.setattr(
        "softmax_cosim.cluster.identity.sha256",
        lambda path: "another" if path.parent == wrong_example.parent else sha256(path),
    )
    assert there(workers, trace, tmp_path / "there", "--config", str(wrong_example)) == 2
    said = capsys.readouterr().err
    assert "cosim: the worker tcp://127.0.0.1:" in said
    assert f"has another {wrong_example.parent}" in said


def test_what_a_design_cannot_do_is_refused_alike(workers, tmp_path: Path, capsys):
    """What a worker objects to is said in the same words."""
    trace = tmp_path / "short.safetensors"
    write(trace, [Layer(0, np.zeros((1, 1, 2, 16)))], model="a model", source="a test")
    design = ROOT / "examples" / "parallel" / "parallel.toml"
    words = ["--config", str(design), "--stalls", "heavy"]
    assert replay(trace, tmp_path / "here", *words) == 2
    here = capsys.readouterr().err
    assert there(workers, trace, tmp_path / "there", *words) == 2
    assert capsys.readouterr().err == here
    assert "parallel has no ready at its output" in here


def test_waves_are_of_this_machine(trace: Path, tmp_path: Path, capsys):
    words = ["--config", "rexp_uint8", "--waves", "--scheduler", "127.0.0.1:1"]
    assert replay(trace, tmp_path / "there", *words) == 2
    assert "leave --scheduler out" in capsys.readouterr().err


def test_shards_of_a_design_of_ones_own_are_not_kept(
    workers, wrong_example: Path, trace: Path, tmp_path: Path, at_result
):
    """What it reads while it runs may be another one by then."""

    def end() -> None:
        raise UsageError("the client was killed")

    at_result(3, end)
    assert there(workers, trace, tmp_path / "there", "--config", str(wrong_example)) == 2
    assert not (tmp_path / "there" / ".played").exists()
