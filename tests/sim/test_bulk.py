"""One truth in every mode: signal, bulk on cocotb's main, bulk with run-ahead."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np
import pytest

from softmax_cosim import configs
from softmax_cosim.golden.rows import Results, Rows
from softmax_cosim.golden.softmax import softmax
from softmax_cosim.simulation.simulator import Simulator

PROFILES = ["none", "light", "bursty", "heavy", "stuck", "source-only", "sink-only"]
PERIOD_STEPS = 10_000  # 10 ns at a precision of 1 ps
# In the second, lanes straddle the 32-bit words of the DPI.
CONFIGS = {
    "eight": configs.load("rexp_uint8").replace(max_len=64),
    "narrow": configs.load("lut2d_uint4").replace(max_len=64, lanes=4, in_w=11, frac=4),
}


def batch(config: configs.Config, count: int, seed: int) -> Rows:
    """Rows of every length, some overlong, with random masks."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, config.max_len + 1, count)
    lengths[rng.integers(0, count, count // 8)] = config.max_len + 3
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    limit = 2 ** (config.in_w - 1)
    scores = np.clip(rng.normal(0, 3 * 2**config.frac, offsets[-1]).round(), -limit, limit - 1)
    return Rows(scores.astype(np.int32), rng.random(offsets[-1]) < 0.8, offsets)


@pytest.fixture(scope="module", params=CONFIGS)
def modes(request: pytest.FixtureRequest) -> Iterator[dict[str, Simulator]]:
    config = CONFIGS[request.param]
    with ExitStack() as stack:
        yield {
            "signal": stack.enter_context(Simulator(config, "signal", optimise="test")),
            "stock main": stack.enter_context(Simulator(config, run_ahead=False, optimise="test")),
            "run-ahead": stack.enter_context(Simulator(config, optimise="test")),
        }


def same(left: Results, right: Results) -> None:
    for field in dataclasses.fields(Results):
        np.testing.assert_array_equal(
            getattr(left, field.name), getattr(right, field.name), field.name
        )


@pytest.mark.parametrize("stalls", PROFILES)
def test_modes_agree_in_every_output_and_cycle(modes: dict[str, Simulator], stalls: str) -> None:
    config = modes["signal"].config
    rows = batch(config, 24, seed=5)
    results = {name: simulator.run(rows, stalls, seed=9) for name, simulator in modes.items()}
    ahead = results["run-ahead"]
    assert not ahead.lost.any()
    np.testing.assert_array_equal(ahead.error, rows.lengths > config.max_len)
    served = np.repeat(~ahead.error, rows.lengths)
    np.testing.assert_array_equal(ahead.y[served], softmax(config, rows).y[served])
    same(ahead, results["stock main"])
    same(ahead, results["signal"])


def test_time_is_cycles_times_period_after_any_number_of_batches(
    modes: dict[str, Simulator],
) -> None:
    for name in ("stock main", "run-ahead"):
        simulator, edges = modes[name], modes[name].edges
        for count in (1, 7, 7, 7, 2):
            simulator.run(batch(simulator.config, count, seed=count), "light", seed=count)
            assert simulator.edges > edges
            assert simulator.time == simulator.edges * PERIOD_STEPS, name
            edges = simulator.edges
    # A waiting Python sees the same time in both.
    spans = []
    for name in ("stock main", "run-ahead"):
        before = modes[name].time
        modes[name].run(batch(modes[name].config, 5, seed=1), "bursty", seed=2)
        spans.append(modes[name].time - before)
    assert spans[0] == spans[1]


def test_a_batch_depends_on_itself_alone(modes: dict[str, Simulator]) -> None:
    simulator = modes["run-ahead"]
    rows = batch(simulator.config, 6, seed=3)
    first = simulator.run(rows, "heavy", seed=4)
    simulator.run(batch(simulator.config, 3, seed=8))
    same(first, simulator.run(rows, "heavy", seed=4))
    other = simulator.run(rows, "heavy", seed=5)
    assert (other.last_out != first.last_out).any()
    np.testing.assert_array_equal(other.y, first.y)


def test_batches_of_one_shape_have_a_seed_and_stalls_each(modes: dict[str, Simulator]) -> None:
    rows = batch(modes["run-ahead"].config, 6, seed=3)
    for stalls, seed in (("none", 0), ("heavy", 1), ("heavy", 2), ("source-only", 2)):
        same(*(modes[name].run(rows, stalls, seed) for name in ("stock main", "run-ahead")))


def test_row_exponents_of_every_size() -> None:
    """Flat rows of 1 to 4096 elements, refused ones between: each result has its own exponent."""
    config = configs.load("split_uint8_rowexp").replace(in_w=4, frac=0, lanes=8, max_len=4096)
    flat = [[3] * 2**n for n in range(13)]
    order = np.random.default_rng(2).permutation(13)
    rows = Rows.of([row for n in order for row in (flat[n], [3] * (config.max_len + 1))])
    with Simulator(config, optimise="once") as simulator:
        results = simulator.run(rows, "light", seed=1)
    assert results.exponent[::2].tolist() == order.tolist()
    assert results.error.tolist() == [False, True] * 13
    good = softmax(config, Rows.of([flat[n] for n in order]))
    assert good.exponent.tolist() == order.tolist()
    np.testing.assert_array_equal(results.y[np.repeat(~results.error, rows.lengths)], good.y)
