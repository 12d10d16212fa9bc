"""Ctrl-C while a simulation is being built: nothing half-done, and no word of an error."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from softmax_cosim.paths import ROOT

TRACE = ROOT / "traces" / "ocr_short.safetensors"
#: A compiler that never gets anything done, so that no design is built before the signal comes.
COMPILER = """#!/bin/sh
[ "$1" = --version ] && { echo "g++ (a test) 12.2.0"; exit; }
: > "$STARTED"
exec sleep infinity
"""


@pytest.mark.parametrize(
    ("number", "everybody"),
    [(signal.SIGINT, True), (signal.SIGINT, False), (signal.SIGTERM, False)],
    ids=["Ctrl-C in a terminal", "SIGINT to the command", "SIGTERM to the command"],
)
def test_a_build_is_given_up(number: signal.Signals, everybody: bool, tmp_path: Path) -> None:
    started, bin = tmp_path / "started", tmp_path / "bin"
    bin.mkdir()
    (bin / "g++").write_text(COMPILER.replace("$STARTED", str(started)))
    (bin / "g++").chmod(0o755)
    command = [sys.executable, "-m", "softmax_cosim", "replay", str(TRACE)]
    command += ["--config", "rexp_uint8", "lut2d_uint8", "split_uint8", "--max-rows", "5"]
    command += ["--out", str(tmp_path / "out"), "--build-dir", str(tmp_path / "builds")]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | {"PATH": f"{bin}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # A shell that runs the tests in the background has them ignore the interrupt.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    with process:
        while not started.exists():
            assert process.poll() is None
            time.sleep(0.05)
        if everybody:
            os.killpg(process.pid, number)
        else:
            os.kill(process.pid, number)
        said, _ = process.communicate()
    assert process.returncode == 130, said
    assert "interrupted; nothing was finished" in said
    assert "failed" not in said
    assert "Traceback" not in said
    left = [path for path in (tmp_path / "builds" / "sim").iterdir() if path.suffix != ".lock"]
    assert left == []
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []
