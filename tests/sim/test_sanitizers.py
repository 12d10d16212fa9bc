"""The C++ and DPI code in the running simulator, under AddressSanitizer and UBSan."""

from __future__ import annotations

import numpy as np
import pytest

from softmax_cosim import configs
from softmax_cosim.golden.rows import Rows
from softmax_cosim.paths import ROOT
from softmax_cosim.simulation.simulator import NoProgress, Simulator, SimulatorCrash

CONFIG = configs.load("rexp_uint8").replace(max_len=64)
DESIGN = [ROOT / "tests" / "sim" / "designs" / "hanging_top.sv"]


@pytest.fixture(autouse=True)
def options(monkeypatch: pytest.MonkeyPatch) -> None:
    # Python frees little at its end, which is not ours to judge.
    monkeypatch.setenv("ASAN_OPTIONS", "detect_leaks=0:print_legend=0")


def simulator(run_ahead: bool = True) -> Simulator:
    # A small design: the code under test is what surrounds it.
    return Simulator(
        CONFIG,
        run_ahead=run_ahead,
        patience=2000,
        sources=DESIGN,
        optimise="sanitize",
    )


@pytest.mark.parametrize("run_ahead", [True, False], ids=["run-ahead", "stock"])
def test_batches_of_any_size_and_a_hang(run_ahead: bool) -> None:
    rng = np.random.default_rng(0)
    with simulator(run_ahead) as sim:
        for count in (40, 1, 90):
            offsets = np.concatenate([[0], np.cumsum(rng.integers(1, 65, count))])
            q = rng.integers(0, 1000, offsets[-1]).astype(np.int32)
            rows = Rows(q, rng.random(len(q)) < 0.8, offsets)
            np.testing.assert_array_equal(sim.run(rows, "light", seed=count).y, q & 255)
        with pytest.raises(NoProgress):
            sim.run(Rows.of([[1] * 8, [2] * 8 + [-1] * 8, [3]]))
        np.testing.assert_array_equal(sim.run(rows).y, q & 255)


def test_the_sanitizers_watch() -> None:
    """A batch of wider beats than the design has ends the simulator with a report."""
    with simulator() as sim:
        sim.config = CONFIG.replace(lanes=32)
        with pytest.raises(SimulatorCrash, match="AddressSanitizer: stack-buffer-overflow"):
            sim.run(Rows.of([[1] * 8]))
