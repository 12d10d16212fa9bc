"""Metrics from terms, by hand and by definition."""

import math

import numpy as np
import pytest

from softmax_cosim.eval.figures import correlation, f1, matthews, outcome, pearson, ranks, spearman


def terms(said, true):
    return np.array([outcome(a, b) for a, b in zip(said, true, strict=True)])


def test_outcomes():
    assert outcome(True, True) == (1, 0, 0, 0)
    assert outcome(True, False) == (0, 1, 0, 0)
    assert outcome(False, True) == (0, 0, 1, 0)
    assert outcome(False, False) == (0, 0, 0, 1)


def test_f1_is_of_the_positives():
    some = terms([1, 1, 1, 0, 0], [1, 1, 0, 1, 0])
    assert f1(some) == pytest.approx(2 / 3)
    assert f1(terms([1, 0], [1, 0])) == 1
    assert f1(terms([0, 1], [1, 0])) == 0
    assert math.isnan(f1(terms([0, 0], [0, 0])))


def test_matthews_is_the_correlation_of_the_classes():
    random = np.random.default_rng(0)
    true = random.random(40) < 0.7
    said = true ^ (random.random(40) < 0.3)
    assert matthews(terms(said, true)) == pytest.approx(np.corrcoef(said, true)[0, 1])
    assert matthews(terms(~true, true)) == pytest.approx(-1)
    assert matthews(terms([True] * 40, true)) == 0


def test_pearson_and_spearman():
    pairs = np.array([[1.0, 1], [2, 8], [3, 27], [4, 64]])
    assert pearson(pairs) == pytest.approx(np.corrcoef(pairs.T)[0, 1])
    assert spearman(pairs) == pytest.approx(1)
    assert spearman(-pairs * [1, -1]) == pytest.approx(-1)
    assert math.isnan(pearson(np.array([[1.0, 5], [2, 5]])))


def test_ranks_of_equal_values_are_shared():
    assert ranks(np.array([0.5, 0.1, 0.5, 0.9, 0.5])).tolist() == [3, 1, 3, 5, 3]
    assert correlation(np.array([1.0, 2, 3]), np.array([2.0, 4, 6])) == pytest.approx(1)
