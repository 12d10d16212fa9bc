"""Where a replay stops to scale: what each process of it takes, over 1, 2, 4 and 8 simulators.

``python -m benchmarks.scaling`` plays the committed traces, repeated to a million rows, through one
configuration with ``--jobs`` of each number, in turns, and prints wall time and the processor time
of the calling process, of its busiest thread, of the simulators together, and of the busiest one,
medians of the rounds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.processes import busiest_thread, family, own_seconds
from benchmarks.replay import repeated

JOBS = (1, 2, 4, 8)
_POLL_SECONDS = 0.02

Account = tuple[float, float, float, float, float]


def account(traces: Sequence[Path], config: str, jobs: int, out: Path) -> Account:
    """Wall seconds; of processor: the caller, its busiest thread, all simulators, the busiest."""
    words = ["replay", *map(str, traces), "--config", config, "--jobs", str(jobs)]
    begun = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "softmax_cosim", *words, "--out", str(out)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "COSIM_KEEP_SECONDS": "3600"},
        stdout=subprocess.DEVNULL,
    )
    spent: dict[int, float] = {}
    thread = 0.0
    while process.poll() is None:
        spent |= {pid: seconds for pid in family(process.pid) if (seconds := own_seconds(pid))}
        thread = max(thread, busiest_thread(process.pid))
        time.sleep(_POLL_SECONDS)
    if process.returncode:
        raise SystemExit(f"replay ended with exit code {process.returncode}")
    wall = time.monotonic() - begun
    caller, simulators = spent.pop(process.pid), spent.values()
    return wall, caller, thread, sum(simulators), max(simulators)


def main() -> int:
    """Measure and print a line for each number of simulators."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--times", type=int, default=32, help="the committed rows; 32: a million")
    parser.add_argument("--config", default="rexp_uint8")
    arguments = parser.parse_args()
    measured: dict[int, list[Account]] = {jobs: [] for jobs in JOBS}
    with tempfile.TemporaryDirectory() as folder:
        traces, out = list(repeated(Path(folder), arguments.times)), Path(folder) / "out"
        account(traces[:1], arguments.config, 1, out)  # builds it, if need be
        for _ in range(arguments.rounds):
            for jobs, accounts in measured.items():
                accounts.append(account(traces, arguments.config, jobs, out))
    print(
        f"{arguments.config}: seconds of wall; of processor: caller, its busiest thread, "
        "simulators, the busiest one"
    )
    for jobs, accounts in measured.items():
        print(
            f"{jobs:3}",
            *(f"{statistics.median(column):7.2f}" for column in zip(*accounts, strict=True)),
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
