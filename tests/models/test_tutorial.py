"""docs/tutorial.md, run as it stands: a model of the user's own, from its scores to a verdict."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from softmax_cosim import configs
from softmax_cosim.paths import ROOT

TUTORIAL = ROOT / "docs" / "tutorial.md"


@pytest.fixture(scope="module")
def text():
    return TUTORIAL.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(text, tmp_path_factory):
    """Where every command of the tutorial was run, in order, as at the root of the project."""
    place = tmp_path_factory.mktemp("tutorial")
    (place / "examples").symlink_to(ROOT / "examples")
    bin_ = place / ".venv" / "bin"
    bin_.mkdir(parents=True)
    (bin_ / "activate").write_text("true\n")
    for name, words in (("python", ""), ("cosim", "-m softmax_cosim.cli")):
        (bin_ / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        (bin_ / name).chmod(0o755)
    environment = os.environ | {
        "PATH": f"{bin_}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
    }
    blocks = re.findall(r"^```sh\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    assert len(blocks) == 5
    for block in blocks:
        result = subprocess.run(
            ["sh", "-e", "-c", block], cwd=place, env=environment, capture_output=True, text=True
        )
        assert result.returncode == 0, f"{block}{result.stdout}{result.stderr}"
    return place


def results(folder):
    (task,) = json.loads((folder / "reports" / "task" / "results.json").read_text())["tasks"]
    return task


def test_the_trace_replays_exactly(folder):
    summary = json.loads((folder / "reports" / "own" / "summary.json").read_text())
    rows = 8 * 2 * 4 * 40  # words, layers, heads, queries
    assert [run["config"] for run in summary["runs"]] == ["split_uint8", "rexp_uint8"]
    assert all((r["rows"], r["mismatched_elements"]) == (rows, 0) for r in summary["runs"])


def test_every_row_of_the_task_went_through_the_rtl(folder):
    cells = folder / "reports" / "task" / "cells" / "letters"
    for name in ("split_uint8", "rexp_uint8"):
        steps = [
            json.loads(line) for line in (cells / f"{name}.rtl.jsonl").read_text().splitlines()
        ]
        assert sum(step["rows"] for step in steps[1:]) == 200 * 2 * 4 * 40
        assert sum(step["mismatches"] for step in steps[1:]) == 0


def test_the_calibrated_configuration_is_smaller_and_was_tried_on_the_task(folder):
    path = folder / "reports" / "calibration" / "rexp_uint8_calibrated.toml"
    cfg, preset = configs.load(str(path)), configs.load("rexp_uint8")
    assert cfg.xs < preset.xs
    assert cfg.in_w < preset.in_w
    assert "rexp_uint8_calibrated" in json.dumps(results(folder))


def test_its_links_and_pictures_are_there(text):
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert (TUTORIAL.parent / Path(target)).exists(), target
    for path in re.findall(r"`(examples/[\w/.]+)`", text):
        assert (ROOT / path).exists(), path


def test_the_code_it_shows_is_that_of_the_example(text):
    example = (ROOT / "examples" / "own_model" / "own_model.py").read_text(encoding="utf-8")
    for line in ("recorder = cosim.Recorder()", "torch_module.patched(recorder, model.encoder):"):
        assert line in text
        assert line in example
