"""The process behind a simulator: nothing left over, whatever dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from softmax_cosim import configs
from softmax_cosim.configs.errors import UsageError
from softmax_cosim.golden.rows import Rows
from softmax_cosim.paths import ROOT
from softmax_cosim.simulation.simulator import Simulator, SimulatorCrash

CONFIG = configs.load("rexp_uint8").replace(max_len=64)
DESIGN = [ROOT / "tests" / "sim" / "designs" / "hanging_top.sv"]
ROWS = Rows.of([[1, 2, 3], [4] * 20])


def make(**options: object) -> Simulator:
    return Simulator(CONFIG, sources=DESIGN, optimise="test", **options)  # type: ignore[arg-type]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with make() as sim:
        yield sim


def children(pid: int | str = "self") -> list[int]:
    return [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]


def eventually(condition: object) -> bool:
    assert callable(condition)
    end = time.monotonic() + 20
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def test_starts_with_the_first_batch_and_serves_any_number(simulator: Simulator) -> None:
    before = children()
    simulator.run(ROWS)
    (process,) = set(children()) - set(before)
    for count in (1, 1000, 3):  # the memory grows in between
        rows = Rows.of([[n % 100] * 5 for n in range(count)])
        np.testing.assert_array_equal(simulator.run(rows).y, rows.q)
    assert set(children()) - set(before) == {process}
    simulator.close()
    assert set(children()) == set(before)
    np.testing.assert_array_equal(simulator.run(ROWS).y, ROWS.q)


def test_a_batch_without_rows(simulator: Simulator) -> None:
    nothing = Rows(np.zeros(0, np.int32), np.zeros(0, np.bool_), np.zeros(1, np.int64))
    assert len(simulator.run(nothing).y) == 0


def test_a_killed_simulator_raises_and_the_next_call_works(simulator: Simulator) -> None:
    simulator.run(ROWS)
    (process,) = children()
    os.kill(process, signal.SIGKILL)
    with pytest.raises(SimulatorCrash, match="SIGKILL"):
        simulator.run(ROWS)
    np.testing.assert_array_equal(simulator.run(ROWS).y, ROWS.q)


def test_a_simulator_that_does_not_answer_is_ended() -> None:
    with make(timeout=0.5) as sim:
        sim.start()
        (process,) = children()
        os.kill(process, signal.SIGSTOP)
        with pytest.raises(SimulatorCrash, match=r"no answer in 0\.5 s"):
            sim.run(ROWS)
        assert children() == []
        np.testing.assert_array_equal(sim.run(ROWS).y, ROWS.q)


@pytest.mark.parametrize("run_ahead", [True, False], ids=["run-ahead", "stock"])
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "within a batch"])
def test_a_killed_parent_leaves_no_orphan(run_ahead: bool, busy: bool) -> None:
    make(run_ahead=run_ahead).close()  # built
    script = f"""if True:
        import time
        from softmax_cosim.golden.rows import Rows
        from tests.cosim.test_simulator import ROWS, make
        sim = make(run_ahead={run_ahead}, patience=10**15)
        sim.run(ROWS)
        print(sim.edges, flush=True)
        sim.run(Rows.of([[{-1 if busy else 1}]]))
        time.sleep(60)
    """
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT)
    with parent:
        assert parent.stdout is not None
        assert int(parent.stdout.readline()) > 0
        (process,) = children(parent.pid)
        time.sleep(0.2)
        parent.kill()
    assert eventually(lambda: not Path(f"/proc/{process}").exists())


def test_nothing_is_written_where_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with make() as sim:
        sim.run(ROWS)
    assert list(tmp_path.iterdir()) == []


def test_unknown_transport_and_profile() -> None:
    with pytest.raises(UsageError, match="choose bulk or signal"):
        Simulator(CONFIG, "telepathy")
    with make() as sim, pytest.raises(UsageError, match="unknown stall profile 'odd'"):
        sim.run(ROWS, stalls="odd")
