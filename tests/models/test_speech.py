"""The speech task: Whisper on what was read out."""

import json

import numpy as np
import pytest

from softmax_cosim.engines import Float64
from softmax_cosim.eval import load
from softmax_cosim.eval.tasks import speech

PERSON = 3
"""The first clip that a person reads; those before it are synthetic."""


@pytest.fixture(scope="module")
def task():
    return load("speech")


@pytest.fixture(scope="module")
def own(task):
    return task.predict(range(PERSON - 1, PERSON + 1), None)


def test_what_was_said_is_heard(task, own):
    assert len(task) == 32
    assert task.metrics[0].terms(PERSON, own[1]) == (0, 12)
    wrong, said = task.metrics[0].terms(PERSON - 1, own[0])
    assert wrong <= 3
    assert said == 13
    assert json.loads(json.dumps(own)) == own


def test_the_exact_softmax_hears_the_same(task, own):
    softmax = Float64()
    (ours,) = task.predict(range(PERSON, PERSON + 1), softmax)
    assert ours == own[1]
    assert task.agreement(ours, own[1]) == (1, 1)
    assert softmax.count.rows > 4 * 6 * 1500


def test_a_model_that_goes_on_and_on_is_stopped(task, own):
    flat = lambda scores, mask: np.full_like(scores, 1 / scores.shape[-1])  # noqa: E731
    (ours,) = task.predict(range(PERSON, PERSON + 1), flat)
    assert task.agreement(ours, own[1]) == (0, 1)
    assert len(speech.words(ours)) <= 2 * 12 + 16


def test_the_clips_of_the_novel_are_its_parts(task):
    lengths = [len(task._clip(4 * place + PERSON)) / speech.RATE for place in range(8)]
    assert sum(lengths) == pytest.approx(44.37)
    assert max(lengths) < 30
    assert min(lengths) > 3


def test_words_know_neither_case_nor_punctuation():
    assert speech.words("Well - it's Second-hand, isn't it?") == [
        *("well", "it's", "second", "hand", "isn't", "it"),
    ]
