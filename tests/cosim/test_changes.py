"""What changes while a run is under way is no part of its verdict: it is refused by name."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from softmax_cosim import cli
from softmax_cosim.configs import UsageError
from softmax_cosim.paths import ROOT
from softmax_cosim.replay import command, player
from softmax_cosim.trace import Layer, Trace, write


def written(path: Path, value: float = 0.0) -> Path:
    scores = np.full((1, 1, 3, 8), value, np.float32)
    write(path, [Layer(0, scores), Layer(1, scores)], model="m", source="s")
    return path


def test_a_trace_that_is_another_file_by_now(tmp_path: Path):
    path = written(tmp_path / "t.safetensors")
    trace = Trace(path)
    layers = trace.layers()
    next(layers)
    written(path, 1.0)
    with pytest.raises(UsageError, match=r"t\.safetensors changed while it was being read"):
        next(layers)
    with pytest.raises(UsageError, match="changed while it was being read; run it again"):
        list(trace.layers())


def test_a_trace_that_is_cut_while_it_is_read(tmp_path: Path):
    """In a process of its own: one that had mapped the file would die of it, without a word."""
    scores = np.zeros((1, 1, 512, 64), np.float32)
    path = tmp_path / "t.safetensors"
    write(path, [Layer(0, scores), Layer(1, scores)], model="m", source="s")
    reads = (
        "import os, sys\n"
        "from softmax_cosim.trace import Trace\n"
        "layers = Trace(sys.argv[1]).layers()\n"
        "next(layers)\n"
        "os.truncate(sys.argv[1], 140_000)\n"
        "try:\n    next(layers)\n"
        "except Exception as error:\n    print(type(error).__name__, error)\n"
    )
    command = [sys.executable, "-c", reads, str(path)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert done.returncode == 0
    assert "UsageError" in done.stdout
    assert "t.safetensors changed while it was being read; run it again" in done.stdout


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A golden model alone."""
    (tmp_path / "mine.py").write_text(
        "import beside\n\ndef golden(cfg, rows):\n    return rows.q * 0\n"
    )
    (tmp_path / "beside.py").touch()
    config = tmp_path / "mine.toml"
    config.write_text('golden = "mine:golden"\nprecision = "uint8"\n')
    return config


@pytest.mark.parametrize("file", ["t.safetensors", "mine.py", "beside.py", "mine.toml"])
def test_a_file_that_changes_during_a_run(
    file: str,
    mine: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    """Also after the last row, before its hash is taken; and an earlier report stays."""
    trace, out = written(tmp_path / "t.safetensors"), tmp_path / "out"
    words = ["score", str(trace), "--config", str(mine), "--out", str(out)]
    assert cli.main(words) == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def result(self: player.Player) -> object:
        path = tmp_path / file
        path.write_bytes(path.read_bytes() + b"\n")
        return kept(self)

    kept: Callable[[player.Player], object] = player.Player._check_own
    monkeypatch.setattr(player.Player, "_check_own", result)
    capsys.readouterr()
    assert cli.main(words) == 2
    assert f"{file} changed while it was being" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_two_runs_that_end_at_once_do_not_mix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Each puts its files in place while the folder is its own."""
    taken = []
    replace = command.report.ReportFolder._replace

    def asked(self: command.report.ReportFolder) -> None:
        handle = os.open(self.out, os.O_RDONLY)
        try:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            taken.append(True)
        finally:
            os.close(handle)
        replace(self)

    monkeypatch.setattr(command.report.ReportFolder, "_replace", asked)
    trace = written(tmp_path / "t.safetensors")
    words = ["score", str(trace), "--config", "split_uint8", "--out", str(tmp_path / "out")]
    assert cli.main(words) == 0
    assert taken == [True]
