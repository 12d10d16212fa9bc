"""The language task: SmolLM2 on news texts."""

import json
import math

import numpy as np
import pytest

from softmax_cosim.engines import Float64
from softmax_cosim.eval import load
from softmax_cosim.eval.tasks import language


@pytest.fixture(scope="module")
def task():
    return load("language")


@pytest.fixture(scope="module")
def own(task):
    return task.predict(range(3), None)


def values(task, predictions):
    return [
        metric.value(np.array([metric.terms(i, p) for i, p in enumerate(predictions)], float))
        for metric in task.metrics
    ]


def test_the_first_texts_as_transformers_reads_the_same_file(task, own):
    """The figures of ``LlamaForCausalLM.from_pretrained(..., gguf_file=...)`` on these texts."""
    assert len(task) == 50
    assert sum(len(p["next"]) for p in own) == 360
    assert values(task, own) == pytest.approx([40.80, 0.3472], rel=2e-4)


def test_a_prediction_is_json_and_depends_on_its_text_alone(task, own):
    assert json.loads(json.dumps(own)) == own
    assert task.predict(range(1, 2), None) == own[1:2]


def test_the_exact_softmax_changes_float_noise_only(task, own):
    softmax = Float64()
    (ours,) = task.predict(range(1), softmax)
    assert ours["loss"] == pytest.approx(own[0]["loss"], rel=1e-5)
    assert task.agreement(ours, own[0]) == (100, 100)
    assert softmax.count.rows == 30 * 9 * 101


def test_another_softmax_is_the_one_that_counts(task, own):
    flat = lambda scores, mask: mask / mask.sum(axis=-1, keepdims=True)  # noqa: E731
    (ours,) = task.predict(range(1), lambda s, m: np.broadcast_to(flat(s, m), s.shape))
    assert ours["loss"] > 1.5 * own[0]["loss"]
    agreeing, places = task.agreement(ours, own[0])
    assert agreeing < 50 < places


def test_perplexity_of_even_odds_is_their_number():
    terms = np.array([[3 * math.log(8), 3], [5 * math.log(8), 5]])
    assert language.perplexity(terms) == pytest.approx(8)
