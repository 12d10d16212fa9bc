"""The commands that are disturbed, and what each leaves: all of it but clocks."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from softmax_cosim.paths import ROOT
from softmax_cosim.trace import Layer, write

__all__ = ["LAYERS", "SUBJECTS", "Subject", "make_trace"]

LAYERS = 8
_STEPS = 10
#: What the clock says, and where; nothing else that is of the run may differ.
_CLOCKS = re.compile(
    r'<data value="[\d.e+-]+">\s*[\d.,]+( min \d\d)?( s)?</data>'
    r"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00:00|\d[\d.,]* (s\b|ms\b|min\b)|\d+ min \d+ s"
    # The commit is said to be changed as soon as a file is, and somebody may be at work.
    r"|<dt>commit</dt><dd>[^<]*</dd>|Commit [\w.-]+, \d{4}-\d\d-\d\d"
)


@dataclass(frozen=True)
class Subject:
    """A command, played in a folder of its own."""

    name: str
    options: tuple[str, ...]

    def start(self, folder: Path, said_in: str = "said") -> subprocess.Popen[str]:
        """Start it in a session of its own; what it says goes to a file in the folder."""
        words = [self.name.split()[0], *self.options, "--out", "out"]
        with (folder / said_in).open("w") as said:
            return subprocess.Popen(
                [sys.executable, "-m", "softmax_cosim", *words],
                cwd=folder,
                env=os.environ
                | {
                    "CALLS": str(folder / "calls"),
                    "COSIM_KEEP_SECONDS": "0",
                    "PYTHONPATH": str(ROOT),
                    "TMPDIR": str(folder),
                },
                stdout=said,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )

    @property
    def replays(self) -> bool:
        """Whether it is ``cosim replay``."""
        return self.name.startswith("replay")

    def done(self, out: Path) -> int:
        """Steps that can be gone on from: batches of a replay, steps of cells."""
        if not self.replays:
            lines = [path.read_bytes().splitlines(True) for path in out.glob("cells/*/*.jsonl")]
            return sum(len([line for line in cell[1:] if line.endswith(b"\n")]) for cell in lines)
        if not (out / ".played").is_file():
            return 0
        file = sqlite3.connect(out / ".played")
        try:
            return int(file.execute("SELECT count(*) FROM played").fetchone()[0])
        except sqlite3.DatabaseError:
            return 0
        finally:
            file.close()

    def taken(self, folder: Path) -> int:
        """Steps that the last run did not do."""
        if self.replays:
            said = " ".join((folder / "said").read_text().split())
            found = re.search(r"taken over from an earlier run: (\d+) of", said)
            return int(found[1]) if found else 0
        cells = 1 + self.options.count("--config")
        calls = folder / "calls"
        return cells * _STEPS - (len(calls.read_text().splitlines()) if calls.is_file() else 0)

    def result(self, out: Path) -> dict[str, Any]:
        """What is in the folder of the report, without clocks."""
        found: dict[str, Any] = {}
        for path in sorted(out.rglob("*")):
            name = str(path.relative_to(out))
            if path.name == ".lock":  # goes with a folder that is removed
                continue
            if path.is_dir():
                found[name] = "a folder"
            elif path.suffix == ".json":
                found[name] = _timeless(json.loads(path.read_text()))
            elif path.suffix == ".jsonl":
                lines = [json.loads(line) for line in path.read_text().splitlines()]
                found[name] = sorted((_timeless(line) for line in lines), key=repr)
            elif path.suffix in (".html", ".md"):
                found[name] = _CLOCKS.sub("", path.read_text(errors="replace"))
            else:
                found[name] = path.read_bytes()
        return found


def _timeless(value: Any) -> Any:
    clocks = ("date", "wall_s", "seconds", "sha256", "commit")
    if isinstance(value, Mapping):
        # A trace's hash is a list; that of a line, its text's, is of its seconds as well.
        return {
            key: _timeless(entry)
            for key, entry in value.items()
            if key not in clocks or isinstance(entry, list)
        }
    return [_timeless(entry) for entry in value] if isinstance(value, list) else value


def make_trace(path: Path) -> None:
    """A small trace, a slice a layer."""
    rng = np.random.default_rng(7)
    layers = [
        Layer(index, rng.normal(0, 3, (1, 2, 10, 24)).astype(np.float32)) for index in range(LAYERS)
    ]
    write(path, layers, model="a model", source="faults")


_TASK = f"{ROOT / 'faults' / 'task.py'}:make"
_REPLAY = ("t.safetensors", "--config", "rexp_uint8", "--power-up", "zeros", "--jobs", "1")
SUBJECTS = (
    Subject("replay", _REPLAY),
    Subject("replay over the pins", (*_REPLAY, "--transport", "signal")),
    Subject("eval", (_TASK, "--config", "split_uint8", "--jobs", "2")),
    Subject("eval through the RTL", (_TASK, "--config", "split_uint8", "--engine", "rtl")),
)
