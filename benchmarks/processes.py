"""Processes, their children, and the processor time that they have had, from ``/proc``."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def children_of(pid: int) -> list[int]:
    """Processes that any thread of a process has started."""
    with contextlib.suppress(OSError):
        files = Path(f"/proc/{pid}/task").glob("*/children")
        return [int(child) for file in files for child in file.read_text().split()]
    return []


def family(pid: int) -> Iterator[int]:
    """A process, its children and theirs."""
    yield pid
    for child in children_of(pid):
        yield from family(child)


def own_seconds(pid: int) -> float:
    """Of all threads of a process; 0 if it is not there."""
    return sum(_ticks(pid)[:2]) / _TICK


def busiest_thread(pid: int) -> float:
    """What the thread of a process has had that had most; 0 if the process is not there."""
    with contextlib.suppress(OSError):
        threads = [f"{pid}/task/{thread.name}" for thread in Path(f"/proc/{pid}/task").iterdir()]
        return max(sum(_ticks(thread)[:2]) for thread in threads) / _TICK
    return 0.0


def family_seconds(pid: int) -> float:
    """Of a process, its children and theirs, those that ended included."""
    return sum(_ticks(pid)) / _TICK + sum(map(family_seconds, children_of(pid)))


def _ticks(pid: int | str) -> list[int]:
    """User and system time of a process or thread, and of its children that ended."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
    return list(map(int, words[11:15]))
