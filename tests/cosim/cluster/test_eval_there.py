"""``cosim eval --scheduler``: cells and results of one machine, whatever befalls the workers."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from softmax_cosim import cli
from softmax_cosim.cluster import Cluster

pytest.importorskip("distributed", reason="the extra cluster is not installed")

FAKES = Path(__file__).parents[1] / "eval" / "fakes.py"
CONFIGS = ("rexp_uint4", "split_uint8")
#: Of our own, in a file that may change; a step takes long enough to be killed in.
TASK = f"""
import importlib.util, os, time
spec = importlib.util.spec_from_file_location("fakes", {str(FAKES)!r})
fakes = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fakes)

class Slow(fakes.Largest):
    def predict(self, examples, softmax):
        time.sleep(0.1)
        return super().predict(examples, softmax)

def make():
    return Slow()

def make_other():
    return Slow(source=f"process {{os.getpid()}}")
"""


def evaluate(out: Path, *words: str, task: str = f"{FAKES}:make") -> int:
    return cli.main(["eval", task, "--config", *CONFIGS, "--out", str(out), *words])


def results(out: Path) -> Any:
    """All but times."""

    def without(value: Any) -> Any:
        if isinstance(value, list):
            return [without(each) for each in value]
        if not isinstance(value, dict):
            return value
        times = ("seconds", "wall_s", "date", "command")
        return {key: without(each) for key, each in value.items() if key not in times}

    return without(json.loads((out / "results.json").read_text()))


def steps(out: Path) -> dict[str, list[Any]]:
    """The header and the steps of each cell, but how long they took."""
    found = {}
    for path in (out / "cells" / "largest").iterdir():
        header, *lines = map(json.loads, path.read_text().splitlines())
        for line in lines:
            assert line.pop("seconds") >= 0
            del line["sha256"]  # of the whole line
        found[path.name] = [header, *sorted(lines, key=lambda line: line["start"])]
    return found


@pytest.fixture(params=[0, 4], ids=["undisturbed", "a worker dies"])
def killed(request: pytest.FixtureRequest, workers, monkeypatch) -> Iterator[None]:
    """Have a worker killed before a step is kept."""
    real, left = Cluster.completed, [request.param]

    def completed(self: Cluster, futures: Any) -> Any:
        for future in real(self, futures):
            if len(futures) > 1 and left[0]:
                left[0] -= 1
                if not left[0]:
                    workers.kill_one()
            yield future

    monkeypatch.setattr(Cluster, "completed", completed)
    yield
    assert left == [0]


def test_cells_and_results_are_those_of_one_machine(
    killed, workers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    task = tmp_path / "slow.py"
    task.write_text(TASK)
    monkeypatch.chdir(tmp_path)  # workers stand elsewhere
    assert evaluate(tmp_path / "here", task="slow.py:make") == 0
    words = ["--scheduler", workers.address]
    assert evaluate(tmp_path / "there", *words, task="slow.py:make") == 0
    assert results(tmp_path / "here") == results(tmp_path / "there")
    assert steps(tmp_path / "here") == steps(tmp_path / "there")


def test_through_the_rtl_likewise(workers, tmp_path: Path):
    words = ["--engine", "rtl", "--limit", "14"]
    assert evaluate(tmp_path / "here", *words) == 0
    assert evaluate(tmp_path / "there", *words, "--scheduler", workers.address) == 0
    assert results(tmp_path / "here") == results(tmp_path / "there")
    assert results(tmp_path / "there")["tasks"][0]["cells"][0]["cycles"] > 0


def test_an_interrupted_one_goes_on(workers, tmp_path: Path, monkeypatch, capsys):
    task = tmp_path / "slow.py"
    task.write_text(TASK)
    words = ["--scheduler", workers.address]
    real = Cluster.completed

    def completed(self: Cluster, futures: Any) -> Any:
        for number, future in enumerate(real(self, futures)):
            if number == 5:
                os.kill(os.getpid(), signal.SIGINT)
            yield future

    with monkeypatch.context() as patch:
        patch.setattr(Cluster, "completed", completed)
        assert evaluate(tmp_path / "there", *words, task=f"{task}:make") == 130
    assert "the same command goes on from here" in capsys.readouterr().err
    kept = steps(tmp_path / "there")
    assert sum(len(lines) - 1 for lines in kept.values()) == 5
    assert evaluate(tmp_path / "there", *words, task=f"{task}:make") == 0
    assert "taken over from an earlier run" in capsys.readouterr().out
    assert evaluate(tmp_path / "here", task=f"{task}:make") == 0
    assert results(tmp_path / "here") == results(tmp_path / "there")


def test_a_worker_that_has_loaded_an_earlier_task_is_refused(workers, tmp_path: Path, capsys):
    task = tmp_path / "slow.py"
    words = ["--scheduler", workers.address]
    for addition, code in (("", 0), ("\n# another one\n", 2)):
        task.write_text(TASK + addition)
        assert evaluate(tmp_path / "there", *words, task=f"{task}:make") == code
    assert "has loaded an earlier version of the task" in capsys.readouterr().err


def test_a_worker_with_other_data_is_refused(workers, tmp_path: Path, capsys):
    task = tmp_path / "slow.py"
    task.write_text(TASK)
    words = ["--scheduler", workers.address]
    assert evaluate(tmp_path / "there", *words, task=f"{task}:make_other") == 2
    assert "has another model or other data for the task" in capsys.readouterr().err
