"""The fine-tuned sentiment classifier: its committed weights, and the task."""

import json

import numpy as np
import pytest
import torch

from softmax_cosim.adapters.minilm_sentiment import LINEARS, WEIGHTS, MiniLMSentiment
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Float64
from softmax_cosim.eval import load
from softmax_cosim.eval.tasks.sentiment import TESTED, reviews
from training import sentiment as training

FEW = range(40, 46)


@pytest.fixture(scope="module")
def task():
    return load("sentiment-tuned")


def test_merged_weights_are_those_that_were_trained(task):
    """In numpy with the changes added in, and by torch with the changes beside."""
    from safetensors.torch import load_file

    model = training.Classifier().eval()
    changes = {name: value.float() for name, value in load_file(WEIGHTS).items()}
    assert sum(value.numel() for value in changes.values()) == 663_937
    with torch.no_grad():
        for name in LINEARS:
            layer = model.encoder.get_submodule(name)
            layer.down.copy_(changes[f"{name}.down"])
            layer.up.copy_(changes[f"{name}.up"] / training.SCALE)
        model.head.weight.copy_(changes["head.weight"])
        model.head.bias.copy_(changes["head.bias"])
        sentences, _ = reviews()
        batch = task._model.prepare([sentences[example] for example in FEW])
        kept = torch.tensor(batch.mask[:, 0, 0]).long()
        theirs = model(torch.tensor(batch.inputs), kept).numpy()
    np.testing.assert_allclose(task.predict(FEW, None), theirs, atol=2e-3)


def test_training_repeats():
    sentences, kind = reviews()
    first, second = (training.train(sentences, kind, steps=1).weights() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    moved = [name for name in first if name.endswith(".up") and first[name].abs().max() > 0]
    assert len(moved) == len(LINEARS)


def test_batches_are_of_about_one_length_and_each_sentence_comes_once():
    lengths = np.random.default_rng(1).integers(10, 200, 3000)
    places = np.arange(100, 3000)
    batches = list(training.drawn(places, lengths, np.random.default_rng(0)))
    np.testing.assert_array_equal(np.sort(np.concatenate(batches)), places)
    spread = np.mean([np.ptp(lengths[batch]) for batch in batches])
    assert spread < 0.2 * np.ptp(lengths)


def test_the_tested_sentences_are_those_of_the_frozen_one(task):
    assert len(task) == TESTED
    assert task._sentences == load("sentiment")._sentences[:TESTED]


def test_predictions(task):
    own = task.predict(FEW, None)
    assert json.loads(json.dumps(own)) == own
    np.testing.assert_allclose(task.predict(range(43, 44), None), own[3:4], atol=1e-4)
    exact = Float64()
    np.testing.assert_allclose(task.predict(FEW, exact), own, atol=1e-3)
    assert exact.count.rows > 0
    assert [task.agreement(a, b) for a, b in zip(own, own, strict=True)] == [(1, 1)] * len(FEW)


def test_it_is_better_than_the_frozen_one(task):
    """Of the first 200: the frozen one has 75.6 % of all."""
    (accuracy,) = task.metrics
    own = task.predict(range(200), None)
    right = sum(accuracy.terms(example, odds)[0] for example, odds in enumerate(own))
    assert right > 0.8 * 200


def test_weights_that_are_not_there(tmp_path):
    with pytest.raises(UsageError, match=r"there are no weights .*; run: python -m training\."):
        MiniLMSentiment(tmp_path / "none.safetensors")
