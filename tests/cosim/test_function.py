"""The RTL as a numpy function, and several simulators at once."""

from __future__ import annotations

import dataclasses
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import softmax_cosim as cosim
from softmax_cosim import configs
from softmax_cosim.configs.errors import UsageError
from softmax_cosim.golden.quantise import quantise
from softmax_cosim.golden.rows import Results, Rows
from softmax_cosim.golden.softmax import softmax as golden
from softmax_cosim.simulation import pool as pools
from softmax_cosim.simulation.pool import Pool
from softmax_cosim.simulation.simulator import NoProgress, Simulator, SimulatorCrash

CONFIG = configs.load("rexp_uint8").replace(max_len=64)
HANGING = [Path(__file__).parents[1] / "sim" / "designs" / "hanging_top.sv"]


@pytest.fixture(scope="module")
def softmax() -> Iterator[cosim.RtlSoftmax]:
    with cosim.RtlSoftmax(CONFIG, jobs=1, optimise="test") as function:
        yield function


@pytest.mark.parametrize("shape", [(20,), (1, 1), (3, 9), (2, 3, 4, 50)])
def test_any_shape_is_what_the_golden_model_says(
    softmax: cosim.RtlSoftmax, shape: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(len(shape))
    scores = rng.normal(0, 3, shape)
    mask = rng.random(shape) < 0.7
    got = softmax(scores, mask)
    assert got.shape == shape
    assert got.dtype == np.float64
    raw = quantise(scores, mask, CONFIG)
    offsets = np.arange(0, scores.size + 1, shape[-1])
    y = golden(CONFIG, Rows(raw.q.ravel(), raw.keep.ravel(), offsets)).y
    np.testing.assert_array_equal(got, y.reshape(shape) / CONFIG.m)
    assert not got[~mask].any()
    assert got.latency is not None
    assert got.latency.shape == shape[:-1]
    assert (got.latency >= 2 * -(-shape[-1] // CONFIG.lanes) - 1).all()


def test_masks_broadcast_and_values_derived_forget_the_latency(softmax: cosim.RtlSoftmax) -> None:
    scores = np.zeros((2, 3, 4), np.float32)
    got = softmax(scores, [True, True, False, False])
    np.testing.assert_allclose(got[..., :2], 0.5, atol=2 / CONFIG.m)
    assert not got[..., 2:].any()
    assert "latency" in vars(got)
    assert "latency" not in vars(got * 2)


def test_no_rows_and_masked_arrays(softmax: cosim.RtlSoftmax) -> None:
    got = softmax(np.zeros((0, 3, 5), np.float32), np.ones(5, np.bool_))
    assert got.shape == (0, 3, 5)
    assert got.latency is not None
    assert got.latency.shape == (0, 3)
    hidden = np.array([False, True, False, True])
    scores = np.random.default_rng(1).normal(0, 3, (3, 4))
    buried = np.ma.array(np.where(hidden, np.nan, scores), mask=np.broadcast_to(hidden, (3, 4)))
    np.testing.assert_array_equal(softmax(buried), softmax(scores, ~hidden))


def test_bad_input(softmax: cosim.RtlSoftmax) -> None:
    with pytest.raises(UsageError, match="max_len is 64"):
        softmax(np.zeros((2, 65)))
    with pytest.raises(UsageError, match="unknown configuration"):
        cosim.RtlSoftmax("rexp_uint3")
    with pytest.raises(UsageError, match="at least 1"):
        cosim.RtlSoftmax(CONFIG, jobs=0)


def children() -> list[int]:
    tasks = Path("/proc/self/task").iterdir()
    return [int(pid) for task in tasks for pid in (task / "children").read_text().split()]


def test_a_crash_raises_and_the_next_call_works() -> None:
    scores = np.linspace(0, 1, 24).reshape(4, 6)
    before = set(children())
    with cosim.RtlSoftmax(CONFIG, jobs=1, optimise="test") as softmax:
        expected = softmax(scores)
        (process,) = set(children()) - before
        os.kill(process, signal.SIGKILL)
        with pytest.raises(SimulatorCrash, match="SIGKILL"):
            softmax(scores)
        np.testing.assert_array_equal(softmax(scores), expected)
    assert set(children()) == before


def test_any_number_of_jobs_gives_the_same_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "SHARD_ELEMENTS", 300)
    rng = np.random.default_rng(1)
    offsets = np.concatenate([[0], np.cumsum(rng.integers(1, 65, 80))])
    q = rng.integers(-1000, 1000, offsets[-1]).astype(np.int32)
    rows = Rows(q, rng.random(len(q)) < 0.8, offsets)
    results: list[Results] = []
    for jobs in (1, 3):
        with Pool(CONFIG, jobs, optimise="test") as pool:
            results.append(pool.run(rows, "light", seed=2))
            assert len({simulator.pid for simulator in pool._simulators} - {None}) == jobs
    for field in dataclasses.fields(Results):
        one, three = (getattr(result, field.name) for result in results)
        np.testing.assert_array_equal(one, three, field.name)
    np.testing.assert_array_equal(results[0].y, golden(CONFIG, rows).y)


def test_one_shard_is_played_by_the_calling_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = Rows.of([[5] * 40, [1] * 3])
    monkeypatch.setattr(pools, "SHARD_ELEMENTS", 43)
    who = []

    def play(simulator: Simulator, *batch: Any) -> Results:
        who.append(threading.current_thread())
        return simulator.run(*batch)

    with Pool(CONFIG, 2, optimise="test", play=play) as pool:
        whole = pool.run(rows)
        assert who == [threading.current_thread()]
        monkeypatch.setattr(pools, "SHARD_ELEMENTS", 40)
        np.testing.assert_array_equal(pool.run(rows).y, whole.y)
        assert len(who) == 3
        assert threading.current_thread() not in who[1:]


def test_a_hang_in_one_shard_comes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "SHARD_ELEMENTS", 8)
    rows = Rows.of([[1] * 8, [2] * 8, [-1] * 8, [3] * 8])
    options = {"sources": HANGING, "patience": 200, "optimise": "test"}
    with Pool(CONFIG, 2, **options) as pool, pytest.raises(NoProgress):
        pool.run(rows)


def test_close_to_float_softmax(softmax: cosim.RtlSoftmax) -> None:
    scores = np.random.default_rng(0).normal(0, 2, (50, 32))
    exact = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    assert np.abs(softmax(scores) - exact).mean() < 0.05
