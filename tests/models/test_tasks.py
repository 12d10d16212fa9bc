"""The tasks of MiniLM and PP-OCRv4, with few examples."""

import json

import numpy as np
import pytest

from softmax_cosim.adapters import sha256
from softmax_cosim.engines import Float64, Golden
from softmax_cosim.eval import load
from softmax_cosim.eval.tasks import embedding, ocr, retrieval, sentiment, similarity

LINES_SHA256 = "8f006609f93a4b7c67e7116564df6805f15f7de3c7f1463e500e47cbac0e6b08"
NAMES = ("sentiment", "similarity", "retrieval", "ocr")


@pytest.fixture(scope="module")
def tasks():
    """The tasks, their float side cut short: few fitted sentences, few texts to search."""
    patch = pytest.MonkeyPatch()
    patch.setattr(sentiment, "FITTED", 60)
    every = embedding.documents
    patch.setattr(retrieval, "documents", lambda name: every(name)[:24])
    try:
        yield {name: load(name) for name in NAMES}
    finally:
        patch.undo()


@pytest.fixture(params=NAMES)
def task(request, tasks):
    return tasks[request.param]


FEW = range(6)


@pytest.fixture(scope="module")
def computed():
    """Predictions with the model's own softmax, by task."""
    return {}


@pytest.fixture
def own(task, computed):
    if task.name not in computed:
        computed[task.name] = task.predict(FEW, None)
    return computed[task.name]


def value(task, predictions, place=0):
    metric = task.metrics[place]
    terms = [metric.terms(i, prediction) for i, prediction in enumerate(predictions)]
    return metric.value(np.array(terms, np.float64))


def numbers(predictions):
    """Those among them that are compared within noise."""
    return np.array(predictions) if not isinstance(predictions[0], str) else np.zeros(1)


def test_the_exact_softmax_changes_float_noise_only(task, own):
    softmax = Float64()
    ours = task.predict(FEW, softmax)
    assert softmax.count.rows > 0
    np.testing.assert_allclose(numbers(ours), numbers(own), atol=2e-4)
    pairs = [task.agreement(a, b) for a, b in zip(ours, own, strict=True)]
    assert pairs == [(1, 1)] * len(own)


def test_predictions_are_json_and_one_an_example(own):
    assert len(own) == len(FEW)
    assert json.loads(json.dumps(own)) == own


def test_a_step_depends_on_nothing_before_it(task, own):
    task.predict(range(3), Golden("rexp_uint4"))
    assert task.predict(FEW, None) == own


def test_another_softmax_is_the_one_that_counts(task, own):
    """A softmax that attends everything alike leaves little of the task."""

    def flat(scores, mask):
        keep = np.broadcast_to(True if mask is None else mask, scores.shape)
        return keep / keep.sum(axis=-1, keepdims=True)

    ours = task.predict(FEW, flat)
    agreeing = sum(task.agreement(a, b)[0] for a, b in zip(ours, own, strict=True))
    assert ours != own
    assert agreeing < len(own)


def test_every_example_has_terms(task, own):
    for metric in task.metrics:
        terms = [metric.terms(i, prediction) for i, prediction in enumerate(own)]
        assert len({len(row) for row in terms}) == 1
        assert np.isfinite(metric.value(np.array(terms, np.float64)))


def test_provenance_is_told(task):
    assert "PyPI" in task.source
    assert "==" in task.source


def test_the_lines_are_always_the_same(tasks):
    lines = tasks["ocr"].lines
    assert len(lines) == 240
    assert all(line == line.strip() and len(line) <= 56 for line in lines)
    assert sha256("\n".join(lines).encode()) == LINES_SHA256


def test_lines_are_read(tasks):
    task = tasks["ocr"]
    own = task.predict(range(24), None)
    assert value(task, own) < 0.03
    assert value(task, own, 1) < 0.01
    assert value(task, own, 2) > 0.9


def test_errors_of_a_line_by_hand(tasks):
    task = tasks["ocr"]
    errors, trimmed, exact = task.metrics
    line = task.lines[0]
    assert errors.terms(0, f" {line} ") == (2, len(line))
    assert trimmed.terms(0, f" {line} ") == (0, len(line))
    assert errors.terms(0, f"x{line[:-1]}") == (2, len(line))
    assert [exact.terms(0, f"{line} "), exact.terms(0, f"{line}x")] == [(1.0,), (0.0,)]


def test_people_and_model_agree_on_the_whole(tasks):
    """Pearson and Spearman, as measured."""
    task = tasks["similarity"]
    own = task.predict(range(50), None)
    assert value(task, own, 0) == pytest.approx(0.656, abs=0.002)
    assert value(task, own, 1) == pytest.approx(0.508, abs=0.002)


def test_a_text_drawn_twice_is_no_pair(tasks):
    """Pairs of a text with itself would be alike without doubt, and flatter the model."""
    task = tasks["similarity"]
    human = task._human
    texts = [3, 3, 8, 20]
    terms = np.array([[text, *np.arange(50.0) * text] for text in texts])
    ours, theirs = task._pairs(terms)
    pairs = [(3, 8), (3, 20), (3, 8), (3, 20), (8, 20)]
    assert ours.tolist() == [a * b for a, b in pairs]
    assert theirs.tolist() == [human[a, b] for a, b in pairs]
    assert np.array_equal(human, human.T)
    assert human[0, 1] == 0.3


def test_the_most_similar_text_is_another_one():
    assert similarity._nearest([0.2, 1.0, 0.7]) == 2


def test_a_long_text_is_cut_into_equal_pieces(tasks):
    words = [f"w{number}" for number in range(250)]
    pieces = [piece.split() for piece in embedding._pieces(" ".join(words))]
    assert [len(piece) for piece in pieces] == [125, 125]
    assert [word for piece in pieces for word in piece] == words
    model = tasks["similarity"]._model
    short, long = "Rain fell on the coast.", " ".join(["Rain fell on the coast."] * 60)
    unit = embedding.embed(model, [short, long, short], None)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(unit[0], unit[2], atol=1e-6)
    assert unit[0] @ unit[1] > 0.5


def test_the_classifier_separates_what_can_be_separated():
    random = np.random.default_rng(1)
    features = np.hstack([random.normal(size=(200, 3)), np.ones((200, 1))])
    kind = features @ [2.0, -1.0, 0.0, 0.5] > 0
    weights = sentiment.fit(features, kind)
    assert ((features @ weights > 0) == kind).mean() > 0.97
    assert weights[0] > 0 > weights[1]


def test_the_classifier_is_where_the_slope_is_zero():
    random = np.random.default_rng(2)
    features = np.hstack([random.normal(size=(50, 2)), np.ones((50, 1))])
    kind = random.random(50) < 0.5
    weights = sentiment.fit(features, kind)
    share = 1 / (1 + np.exp(-features @ weights))
    slope = features.T @ (share - kind) + sentiment.PENALTY * weights * [1, 1, 0]
    np.testing.assert_allclose(slope, 0, atol=1e-8)


def test_kind_and_unkind_sentences(tasks):
    """Undecided ones are left out; tested and fitted ones are not the same."""
    task = tasks["sentiment"]
    assert len(task) == 1000
    assert 0.45 < task._kind.mean() < 0.55
    assert len(task._sentences) == 1060
    (accuracy,) = task.metrics
    assert accuracy.terms(0, 1.0) == (float(task._kind[0]),)


def test_lines_hold_words_up_to_their_width():
    text = " ".join(f"word{number}" for number in range(200))
    lines = ocr.set_lines([text])
    assert sorted(" ".join(lines).split()) == sorted(text.split())
    assert max(map(len, lines)) <= ocr.LONGEST
