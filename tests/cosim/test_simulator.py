"""The process behind a simulator: nothing left over, whatever dies."""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from softmax_cosim import configs
from softmax_cosim.configs import Config
from softmax_cosim.configs.design import Design, Rtl
from softmax_cosim.configs.errors import UsageError
from softmax_cosim.golden.rows import Rows
from softmax_cosim.paths import ROOT
from softmax_cosim.simulation.pool import Pool
from softmax_cosim.simulation.simulator import (
    Broken,
    NoProgress,
    Simulator,
    SimulatorCrash,
)
from tests.cosim.test_toolchain import STRAY

CONFIG = configs.load("rexp_uint8").replace(max_len=64)
DESIGN = [ROOT / "tests" / "sim" / "designs" / "hanging_top.sv"]
ROWS = Rows.of([[1, 2, 3], [4] * 20])


def make(**options: object) -> Simulator:
    return Simulator(CONFIG, sources=DESIGN, optimise="test", **options)  # type: ignore[arg-type]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with make() as sim:
        yield sim


def exists(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def eventually(condition: object) -> bool:
    assert callable(condition)
    end = time.monotonic() + 300  # how long a busy machine may take
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def test_a_function_that_a_design_lacks_is_told_when_it_is_built(tmp_path: Path) -> None:
    text = DESIGN[0].read_text().replace("endmodule", "  initial nowhere();\nendmodule")
    path = tmp_path / "lacking_top.sv"
    path.write_text(f'import "DPI-C" function void nowhere();\n{text}')
    with pytest.raises(UsageError, match=r"undefined reference to .nowhere"):
        Simulator(CONFIG, sources=[path], optimise="test")


def test_starts_with_the_first_batch_and_serves_any_number(simulator: Simulator) -> None:
    assert simulator.pid is None
    simulator.run(ROWS)
    process = simulator.pid
    assert process is not None
    for count in (1, 1000, 3):  # the memory grows in between
        rows = Rows.of([[n % 100] * 5 for n in range(count)])
        np.testing.assert_array_equal(simulator.run(rows).y, rows.q)
    assert simulator.pid == process
    assert exists(process)
    simulator.close()
    assert simulator.pid is None
    assert not exists(process)
    np.testing.assert_array_equal(simulator.run(ROWS).y, ROWS.q)


def test_batches_of_a_shape_and_of_others_and_one_that_hangs_in_any_order() -> None:
    """One like the last is played without Python; neither that nor an end in between may show."""
    with make(patience=1000, timeout=300) as sim:  # it may be waited for in vain
        for value, *lengths in (
            *((1, 5, 7), (2, 5, 7), (3, 5, 7), (-1, 5, 7), (4, 5, 7), (5, 60, 60)),
            *((6, 40, 40, 40), (7, 60, 60), (-1, 60)),
        ):
            rows = Rows.of([[value] * length for length in lengths])
            for seed, stalls in ((value % 99, "none"), (value % 99, "heavy"), (77, "heavy")):
                if value < 0:
                    with pytest.raises(NoProgress, match="row 0"):
                        sim.run(rows, stalls, seed)
                    continue
                with make() as fresh:
                    expected = fresh.run(rows, stalls, seed)
                for _ in range(2):
                    got = sim.run(rows, stalls, seed)
                    np.testing.assert_array_equal(got.y, rows.q)
                    np.testing.assert_array_equal(got.last_out, expected.last_out)


def test_a_batch_without_rows(simulator: Simulator) -> None:
    nothing = Rows(np.zeros(0, np.int32), np.zeros(0, np.bool_), np.zeros(1, np.int64))
    assert len(simulator.run(nothing).y) == 0


def test_a_killed_simulator_raises_and_the_next_call_works(simulator: Simulator) -> None:
    simulator.run(ROWS)
    assert simulator.pid is not None
    os.kill(simulator.pid, signal.SIGKILL)
    with pytest.raises(SimulatorCrash, match="SIGKILL"):
        simulator.run(ROWS)
    np.testing.assert_array_equal(simulator.run(ROWS).y, ROWS.q)


def test_a_simulator_that_does_not_answer_is_ended() -> None:
    with make(timeout=0.5) as sim:
        sim.start()
        process = sim.pid
        assert process is not None
        os.kill(process, signal.SIGSTOP)
        with pytest.raises(SimulatorCrash, match=r"no answer in 0\.5 s"):
            sim.run(ROWS)
        assert not exists(process)
        sim.timeout = None
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
        print(sim.pid, sim.edges, flush=True)
        sim.run(Rows.of([[{-1 if busy else 1}]]))
        time.sleep(60)
    """
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT)
    with parent:
        assert parent.stdout is not None
        process, edges = map(int, parent.stdout.readline().split())
        assert edges > 0
        time.sleep(0.2)
        parent.kill()
    assert eventually(lambda: not exists(process))


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


#: Whoever imports one of these is told so.
HOSTILE = (
    *("configs/__init__.py", "golden.py", "tb.py", "cosim.py", "softmax_cosim/__init__.py"),
    *("numpy.py", "cocotb.py", "cocotb_tools/__init__.py", "random.py", "json/__init__.py"),
    *("sitecustomize.py", "usercustomize.py"),
)


def test_hostile_names_and_variables_do_it_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in HOSTILE:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("raise SystemExit('the hostile module was imported')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, value in STRAY.items():
        monkeypatch.setenv(name, value)
    with make() as sim:
        monkeypatch.setattr(sim, "_folder", tmp_path)
        np.testing.assert_array_equal(sim.run(ROWS).y, ROWS.q)


def test_a_forked_child_has_simulators_of_its_own(simulator: Simulator) -> None:
    simulator.run(ROWS)
    pool = Pool(CONFIG, 2, sources=DESIGN, optimise="test")
    pool.run(ROWS)
    ours = simulator.pid
    child = os.fork()
    if child == 0:  # whatever happens here must not return into pytest
        good = False
        try:
            assert simulator.pid is None
            good = (simulator.run(ROWS).y == ROWS.q).all() and simulator.pid != ours
            simulator.close()
            good = good and (pool.run(ROWS).y == ROWS.q).all()
            pool.close()
        finally:
            os._exit(0 if good else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert simulator.pid == ours
    np.testing.assert_array_equal(simulator.run(ROWS).y, ROWS.q)
    np.testing.assert_array_equal(pool.run(ROWS).y, ROWS.q)
    pool.close()


def test_the_parent_ends_its_simulator_while_a_child_lives_on(simulator: Simulator) -> None:
    simulator.run(ROWS)
    process, child = simulator.pid, os.fork()
    assert process is not None
    if child == 0:
        time.sleep(600)
        os._exit(0)
    try:
        assert simulator._process is not None
        ended = simulator._process
        simulator.close()
        assert ended.returncode == 0  # by itself: the child holds no end of its pipes
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@pytest.mark.parametrize(
    ("option", "limit", "sentence"),
    [
        ("NOFILE", 3, r"Too many open files \(limits in force: .*ulimit -n 3"),
        ("FSIZE", 1024, r"File too large \(limits in force: .*ulimit -f 1\b"),
    ],
)
def test_a_limit_of_the_shell_is_named(option: str, limit: int, sentence: str) -> None:
    """In a process of its own, which has few files open and takes the limit with it."""
    make().close()  # built
    script = f"""if True:
        import resource
        from softmax_cosim.configs import UsageError
        from softmax_cosim.golden.rows import Rows
        from tests.cosim.test_simulator import make
        sim = make()
        resource.setrlimit(resource.RLIMIT_{option}, ({limit}, {limit}))
        try:
            sim.run(Rows.of([[1] * 64] * 1000))
        except UsageError as error:
            print(error)
    """
    said = subprocess.check_output([sys.executable, "-c", script], cwd=ROOT, text=True)
    assert re.match(rf"no simulator for {CONFIG.name}: {sentence}", said)


def test_no_memory_for_a_simulator_is_said(simulator: Simulator) -> None:
    command = ["sh", "-c", 'ulimit -v 5000; exec "$@"', "sh", *simulator.build.command()]
    simulator.build = dataclasses.replace(simulator.build)
    object.__setattr__(simulator.build, "command", lambda **options: command)
    with pytest.raises(SimulatorCrash, match=r"cannot allocate memory|failed to map|MemoryError"):
        simulator.run(ROWS)


ENDING = Config(
    "ending",
    "custom",
    "uint8",
    in_w=8,
    frac=4,
    max_len=64,
    design=Design(
        str(ROOT / "ending.toml"),
        Rtl("ending_top", (str(ROOT / "tests" / "sim" / "designs" / "ending_top.sv"),)),
    ),
)


@pytest.fixture
def ending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """A design that reads a file beside its configuration; we stand elsewhere, beside another."""
    (tmp_path / "design").mkdir()
    (tmp_path / "design" / "step.hex").write_text("3\n")
    (tmp_path / "step.hex").write_text("7\n")
    monkeypatch.chdir(tmp_path)
    about = dataclasses.replace(ENDING.design, file=str(tmp_path / "design" / "ending.toml"))
    cfg = ENDING.replace(design=about)
    with Simulator(cfg, optimise="test") as sim:
        yield sim


def test_a_memory_file_is_the_one_beside_the_configuration_as_it_is_now(ending: Simulator) -> None:
    assert ending.run(Rows.of([[1, 2]])).y.tolist() == [4, 5]
    ending.close()
    Path("design/step.hex").write_text("5\n")
    assert ending.run(Rows.of([[1, 2]])).y.tolist() == [6, 7]


def test_a_memory_file_that_is_not_there(ending: Simulator) -> None:
    Path("design/step.hex").unlink()
    with pytest.raises(UsageError, match=r"ending reads step\.hex, and there is no such file in "):
        ending.run(Rows.of([[1, 2]]))


def test_what_a_design_warns_of_is_counted(ending: Simulator) -> None:
    """By $warning, which ends nothing."""
    ending.run(Rows.of([[100], [100], [3]]))
    ending.close()
    ((warning, times),) = ending.warnings.items()
    assert re.fullmatch(r"ending_top.sv:\d+: .*a score of 100", warning)
    assert times == 2


@pytest.mark.parametrize(
    ("score", "why"),
    [
        (101, r"at time \d+: .*ending_top.sv:\d+: .*a fatal score of 101"),
        (102, r"at time \d+: .*ending_top.sv:\d+: .*an erroneous score of 102"),
        (103, r"at time \d+: .*ending_top.sv:\d+: .*a_score.*an asserted score of 103"),
        (104, r".*ending_top.sv:\d+: Verilog \$stop"),
        (105, r".*ending_top.sv:\d+: Verilog \$finish"),
    ],
)
def test_a_design_that_ends_the_simulation_is_broken_and_says_why(
    score: int, why: str, ending: Simulator
) -> None:
    ending.run(Rows.of([[1, 2], *[[6]] * 4]))  # of which nothing may be taken for what follows
    with pytest.raises(Broken, match=f"^the design ended the simulation {why}") as info:
        ending.run(Rows.of([[1, 2], [3], [4], [score], [5]]))
    results = info.value.results
    assert results.last_out[0] >= 0
    assert results.y[:2].tolist() == [4, 5]
    assert results.last_out[-2:].tolist() == [-1, -1]
    assert ending.run(Rows.of([[1, 2]])).y.tolist() == [4, 5]
