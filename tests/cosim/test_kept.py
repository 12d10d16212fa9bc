"""Designs of one input format share what was read and quantised, and nothing that differs."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest

from softmax_cosim.kept import Kept
from softmax_cosim.measure import Slice
from softmax_cosim.plan import Plan
from softmax_cosim.trace import Layer, write


def test_what_comes_first_stays_as_long_as_there_is_room() -> None:
    kept = Kept(10)
    kept.keep("a", 1, 6)
    kept.keep("b", 2, 6)
    kept.keep("c", 3, 4)
    assert [kept.find(key) for key in "abc"] == [1, None, 3]
    assert Kept().find("a") is None


def slices(folder: Path, scores: np.ndarray, *configs: str) -> list[Slice]:
    """Of each configuration, all rows of one layer."""
    path = folder / "trace.safetensors"
    write(path, [Layer(0, scores, None)], model="m", source="s")
    args = argparse.Namespace(
        config=list(configs), lanes=None, traces=[path], layers=None, rows=None, max_rows=None,
        transport="bulk", stalls="none",
    )  # fmt: skip
    plan = Plan.of(args, simulate=True)
    (planned,) = plan.traces
    return [
        Slice(design, planned, layer, np.arange(len(scores.reshape(-1, scores.shape[-1]))))
        for design in plan.designs
        for layer in planned.trace.layers()
    ]


@pytest.fixture
def scores(pytestconfig: pytest.Config) -> np.ndarray:
    random = np.random.default_rng(pytestconfig.getoption("--seed"))
    return random.normal(0, 4, (1, 2, 8, 16)).astype(np.float32)


def test_one_format_is_quantised_once(tmp_path: Path, scores: np.ndarray) -> None:
    names = ["rexp_uint8", "split_int16", "rexp_uint8_in8", "split_uint8_recentred"]
    one, same, narrow, shifted = slices(tmp_path, scores, *names)
    assert one.rows is same.rows
    assert narrow.rows is not one.rows
    assert shifted.rows is not one.rows
    assert not np.array_equal(shifted.rows.q, one.rows.q)
    (alone,) = slices(tmp_path, scores, "split_int16")
    np.testing.assert_array_equal(same.rows.q, alone.rows.q)
    np.testing.assert_array_equal(same.active, alone.active)


def test_what_is_clipped_is_judged_for_each_output(tmp_path: Path, scores: np.ndarray) -> None:
    """Of a coarse output, a row that moves a little has not moved."""
    scores[0, 0, 0, :2] = 127.99, 128.01
    coarse, fine = slices(tmp_path, scores, "rexp_uint2", "split_int16")
    assert (coarse.clipping.clipped, coarse.clipping.moved) == (1, 0)
    assert (fine.clipping.clipped, fine.clipping.moved) == (1, 1)


def test_other_rows_and_rows_alone_are_others(tmp_path: Path, scores: np.ndarray) -> None:
    whole, _ = slices(tmp_path, scores, "rexp_uint8", "split_uint8")
    part = whole.of_rows(np.array([3, 5]))
    assert len(whole.rows) == 16
    assert (
        part.rows.q.tolist()
        == np.concatenate([whole.rows.slice(n, n + 1).q for n in (3, 5)]).tolist()
    )
    first = whole.of_rows(np.array([0, 1])).rows
    assert part.alone().rows.q.tolist() == part.rows.q.tolist() != first.q.tolist()
