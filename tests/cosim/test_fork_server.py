"""Simulators of a pool are forked from one process; what becomes of them when something dies."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path

import numpy as np
import pytest

from softmax_cosim import configs
from softmax_cosim.golden.softmax import softmax
from softmax_cosim.paths import ROOT
from softmax_cosim.simulation import fork_server, power_up
from softmax_cosim.simulation.pool import Pool
from softmax_cosim.simulation.simulator import Simulator, SimulatorCrash
from tests.cosim.test_simulator import CONFIG, DESIGN, ROWS, eventually, exists


@pytest.fixture
def pool() -> Iterator[Pool]:
    with Pool(CONFIG, 2, sources=DESIGN, optimise="test") as pool:
        yield pool


def parent(process: int | None) -> int:
    return int(re.findall(r"^PPid:\s*(\d+)", Path(f"/proc/{process}/status").read_text(), re.M)[0])


def play(pool: Pool, place: int) -> None:
    np.testing.assert_array_equal(pool.submit(ROWS, place=place).result().y, ROWS.q)


def test_one_process_forks_all_and_ends_after_them(pool: Pool) -> None:
    pool.start()
    processes = [simulator.pid for simulator in pool._simulators]
    (mother,) = {parent(process) for process in processes}
    assert parent(mother) == os.getpid()
    assert len(set(processes)) == 2
    ended = [simulator._process for simulator in pool._simulators]
    pool.close()
    assert [process.returncode for process in ended if process] == [0, 0]
    assert not any(exists(process) for process in (mother, *processes) if process)


def test_one_process_forks_simulators_of_several_designs() -> None:
    """Each is played in the design that it loaded, and in a folder of its own."""
    servers, mothers = fork_server.ForkServers(), set()
    for config in map(configs.load, ("rexp_uint8", "split_uint8")):
        with Simulator(config) as simulator:
            server = simulator.fork_server(servers.of)
        with Pool(config, 2, fork_server=server) as pool:
            outputs = pool.submit(ROWS, place=0).result()
            np.testing.assert_array_equal(outputs.y, softmax(config, ROWS).y)
            process = pool._simulators[0].pid
            mothers.add(parent(process))
            folder = Path(f"/proc/{process}/cwd").readlink()
            assert folder == pool.build.folder
    (mother,) = mothers
    servers.close()
    assert eventually(lambda: not exists(mother))


def test_a_host_without_a_design_says_so() -> None:
    with Simulator(CONFIG, sources=DESIGN, optimise="test") as simulator:
        host, design, *words = simulator.build.command()
    environment = simulator.build.environment("softmax_cosim.tb.server")
    for command, reason in (
        ([host], "no design: none is named"),
        ([host, f"{design}.gone", *words], "no design: .*gone: cannot open shared object"),
    ):
        ended = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert ended.returncode == 1
        assert re.search(reason, ended.stderr)


def test_a_simulator_imports_no_numpy(pool: Pool) -> None:
    """Which takes longer than all else that it starts with."""
    pool.start()
    with Simulator(CONFIG, sources=DESIGN, optimise="test") as alone:
        alone.run(ROWS)
        for process in (alone.pid, pool._simulators[0].pid):
            assert "numpy" not in Path(f"/proc/{process}/maps").read_text()


def test_a_killed_simulator_is_told_and_born_again(pool: Pool) -> None:
    play(pool, 1)
    process = pool._simulators[1].pid
    mother = parent(process)
    assert process
    os.kill(process, signal.SIGKILL)
    with pytest.raises(SimulatorCrash, match="SIGKILL"):
        play(pool, 1)
    play(pool, 1)
    assert parent(pool._simulators[1].pid) == mother


def test_simulators_outlive_a_killed_fork_server_and_another_one_follows(pool: Pool) -> None:
    play(pool, 0)
    process = pool._simulators[0].pid
    mother = parent(process)
    os.kill(mother, signal.SIGKILL)
    play(pool, 0)
    assert pool._simulators[0].pid == process
    play(pool, 1)
    assert parent(pool._simulators[1].pid) != mother
    pool.close()
    assert eventually(lambda: not process or not exists(process))


def test_a_pool_of_which_all_is_stopped_is_killed(pool: Pool) -> None:
    """Whoever waits for a fork, and for the end of a simulator, is told."""
    play(pool, 0)
    process = pool._simulators[0].pid
    assert process
    for stopped in (process, mother := parent(process)):
        os.kill(stopped, signal.SIGSTOP)
    played = [pool.submit(ROWS, place=place) for place in (0, 1)]
    pool.close(kill=True)
    for each in played:
        with pytest.raises((SimulatorCrash, CancelledError)):
            each.result()
    assert eventually(lambda: not exists(process) and not exists(mother))


def test_a_fork_server_that_cannot_start_says_why(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pool._fork_server is not None
    command = ["sh", "-c", "echo no room for a child; exit 3"]
    monkeypatch.setattr(pool._fork_server, "_command", command)
    with pytest.raises(SimulatorCrash, match=r"could not be started[^:]*:\nno room for a child"):
        play(pool, 0)
    monkeypatch.undo()
    play(pool, 0)


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "within a batch"])
def test_a_killed_caller_leaves_nobody(pool: Pool, busy: bool) -> None:
    pool.close()  # built
    script = f"""if True:
        import time
        from softmax_cosim.golden.rows import Rows
        from tests.cosim.test_fork_server import CONFIG, DESIGN, Pool, ROWS, parent
        pool = Pool(CONFIG, 2, sources=DESIGN, optimise="test", patience=10**15)
        pool.start()
        numbers = [simulator.pid for simulator in pool._simulators]
        pool.submit(ROWS, place=0).result()
        print(parent(numbers[0]), *numbers, flush=True)
        if {busy}:
            pool.submit(Rows.of([[-1]]), place=0)
        time.sleep(600)
    """
    caller = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT)
    with caller:
        assert caller.stdout is not None
        processes = list(map(int, caller.stdout.readline().split()))
        assert len(processes) == 3
        caller.kill()
    assert eventually(lambda: not any(exists(process) for process in processes))


@pytest.fixture
def unreset(tmp_path: Path) -> list[Path]:
    """A design that gives away what a register woke up with."""
    text = DESIGN[0].read_text()
    text = text.replace("m_axis_tuser = '0;", "m_axis_tuser = {woke_q, 1'b0};")
    text = text.replace("  logic full_q,", "  logic [3:0] woke_q;\n  logic full_q,")
    text = text.replace("if (!rst_ni) begin", "woke_q <= woke_q;\n    if (!rst_ni) begin")
    path = tmp_path / "unreset_top.sv"
    path.write_text(text)
    return [path]


def test_a_born_design_wakes_up_as_one_that_was_started_does(unreset: list[Path]) -> None:
    """From zeros, ones, and each random draw, twice the same."""
    draws = ("zeros", "ones", "7", "8", "9", "7")
    with Pool(CONFIG, 2, draws=draws, sources=unreset, optimise="test") as pool:
        forked = [pool.submit(ROWS, place=place).result() for place in range(len(draws))]
    woke = [results.exponent[0] for results in forked]
    for draw, exponent in zip(draws, woke, strict=True):
        with Simulator(CONFIG, sources=unreset, optimise="test", draw=draw) as alone:
            assert alone.run(ROWS).exponent[0] == exponent
    assert woke[:2] == [0, 15]
    assert len(set(woke[2:])) > 1
    assert woke[2] == woke[5]


def test_where_there_can_be_no_fork_server_each_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "pidfd_open", refuse)
    fork_server.possible.cache_clear()
    try:
        with Pool(CONFIG, 2, sources=DESIGN, optimise="test") as pool:
            pool.start()
            assert {parent(simulator.pid) for simulator in pool._simulators} == {os.getpid()}
            play(pool, 1)
    finally:
        monkeypatch.undo()
        fork_server.possible.cache_clear()


def test_an_interrupted_fork_leaves_no_answer_behind(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*words: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(fork_server.socket, "recv_fds", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pool._simulators[0].start()
    monkeypatch.undo()
    pool._simulators[1].start()
    assert pool._simulators[0].pid is None
    play(pool, 0)
    play(pool, 1)


def test_who_waits_is_told_at_once_and_not_longer_than_asked() -> None:
    process = subprocess.Popen(["sleep", "600"])
    with pytest.raises(subprocess.TimeoutExpired):
        fork_server.waited_for(process, 0.01)
    process.kill()
    assert fork_server.waited_for(process, 600) == -signal.SIGKILL
    assert fork_server.waited_for(process, 600) == -signal.SIGKILL


def test_there_are_draws_to_be_born_with() -> None:
    assert len(power_up.draws(0)) == power_up.FEWEST > 2
