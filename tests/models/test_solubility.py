"""The solubility task: SolTranNet beside measurements."""

import json

import numpy as np
import pytest

from softmax_cosim import adapters
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Float64
from softmax_cosim.eval import load
from softmax_cosim.eval.tasks import solubility


@pytest.fixture(scope="module")
def task():
    return load("solubility")


def run(task, softmax):
    steps = [range(start, min(start + task.batch, len(task))) for start in range(0, 253, 32)]
    return [value for step in steps for value in task.predict(step, softmax)]


def error(task, predictions):
    metric = task.metrics[0]
    return metric.value(np.array([metric.terms(i, p) for i, p in enumerate(predictions)]))


@pytest.fixture(scope="module")
def own(task):
    return run(task, None)


def test_the_float_error_of_all_molecules(task, own):
    """As found with the package's own ``predict`` and features, on the molecules it can read."""
    assert len(task) == 253
    assert error(task, own) == pytest.approx(0.722, abs=5e-4)
    assert json.loads(json.dumps(own)) == own


def test_the_exact_softmax_changes_float_noise_only(task, own):
    np.testing.assert_allclose(run(task, Float64()), own, atol=1e-5)
    assert task.agreement(own[0], own[0] + 0.09) == (1, 1)
    assert task.agreement(own[0], own[0] - 0.11) == (0, 1)


def test_another_softmax_is_the_one_that_counts(task, own):
    flat = lambda scores, mask: np.full_like(scores, 0.5)  # noqa: E731
    ours = run(task, flat)
    assert error(task, ours) > 1.2 * error(task, own)
    assert sum(task.agreement(a, b)[0] for a, b in zip(ours, own, strict=True)) < 128


def test_the_molecules_left_out_are_those_that_cannot_be_read(task):
    model = adapters.load("soltrannet")
    for molecule in solubility.UNREADABLE:
        with pytest.raises(UsageError, match="is no molecule"):
            model.prepare([molecule])


def test_errors_by_hand(task):
    terms = np.array([[9.0], [16.0]])
    assert solubility.root_mean(terms) == pytest.approx(12.5**0.5)
