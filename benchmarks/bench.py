"""How fast each way of playing rows is, on the real core: ``make bench``.

Every path plays the same rows of a committed trace, in turns, several times round; the best round
counts. Speed is per processor second, of this process and the simulator together, so that it
does not depend on what else the machine does. While a simulator plays, both share one core: what it
takes to wake the other one up on another core depends on the machine, and ``--apart`` shows it. The
limit is a C++ main without Python.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from softmax_cosim import configs
from softmax_cosim.configs import Config
from softmax_cosim.golden.quantise import quantise
from softmax_cosim.golden.rows import Rows
from softmax_cosim.golden.softmax import softmax
from softmax_cosim.paths import ROOT
from softmax_cosim.simulation.build import build
from softmax_cosim.simulation.simulator import Simulator
from softmax_cosim.trace import Trace

TRACE = ROOT / "traces" / "ocr_long.safetensors"
BATCHES = (1, 16, 64, 256, 4096)
PERIOD_STEPS = 10_000  # of every transport's clock: 10 ns, in steps of 1 ps
LIMIT = "C++ main, no Python"
#: Rows of a turn: as many as a path plays in about a fifth of a second.
TURN = {"cocotbext-axi": 48, "signal": 48, "bulk, stock main": 1024}
#: Calls of a turn at most; with larger batches as many as make the rows of the largest.
CALLS = 256

Play = Callable[[], tuple[int, float, float]]


@dataclass
class Way:
    """One way of playing rows, and its best turn so far."""

    name: str
    batch: int
    """Rows a call."""
    rows: int
    """Rows a turn."""
    play: Play = field(repr=False)
    """Plays a turn; returns clock cycles, and processor seconds in all and in the simulator."""
    cycles: int = 0
    seconds: float = float("inf")
    inside: float = float("inf")

    def turn(self) -> None:
        """Play once more."""
        self.cycles, seconds, inside = self.play()
        self.seconds, self.inside = min(self.seconds, seconds), min(self.inside, inside)

    @property
    def speed(self) -> float:
        """Clock cycles a processor second."""
        return self.cycles / self.seconds


def real_rows(cfg: Config, count: int) -> Rows:
    """Quantised rows of the benchmark's trace, the first ``count``."""
    parts = []
    for layer in Trace(TRACE).layers():
        flat = layer.flatten()
        parts.append(quantise(flat.scores, None, cfg).q)
    q = np.concatenate(parts)[:count]
    if len(q) < count:
        raise SystemExit(f"{TRACE} has {len(q)} rows; the benchmark needs {count}")
    offsets = np.arange(count + 1, dtype=np.int64) * q.shape[1]
    return Rows(q.reshape(-1), np.ones(q.size, np.bool_), offsets)


def processor_seconds(pid: int) -> float:
    """Time a process has had on a processor; its threads are asleep in a simulation."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) * 1e-9


@contextmanager
def together(*processes: int) -> Iterator[None]:
    """Have processes run on one core meanwhile."""
    before = [os.sched_getaffinity(process) for process in processes]
    try:
        for process in processes:
            os.sched_setaffinity(process, {min(before[0])})
        yield
    finally:
        for process, cores in zip(processes, before, strict=True):
            os.sched_setaffinity(process, cores)


def simulated(
    simulator: Simulator, rows: Rows, calls: int, expected: bytes, apart: bool = False
) -> Play:
    """Play a batch ``calls`` times through a running simulator."""

    def play() -> tuple[int, float, float]:
        pid = simulator.pid
        assert pid is not None
        with nullcontext() if apart else together(0, pid):
            steps, inside, begun = simulator.time, processor_seconds(pid), time.process_time()
            for _ in range(calls):
                results = simulator.run(rows)
            own = time.process_time() - begun
        inside = processor_seconds(pid) - inside
        assert results.y.tobytes() == expected
        return (simulator.time - steps) // PERIOD_STEPS, own + inside, inside

    return play


@contextmanager
def limit(cfg: Config, rows: Rows, expected: bytes) -> Iterator[Play]:
    """The C++ main, as a process that plays on demand."""
    built = build(
        cfg,
        cpp=[ROOT / "tb" / "dpi" / "transactor.cpp"],
        main=ROOT / "benchmarks" / "limit.cpp",
        public=False,
        profile="fast",
    )
    process = subprocess.Popen(
        built.executable, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )
    assert process.stdin is not None
    assert process.stdout is not None
    ask, answers = process.stdin, process.stdout
    sizes = [len(rows), len(rows.q), cfg.lanes, cfg.in_w, cfg.out_w]
    for array in (np.array(sizes, np.int64), rows.q, rows.keep, rows.offsets):
        data = memoryview(array.tobytes())
        while data:
            data = data[ask.write(data) :]

    def play() -> tuple[int, float, float]:
        ask.write(b"1\n")
        line = b""
        while not line.endswith(b"\n"):
            line += answers.read(64)
        edges, seconds, checksum = line.split()
        assert int(checksum) == _checksum(expected)
        return int(edges), float(seconds), float(seconds)

    try:
        yield play
    finally:
        ask.close()
        process.wait()
        answers.close()


def _checksum(y: bytes) -> int:
    total = 0
    for value in np.frombuffer(y, np.uint16).tolist():
        total = (total * 31 + value) % 2**64
    return total


def through_cocotbext_axi(cfg: Config, rows: Rows, expected: bytes) -> Play:
    """A simulation of its own each turn; start and end do not count."""
    built = build(cfg, profile="fast")

    def play() -> tuple[int, float, float]:
        with tempfile.TemporaryDirectory() as folder:
            given, out = Path(folder) / "rows.npz", Path(folder) / "out.json"
            np.savez(given, q=rows.q, offsets=rows.offsets, in_w=np.array(cfg.in_w))
            environment = built.environment("benchmarks.axi", results=Path(folder) / "results.xml")
            subprocess.run(
                built.command(),
                env=environment | {"BENCH_ROWS": str(given), "BENCH_OUT": str(out)},
                stdout=subprocess.DEVNULL,
                check=True,
            )
            told = json.loads(out.read_text())
        y = np.concatenate([np.array(row, np.uint16) for row in told["y"]])
        assert y.tobytes() == expected
        return told["edges"], told["seconds"], told["seconds"]

    return play


def paths(cfg: Config, stack: ExitStack, apart: bool) -> list[Way]:
    """Every path, ready to play."""
    everything = real_rows(cfg, max(BATCHES))
    y = softmax(cfg, everything).y

    def some(count: int) -> tuple[Rows, bytes]:
        part = everything.slice(0, count)
        return part, y[: len(part.q)].tobytes()

    def simulator(transport: str, run_ahead: bool = True) -> Simulator:
        sim = stack.enter_context(Simulator(cfg, transport, run_ahead=run_ahead))
        sim.start()
        return sim

    found = []
    for name, count in TURN.items():
        rows, expected = some(count)
        if name == "cocotbext-axi":
            play = through_cocotbext_axi(cfg, rows, expected)
        else:
            sim = simulator("signal") if name == "signal" else simulator("bulk", False)
            play = simulated(sim, rows, 1, expected, apart)
        found.append(Way(name, count, count, play))
    ahead = simulator("bulk")
    for batch in BATCHES:
        rows, expected = some(batch)
        calls = min(CALLS, max(BATCHES) // batch)
        play = simulated(ahead, rows, calls, expected, apart)
        found.append(Way("bulk, run-ahead", batch, batch * calls, play))
    rows, expected = some(max(BATCHES))
    play = stack.enter_context(limit(cfg, rows, expected))
    found.append(Way(LIMIT, len(rows), len(rows), play))
    return found


def golden_rows_a_second(cfg: Config) -> float:
    """Speed of the golden model."""
    rows = real_rows(cfg, max(BATCHES))
    best = float("inf")
    for _ in range(3):
        begun = time.process_time()
        softmax(cfg, rows)
        best = min(best, time.process_time() - begun)
    return len(rows) / best


def start_times(cfg: Config) -> dict[str, float]:
    """Wall seconds to build the default simulation cold and warm, and to start it twice."""
    rows = real_rows(cfg, 1)
    seconds = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("build_cold", "build_warm"):
            begun = time.perf_counter()
            simulator = Simulator(cfg, build_root=Path(folder))
            seconds[name] = time.perf_counter() - begun
        for name in ("start_cold", "start_warm"):
            begun = time.perf_counter()
            simulator.run(rows)
            seconds[name] = time.perf_counter() - begun
            simulator.close()
    return seconds


def report(found: list[Way], console: Console) -> list[dict[str, object]]:
    """Print the table; returns its lines as data."""
    by_name = {path.name: path for path in found}
    top = by_name[LIMIT]
    table = Table(
        title="a processor second",
        caption="/ limit: cycles of the C++ main; simulator's: leaving out this process",
    )
    columns = ("batch", "kcycles/s", "rows/s", "/ limit", "simulator's", "x signal", "x axi")
    table.add_column("path", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    lines: list[dict[str, object]] = []
    for path in found:
        line = {
            "path": path.name,
            "batch": path.batch,
            "cycles_per_s": path.speed,
            "rows_per_s": path.rows / path.seconds,
            "of_limit": path.speed / top.speed,
            "of_limit_in_simulator": path.cycles / path.inside / top.speed,
            "x_signal": path.speed / by_name["signal"].speed,
            "x_cocotbext_axi": path.speed / by_name["cocotbext-axi"].speed,
        }
        table.add_row(
            path.name,
            str(path.batch),
            f"{path.speed / 1e3:,.0f}",
            f"{path.rows / path.seconds:,.0f}",
            f"{line['of_limit']:.2f}",
            f"{line['of_limit_in_simulator']:.2f}",
            f"{line['x_signal']:.1f}",
            f"{line['x_cocotbext_axi']:.1f}",
        )
        lines.append(line)
    console.print(table)
    return lines


def main() -> None:
    """Run the benchmark, print the tables, write ``reports/bench.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default="rexp_uint8")
    parser.add_argument("--rounds", type=int, default=5, help="turns of every path")
    parser.add_argument("--apart", action="store_true", help="processes on any core")
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "bench.json")
    arguments = parser.parse_args()
    cfg, console = configs.load(arguments.config), Console(width=100)
    with ExitStack() as stack:
        found = paths(cfg, stack, arguments.apart)
        with console.status("playing"):
            for _ in range(arguments.rounds):
                for path in found:
                    path.turn()
        lines = report(found, console)
    golden = golden_rows_a_second(cfg)
    starts = start_times(cfg)
    console.print(f"golden model: {golden:,.0f} rows/s")
    console.print(", ".join(f"{name.replace('_', ' ')} {s:.2f} s" for name, s in starts.items()))
    figures = {
        "config": asdict(cfg),
        "trace": TRACE.name,
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        "paths": lines,
        "golden_rows_per_s": golden,
        "seconds": starts,
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
