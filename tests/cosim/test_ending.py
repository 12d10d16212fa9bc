"""Whatever a process is at, it ends soon when it is told to, and so do those that it started."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from softmax_cosim import configs
from softmax_cosim.eval import run
from softmax_cosim.golden.rows import Rows
from softmax_cosim.paths import ROOT
from softmax_cosim.simulation import pool as pools
from softmax_cosim.simulation.cache import Interrupted, stopping
from softmax_cosim.simulation.pool import Pool
from softmax_cosim.simulation.simulator import Simulator, SimulatorCrash
from tests.cosim.test_interrupt import COMPILER

FAKES = ROOT / "tests" / "cosim" / "eval" / "fakes.py"
SOON = 120.0
"""Seconds, on a busy machine; what is waited for here never comes."""


def started(words: list[str], **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "softmax_cosim", *words],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell that runs the tests in the background has them ignore the interrupt.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def until(process: subprocess.Popen[str], file: Path, lines: int = 0) -> list[str]:
    """The lines of a file, when there are as many."""
    while not file.is_file() or len(file.read_text().splitlines()) < lines:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    return file.read_text().splitlines()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_evaluation_with_a_worker_that_hangs(tmp_path: Path, number: signal.Signals):
    """One that is stopped hears of no SIGTERM."""
    calls = tmp_path / "calls"
    words = ["eval", f"{FAKES}:make", "--config", "split_uint8", "--jobs", "1"]
    process = started([*words, "--out", str(tmp_path / "out")], CALLS=str(calls), STUCK_AT="3")
    worker = int(until(process, calls, 3)[0].split()[2])
    os.kill(worker, signal.SIGSTOP)
    try:
        if number == signal.SIGINT:
            os.killpg(process.pid, number)  # as a terminal does
        else:
            process.send_signal(number)
        _, said = process.communicate(timeout=SOON)
    finally:
        with process:
            process.kill()
        if Path(f"/proc/{worker}").exists():
            os.kill(worker, signal.SIGKILL)
    assert process.returncode == run.INTERRUPTED
    assert said == "interrupted; the same command goes on from here\n"


def test_a_replay_whose_simulators_hang(tmp_path: Path):
    """What is under way is not waited for any more."""
    cfg, trace = configs.load("rexp_uint8"), ROOT / "traces" / "ocr_short.safetensors"
    name = Simulator(cfg, "signal").build.folder.name
    words = ["replay", str(trace), "--config", cfg.name, "--transport", "signal", "--jobs", "1"]
    process = started([*words, "--out", str(tmp_path / "out")])
    stopped: list[int] = []
    try:
        while len(stopped) < 2:  # one a power-up draw
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
            stopped = processes_named(name, process.pid)
        for simulator in stopped:
            os.kill(simulator, signal.SIGSTOP)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=SOON)
    finally:
        with process:
            process.kill()
        for simulator in stopped:
            if Path(f"/proc/{simulator}").exists():
                os.kill(simulator, signal.SIGKILL)
    assert process.returncode == run.INTERRUPTED
    assert "Traceback" not in said


def processes_named(word: str, session: int) -> list[int]:
    """Those of a session in whose name a word occurs."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                named = word.encode() in (entry / "cmdline").read_bytes().split(b"\0")[0]
                if named and os.getsid(int(entry.name)) == session:
                    found.append(int(entry.name))
    return found


def test_a_terminals_interrupt_brings_no_traceback(tmp_path: Path):
    """Not of a worker either, though it begins, or is busy."""
    calls = tmp_path / "calls"
    words = ["eval", f"{FAKES}:make", "--config", "split_uint8", "--jobs", "2"]
    process = started([*words, "--out", str(tmp_path / "out")], CALLS=str(calls), STUCK_AT="2")
    until(process, calls, 1)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=SOON)
    assert (process.returncode, said) == (130, "interrupted; the same command goes on from here\n")


def test_an_evaluation_gives_up_its_builds(tmp_path: Path):
    begun, bin = tmp_path / "started", tmp_path / "bin"
    bin.mkdir()
    (bin / "g++").write_text(COMPILER.replace("$STARTED", str(begun)))
    (bin / "g++").chmod(0o755)
    words = ["eval", f"{FAKES}:make", "--config", "split_uint8", "rexp_uint8", "--engine", "rtl"]
    words += ["--out", str(tmp_path / "out"), "--build-dir", str(tmp_path / "builds")]
    process = started(words, PATH=f"{bin}:{os.environ['PATH']}")
    try:
        until(process, begun)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=SOON)
    finally:
        with process:
            process.kill()
    assert process.returncode == run.INTERRUPTED
    assert said == "interrupted; the same command goes on from here\n"
    left = [path for path in (tmp_path / "builds" / "sim").iterdir() if path.suffix != ".lock"]
    assert left == []


def test_what_holds_a_process_up_does_so_for_a_while_only(tmp_path: Path):
    """A thread that never ends is waited for when a process exits."""
    program = f"""
import os, signal, sys, threading, time
from softmax_cosim import cli, console
console.PATIENCE = 0.5
def stuck(words):
    threading.Thread(target=time.sleep, args=[3600]).start()
    os.kill(os.getpid(), signal.SIGTERM)
cli._run = stuck
sys.argv = ["cosim"]
code = cli.main()
open({str(tmp_path / "ended")!r}, "w").write(str(code))
sys.exit(code)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    try:
        _, said = process.communicate(timeout=SOON)
    finally:
        process.kill()
    assert (process.returncode, said) == (130, "cosim: interrupted\n")
    assert (tmp_path / "ended").read_text() == "130"


def test_an_interrupt_within_code_that_is_made_of_a_text(tmp_path: Path):
    """A module of Python's own would die of it at its end, though it was caught."""
    (tmp_path / "told.py").write_text("""
import sys
from softmax_cosim import cli
text = "import os, signal\\nos.kill(os.getpid(), signal.SIGTERM)\\nwhile True: pass"
cli._run = lambda words: exec(text)
sys.argv = ["cosim"]
sys.exit(cli.main())
""")
    done = subprocess.run(
        [sys.executable, "-m", "told"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (130, "cosim: interrupted\n")


@pytest.mark.parametrize("when", ["imports", "ends"])
def test_an_interrupt_before_or_after_the_command(tmp_path, when):
    """While modules are imported, and while the interpreter ends."""
    program = {
        "imports": """
import signal, sys
class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == "numpy":
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Interrupts())
""",
        "ends": """
import atexit, signal, sys
atexit.register(signal.raise_signal, signal.SIGINT)
""",
    }[when]
    program = f"""{program}
signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored in the background
sys.argv = ["cosim", "--help"]
from softmax_cosim.entry import main
sys.exit(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    expected = (130, "cosim: interrupted\n") if when == "imports" else (-signal.SIGINT, "")
    assert (done.returncode, done.stderr) == expected


def test_a_simulator_that_hangs_is_not_waited_for(monkeypatch):
    """Neither by who has had enough, nor when its pool is closed because of that."""
    monkeypatch.setattr(pools, "_PATIENCE", 0.5)
    played = []

    def play_on(pool):
        pool.start()
        os.kill(pool._simulators[0].pid, signal.SIGSTOP)
        played.append(pool.submit(Rows.of([[1, 2, 3]])))
        stopping.set()
        try:
            pools.waited(played[0])
        finally:
            stopping.clear()

    with pytest.raises(Interrupted), Pool(configs.load("rexp_uint8"), 1) as pool:
        play_on(pool)
    with pytest.raises(SimulatorCrash, match="SIGKILL"):
        played[0].result()


def test_a_crash_goes_to_another_process_whole():
    crash = SimulatorCrash("it died", "a\nb")
    again = pickle.loads(pickle.dumps(crash))
    assert (str(again), again.log) == (str(crash), crash.log)
