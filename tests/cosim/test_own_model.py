"""A model of the user's own; the example in ``examples/`` is one, run as its first lines say."""

import json
import os
import subprocess
import sys

import pytest

from cosim.build import ROOT

pytest.importorskip("torch")
EXAMPLE = ROOT / "examples" / "own_model" / "own_model.py"


def test_it_is_dumped_replayed_and_judged(tmp_path):
    def run(*words):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, *map(str, words)]
        result = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    table = run(EXAMPLE, "--config", "rexp_uint8", "split_int16", "--engine", "rtl")
    lines = [line.split() for line in table.splitlines()]
    right = {line[0]: float(line[1].rstrip("%")) for line in lines[1:]}
    assert list(right) == ["float", "rexp_uint8", "split_int16"]
    assert right["float"] > 90
    assert right["split_int16"] == pytest.approx(right["float"], abs=0.5)
    assert right["rexp_uint8"] < right["float"] - 1
    rows = 200 * 2 * 4 * 40  # words, layers, heads, queries
    assert all(line[3:] == [f"{rows:,}", "0"] for line in lines[2:])

    run("-m", "cosim.cli", "replay", "own_model.safetensors", "--config", "rexp_uint8")
    summary = json.loads((tmp_path / "reports" / "summary.json").read_text())
    (replayed,) = summary["runs"]
    assert (replayed["rows"], replayed["mismatched_elements"]) == (8 * 2 * 4 * 40, 0)
