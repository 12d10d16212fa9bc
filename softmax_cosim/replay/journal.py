"""What simulators gave, kept until the report is in place: a replay that was cut short goes on.

What comes out of a batch depends on the batch, on the executable and on how it is played. So it is
kept under a hash of these: whatever changed since, a trace or an option, asks for something else.
It is kept with a hash of its own: what is not whole any more, or was changed, is played again.
What workers of a cluster gave (:mod:`.remote`) is kept likewise.

Keeping costs a third of what playing does. So a replay begins with it when it has taken
:data:`WORTH_SECONDS`: what it did before is soon done again.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import sqlite3
import threading
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]

from softmax_cosim.configs import Config
from softmax_cosim.golden.exchange import packed, packed_size, unpacked
from softmax_cosim.golden.rows import Results, Rows
from softmax_cosim.paths import PACKAGE
from softmax_cosim.simulation.simulator import Simulator

__all__ = ["Journal", "repeatable"]

#: Seconds; of the environment, so that what tries replays that are short may have them kept, too.
WORTH_SECONDS = float(os.environ.get("COSIM_KEEP_SECONDS", "10"))
#: Nobody waits for the disk: what a machine without power did not write, is played again.
_OPENING = (
    "PRAGMA trusted_schema = OFF",
    "PRAGMA synchronous = OFF",
    "CREATE TABLE IF NOT EXISTS played (key BLOB PRIMARY KEY, hash BLOB, results BLOB)",
)
_FIND = "SELECT hash, results FROM played WHERE key = ?"
_KEEP = "INSERT OR REPLACE INTO played VALUES (?, ?, ?)"
#: Python that runs in the simulator's process; the build's name tells of all else.
_SOURCES = ("tb/*.py", "golden/*.py", "configs/*.py")


class Journal:
    """Results by what they came from, in a file; for threads, and for processes side by side.

    It is an aid: what keeps it from being read or written is no error, and has everything played.
    Designs of somebody's own may read what is not known here, so they are always played:
    :func:`repeatable` tells.
    """

    def __init__(self, path: Path) -> None:
        """Nothing is read or written yet."""
        self._path = path
        self._lock = threading.Lock()
        self._file: sqlite3.Connection | None = None
        self._failed = False
        self._begun = time.monotonic()
        self.taken = 0
        """What was not played, as what comes out of it was known."""
        self.kept = 0
        """What was played and is kept."""

    def play(self, simulator: Simulator, rows: Rows, stalls: str, seed: int) -> Results:
        """What :meth:`.Simulator.run` would return; raises what that does."""
        worth = time.monotonic() - self._begun >= WORTH_SECONDS
        if not repeatable(simulator.config) or not (worth or self._path.is_file()):
            return simulator.run(rows, stalls, seed)
        key = _key(simulator, rows, stalls, seed)
        if (known := self.find(key)) is not None:
            shape = len(rows), len(rows.q), simulator.config.raw
            return unpacked(pa.decompress(known, packed_size(*shape), "lz4", asbytes=True), *shape)
        results = simulator.run(rows, stalls, seed)
        self.keep(key, pa.compress(packed(results), "lz4", asbytes=True))
        return results

    def find(self, key: bytes) -> bytes | None:
        """What was kept under a hash of all that it is made from, if it is what was written."""
        if self._path.is_file():
            for digest, data in self._ask(_FIND, [key]) or ():
                if isinstance(data, bytes) and digest == _digest(key, data):
                    self.taken += 1
                    return data
        return None

    def keep(self, key: bytes, data: bytes) -> None:
        """Keep it, if that can be done."""
        if self._ask(_KEEP, [key, _digest(key, data), data]) is not None:
            self.kept += 1

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._close()

    def _ask(self, question: str, values: Sequence[bytes]) -> list[Any] | None:
        """The answer; None once something went wrong."""
        with self._lock:
            for _ in range(2):
                if self._failed:
                    break
                try:
                    if self._file is None:
                        self._file = _database(self._path)
                    return self._file.execute(question, values).fetchall()
                except sqlite3.OperationalError:  # no room, no folder, somebody else at work
                    self._failed = True
                except sqlite3.DatabaseError:  # it is none any more: begin another one
                    self._close()
                    with contextlib.suppress(OSError):
                        self._path.unlink()
            return None

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _database(path: Path) -> sqlite3.Connection:
    file = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        for statement in _OPENING:
            file.execute(statement)
    except sqlite3.Error:
        file.close()
        raise
    return file


def repeatable(cfg: Config) -> bool:
    """Whether all is known that shapes what comes out of a design."""
    return cfg.design is None


def _key(simulator: Simulator, rows: Rows, stalls: str, seed: int) -> bytes:
    """All that shapes what comes out."""
    how = (
        *(simulator.build.folder.name, simulator.transport, simulator.patience, simulator.draw),
        *(stalls, seed, _code()),
    )
    found = hashlib.sha256(repr(how).encode())
    for array in (rows.offsets, rows.q, rows.keep):
        found.update(array.tobytes())
    return found.digest()


def _digest(key: bytes, data: bytes) -> bytes:
    return hashlib.sha256(key + data).digest()


@functools.cache
def _code() -> str:
    found = hashlib.sha256(version("cocotb").encode())
    for pattern in _SOURCES:
        for path in sorted(PACKAGE.glob(pattern)):
            found.update(f"{path.name}\n".encode() + path.read_bytes())
    return found.hexdigest()
