"""Figures, losses and intervals, against what can be worked out by hand."""

import math

import numpy as np
import pytest

from softmax_cosim.eval import Metric, mean, ratio
from softmax_cosim.eval.statistics import RESAMPLES, Baseline


class Numbers:
    """A task whose predictions are the numbers that its metrics are made of."""

    def __init__(self, *metrics):
        self.metrics = metrics

    def agreement(self, ours, float_):
        return float(ours == float_), 1


def own(_, number):
    return (number,)


HIGHER = Metric("score", "higher", "", own, mean)
LOWER = Metric("error", "lower", "", own, mean)
RATE = Metric("rate", "lower", "%", lambda _, pair: pair, ratio)


def test_mean_and_ratio():
    terms = np.array([[1.0, 4.0], [0.0, 1.0], [2.0, 5.0]])
    assert mean(terms) == 1
    assert ratio(terms) == pytest.approx(0.3)


def test_loss_is_positive_when_things_get_worse():
    base = Baseline(Numbers(HIGHER, LOWER), [2.0, 2.0, 2.0, 2.0])
    higher, lower = base.losses([1.0, 2.0, 2.0, 1.0])
    assert (higher.value, higher.absolute, higher.relative) == (1.5, 0.5, 0.25)
    assert (lower.value, lower.absolute, lower.relative) == (1.5, -0.5, -0.25)


def test_the_interval_is_paired():
    """Each example worse by the same: however far apart the examples, the loss has no noise."""
    spread = list(np.random.default_rng(1).normal(0, 100, 50))
    (loss,) = Baseline(Numbers(LOWER), spread).losses([value + 1 for value in spread])
    assert (loss.absolute, loss.low, loss.high) == pytest.approx((1, 1, 1))
    assert loss.significant


def test_the_interval_is_the_one_that_theory_gives():
    random = np.random.default_rng(2)
    base, ours = random.normal(0, 3, 400), random.normal(0.1, 4, 400)
    (loss,) = Baseline(Numbers(LOWER), list(base)).losses(list(ours))
    half = 1.96 * (ours - base).std() / math.sqrt(400)
    assert loss.high - loss.absolute == pytest.approx(half, rel=0.1)
    assert loss.absolute - loss.low == pytest.approx(half, rel=0.1)


@pytest.mark.parametrize("count", [1, 4, 5])
def test_few_examples_say_nothing_of_chance(count):
    """All of four are worse in 1 of 16 runs of nothing but chance."""
    (loss,) = Baseline(Numbers(HIGHER), [1.0] * count).losses([0.0] * count)
    assert loss.absolute == 1
    assert loss.significant == (count == 5)
    assert math.isnan(loss.low) == math.isnan(loss.high) == (count < 5)


def test_two_examples_are_drawn_in_four_ways():
    """0, 1/2, 1/2 or 1: the middle 95 % reach from 0 to 1."""
    (figure,) = Baseline(Numbers(HIGHER), [0.0, 1.0]).figures
    assert (figure.value, figure.low, figure.high) == (0.5, 0, 1)


def test_the_terms_of_an_example_are_made_once_and_belong_to_it():
    calls = []

    def terms(example, number):
        calls.append(example)
        return (example, number)

    def value(rows):
        assert (rows[:, 1] == 10 * rows[:, 0]).all()
        return float(rows[:, 1].sum())

    base = Baseline(Numbers(Metric("m", "higher", "", terms, value)), [0.0, 10.0, 20.0])
    assert calls == [0, 1, 2]
    assert base.figures[0].value == 30


def test_the_same_predictions_lose_nothing():
    predictions = [(1.0, 2.0), (0.0, 3.0)] * 3
    base = Baseline(Numbers(RATE), predictions)
    (loss,) = base.losses(predictions)
    assert (loss.value, loss.absolute, loss.low, loss.high, loss.relative) == (0.2, 0, 0, 0, 0)
    assert not loss.significant
    assert base.agreement(predictions) == 1


def test_intervals_are_drawn_from_a_seed():
    random = np.random.default_rng(3)
    base, ours = list(random.normal(size=30)), list(random.normal(size=30))
    first, second = (Baseline(Numbers(LOWER), base).losses(ours) for _ in range(2))
    assert first == second


def test_draws_without_a_figure_are_left_out():
    """A share of nothing is no share; with one example that counts, half the draws have none."""
    base = Baseline(Numbers(RATE), [(1.0, 2.0), (0.0, 0.0)])
    (figure,) = base.figures
    assert (figure.value, figure.low, figure.high) == (0.5, 0.5, 0.5)


def test_a_baseline_of_nothing_has_no_relative_loss():
    (loss,) = Baseline(Numbers(LOWER), [0.0, 0.0]).losses([1.0, 0.0])
    assert loss.absolute == 0.5
    assert math.isnan(loss.relative)


def test_agreement_counts_what_the_task_counts():
    class Words(Numbers):
        def agreement(self, ours, float_):
            return sum(a == b for a, b in zip(ours, float_, strict=False)), len(float_)

    base = Baseline(
        Words(Metric("length", "lower", "", lambda _, t: (len(t),), mean)), ["abc", "d"]
    )
    assert base.agreement(["abx", "d"]) == 0.75


def test_there_are_as_many_draws_as_the_report_says():
    seen = []
    metric = Metric("m", "lower", "", own, lambda terms: seen.append(len(terms)) or 0.0)
    Baseline(Numbers(metric), [1.0] * 5)
    assert seen == [5] * (RESAMPLES + 1)
