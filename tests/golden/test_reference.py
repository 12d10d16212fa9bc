"""The float64 reference, against a scalar softmax and its own properties."""

from __future__ import annotations

import math

import numpy as np
from batches import cases
from hypothesis import given
from hypothesis import strategies as st

from softmax_cosim.configs import Config
from softmax_cosim.golden import reference
from softmax_cosim.golden.rows import Rows

SCORES = st.lists(st.floats(-1e5, 1e5), min_size=1, max_size=20)


def scalar_softmax(row: list[float]) -> list[float]:
    top = max(row)
    terms = [math.exp(x - top) for x in row]
    total = math.fsum(terms)
    return [t / total for t in terms]


@given(st.lists(SCORES, min_size=1, max_size=5))
def test_agrees_with_a_scalar_softmax(batch: list[list[float]]) -> None:
    offsets = np.cumsum([0, *map(len, batch)], dtype=np.int64)
    scores = np.concatenate(batch)
    p = reference.softmax_of_scores(scores, np.ones(len(scores), np.bool_), offsets)
    expected = np.concatenate([scalar_softmax(row) for row in batch])
    np.testing.assert_allclose(p, expected, rtol=1e-12, atol=0)


@given(cases())
def test_kept_probabilities_add_up_to_one(case: tuple[Config, Rows]) -> None:
    cfg, rows = case
    p = reference.of_quantised(cfg, rows)
    total = np.add.reduceat(p, rows.offsets[:-1])
    kept = np.logical_or.reduceat(rows.keep, rows.offsets[:-1])
    np.testing.assert_allclose(total, kept.astype(float), rtol=1e-12)
    assert not p[~rows.keep].any()


def test_a_score_is_worth_its_q_format() -> None:
    rows = Rows.of([[256, 0], [128, -128]], [[True, True], [True, True]])
    p = reference.of_quantised(Config("any", "rexp", "uint8", frac=8), rows)
    np.testing.assert_allclose(p, [1 / (1 + math.exp(-1)), 1 / (1 + math.e)] * 2)


def test_extreme_and_masked_rows() -> None:
    scores = np.array([80_000, -80_000, -np.inf, -np.inf, np.nan, 5.0], np.float32)
    keep = np.array([True, True, True, True, False, False])
    p = reference.softmax_of_scores(scores, keep, np.array([0, 3, 4, 6]))
    assert p.tolist() == [1, 0, 0, 0, 0, 0]
