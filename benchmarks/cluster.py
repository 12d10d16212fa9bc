"""What a replay costs on a Dask cluster of this machine: the table of ``docs/cluster.md``.

``python -m benchmarks.cluster`` replays the committed traces, repeated, here and over 1, 2 and 4
workers, and over two of which one is killed half-way; ``rows.parquet`` must be the same each time.
Needs the extra ``cluster``.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import children_of, family_seconds
from benchmarks.replay import repeated
from benchmarks.written import Part
from softmax_cosim.adapters import require
from softmax_cosim.commit import commit
from softmax_cosim.paths import ROOT

PART = Part(
    ROOT / "docs" / "cluster.md", "<!-- python -m benchmarks.cluster -->", "<!-- so far -->"
)
WORKERS = (1, 2, 4)
_LOCAL = ("--host", "127.0.0.1", "--no-dashboard")
_ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Cost:
    """Of one replay, in seconds."""

    wall: float
    here: float
    """Processor time of the command, and of its simulators if it has any."""
    scheduler: float
    workers: float
    """Those of all workers, their simulators included."""
    rows: str
    """Hash of ``rows.parquet``."""


def worker_of(pid: int) -> int:
    """The worker itself, of a ``dask worker`` that looks after it and starts it anew."""
    (worker,) = [
        child
        for child in children_of(pid)
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]
    return worker


@contextlib.contextmanager
def cluster(folder: Path, count: int) -> Iterator[tuple[str, int, list[int]]]:
    """A scheduler and its workers: the address, and the processes of both."""
    told = folder / "scheduler.json"
    file = ("--scheduler-file", str(told))
    with contextlib.ExitStack() as stack:

        def start(kind: str, *words: str) -> subprocess.Popen[bytes]:
            command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *file, *_LOCAL, *words]
            process = subprocess.Popen(
                command, env=_ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            stack.callback(process.wait)
            stack.callback(process.terminate)
            return process

        scheduler = start("scheduler", "--port", "0")
        while not told.is_file():
            time.sleep(0.1)
        workers = [start("worker", "--nthreads", "1") for _ in range(count)]
        distributed = require("distributed", "cluster")
        with distributed.Client(scheduler_file=str(told)) as client:
            client.wait_for_workers(count)
            address = client.scheduler.address
        yield address, scheduler.pid, [worker.pid for worker in workers]
    told.unlink(missing_ok=True)


def replayed(
    traces: Sequence[Path], config: str, out: Path, count: int, kill_after: float | None = None
) -> Cost:
    """Replay over so many workers; without any, on this machine alone."""
    words = [sys.executable, "-m", "softmax_cosim", "replay", *map(str, traces)]
    words += ["--config", config, "--out", str(out)]
    with contextlib.ExitStack() as stack:
        scheduler, workers = 0, list[int]()
        if count:
            address, scheduler, workers = stack.enter_context(cluster(out.parent, count))
            words += ["--scheduler", address]
        begun = time.monotonic()
        process = subprocess.Popen(words, env=_ENVIRONMENT, stdout=subprocess.DEVNULL)
        killed = kill_after is None
        here = 0.0
        while process.poll() is None:
            time.sleep(0.02)
            here = max(here, family_seconds(process.pid))
            if not killed and kill_after is not None and time.monotonic() - begun > kill_after:
                os.kill(worker_of(workers[0]), signal.SIGKILL)
                killed = True
        wall = time.monotonic() - begun
        assert process.returncode == 0
        assert killed, "it ended before a worker could be killed"
        coordinating = family_seconds(scheduler) if scheduler else 0.0
        there = sum(map(family_seconds, workers))
    rows = hashlib.sha256((out / "rows.parquet").read_bytes()).hexdigest()
    return Cost(wall, here, coordinating, there, rows)


def line(name: str, cost: Cost, equal: bool) -> str:
    """A row of the table."""
    there = (f"{cost.scheduler:.1f}", f"{cost.workers:.1f}") if cost.workers else ("", "")
    cells = (f"{cost.wall:.1f}", f"{cost.here:.1f}", *there, "yes" if equal else "**no**")
    return f"| {name} | {' | '.join(cells)} |"


def main() -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=__doc__)
    parser.add_argument("--config", default="rexp_uint8")
    parser.add_argument("--times", type=int, default=16, help="the committed rows (16)")
    parser.add_argument("--out", type=Path, default=PART.page, help="a page with the two marks")
    args = parser.parse_args()
    lines, costs = [], dict[str, Cost]()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        traces = list(repeated(folder, args.times))
        short = [ROOT / "traces" / "ocr_short.safetensors"]
        replayed(short, args.config, folder / "builds", 0)
        plan = [("this machine alone", 0)]
        plan += [(f"{count} worker{'s' if count > 1 else ''}", count) for count in WORKERS]
        for place, (name, count) in enumerate([*plan, ("2 workers, one killed half-way", 2)]):
            half = costs["2 workers"].wall / 2 if place > len(WORKERS) else None
            cost = costs[name] = replayed(traces, args.config, folder / f"out{place}", count, half)
            lines.append(line(name, cost, cost.rows == costs["this machine alone"].rows))
            print(lines[-1], flush=True)
    head = [
        f"Measured at commit `{commit()}` on {os.cpu_count()} cores: the committed traces "
        f"{args.times} times over through `{args.config}`; seconds, all but the wall's of "
        "processor time, with simulators where they run.",
        "",
        "| | wall | this process | scheduler | workers | equal `rows.parquet` |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    PART.write([*head, *lines], args.out)
    return 0 if len({cost.rows for cost in costs.values()}) == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
