"""The translation tasks: Marian on sentences of gramps, and sacrebleu's figures by sentence."""

import json

import numpy as np
import pytest
from sacrebleu import metrics

from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Float64, Recorder
from softmax_cosim.eval import load
from softmax_cosim.eval.statistics import Baseline
from softmax_cosim.eval.tasks import handbook, translation

FEW = range(8)


@pytest.fixture(scope="module", params=["translation", "translation-pten"])
def task(request):
    return load(request.param)


@pytest.fixture(scope="module")
def own(task):
    return task.predict(FEW, None)


def toy(pairs, **options):
    """A task whose model says the sentence itself."""
    return translation.Translation("toy", "", "", pairs, lambda lines, _: list(lines), **options)


def values(task, predictions):
    return [
        metric.value(np.array([metric.terms(i, p) for i, p in enumerate(predictions)], float))
        for metric in task.metrics
    ]


def test_the_sentences_are_those_of_the_package(task):
    pairs = translation.messages()
    assert len(task) == len(pairs) == 497
    assert pairs[1] == (
        "Whether to include addresses for parents.",
        "Se devem ser incluídos os endereços dos pais.",
    )
    assert len({english for english, _ in pairs}) == 497


@pytest.mark.parametrize(
    ("english", "portuguese", "kept"),
    [
        ("This is one of the sentences.", "Esta é uma destas boas frases.", True),
        ("Is this one of the sentences?", "Esta é uma destas boas frases!", True),
        ("this is one of the sentences.", "Esta é uma destas boas frases.", False),
        ("This is one of the sentences.", "Esta é uma destas boas frases", False),
        ("This is one of them.", "Esta é uma destas boas frases.", False),
        ("This is one of the <b>sentences</b>.", "Esta é uma destas boas frases.", False),
        ("This is one of the 12345 sentences.", "Esta é uma destas boas frases.", False),
        ("This is one of the %(kind)s sentences.", "Esta é uma destas boas frases.", False),
        ("This is one of the {kind} sentences.", "Esta é uma destas boas frases.", False),
        ("This is one of https://x.org now.", "Esta é uma destas boas frases.", False),
        ("This is one of the sentences.", "Esta é " + "mesmo " * 10 + "uma frase.", False),
    ],
)
def test_which_messages_are_sentences(english, portuguese, kept):
    assert translation.prose(english, portuguese) is kept


def test_the_first_sentences_are_translated_well(task, own):
    """Measured: 53 and 61 BLEU, of few sentences."""
    bleu, chrf = values(task, own)
    assert 0.3 < bleu < 0.8
    assert 0.5 < chrf < 0.9
    assert json.loads(json.dumps(own)) == own


def test_a_sentence_s_translation_depends_little_on_what_is_done_with_it(task, own):
    """Other sentences beside it change no letter; the softmax in float64 does not either."""
    assert task.predict(range(3, 5), None) == own[3:5]
    softmax = Float64()
    assert task.predict(range(4), softmax) == own[:4]
    assert softmax.count.rows > 0


def test_the_softmax_of_encoder_and_cross_attention_is_the_one_that_counts(task, own):
    recorder = Recorder(lambda s, m: np.broadcast_to(m / m.sum(axis=-1, keepdims=True), s.shape))
    ours = task.predict(range(2), recorder)
    layers = [f"encoder_l{n}_self" for n in range(1, 7)]
    layers += [f"decoder_l{n}_context" for n in (1, 2)]
    assert {call.layer for call in recorder.calls} == set(layers)
    assert {call.scores.shape[2] for call in recorder.calls if "context" in call.layer} == {1}
    assert [task.agreement(a, b) for a, b in zip(ours, own, strict=False)] == [(0, 1), (0, 1)]


TEXTS = [
    ("A cat sat there.", "The cat sat there, on the mat."),
    ("Nothing like it", "Ganz etwas anderes steht hier."),
    ("", "An empty translation is one."),
    ("It is the same.", "It is the same."),
]


def test_the_figures_are_those_of_sacrebleu():
    """Of the whole, and of any draw with repetition, as its own corpus scores say."""
    task = toy(TEXTS)
    said = task.predict(range(len(TEXTS)), None)
    for draw in ([0, 1, 2, 3], [0, 0, 3, 2], [1, 1, 0, 0, 3]):
        texts, references = [said[i] for i in draw], [[TEXTS[i][1] for i in draw]]
        expected = [
            metric.corpus_score(texts, references).score / 100
            for metric in (metrics.BLEU(force=True), metrics.CHRF())
        ]
        found = [
            metric.value(np.array([metric.terms(i, said[i]) for i in draw], float))
            for metric in task.metrics
        ]
        assert found == pytest.approx(expected, abs=1e-12)


def test_bleu_cuts_words_as_the_language_wants():
    pairs = [("我们去吃饭吧", "我们去吃饭吗")]
    assert values(toy(pairs), [pairs[0][0]])[0] < 0.01
    assert values(toy(pairs, target="zh"), [pairs[0][0]])[0] > 0.7


def test_predictions_come_in_the_order_of_the_sentences():
    pairs = [("a " * (40 - n), "b") for n in range(40)]
    assert toy(pairs).predict(range(1, 40), None) == [source for source, _ in pairs[1:]]


def test_losses_have_paired_intervals():
    texts = 2 * TEXTS  # enough of them for an interval
    task = toy(texts)
    good, bad = [reference for _, reference in texts], [source for source, _ in texts]
    baseline = Baseline(task, good)
    assert [figure.value for figure in baseline.figures] == pytest.approx([1, 1])
    losses = baseline.losses(bad)
    assert all(-1e-9 < loss.low <= loss.absolute <= loss.high < 1 + 1e-9 for loss in losses)
    assert all(loss.absolute > 0.2 for loss in losses)
    assert baseline.agreement(bad) == 0.25


def page(folder, language, *paragraphs):
    path = folder / language / "a.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f'<div class="para">\n {p} </div><p>' for p in paragraphs))


def test_sentences_of_a_handbook_stand_beside_each_other(tmp_path):
    one = "This is <em>one</em> of the&nbsp;many sentences. And that is one more of them."
    um = "Esta é <em>uma</em> das muitas frases aqui. E essa é mais uma de todas elas."
    merged = "Here the translator took two for one. Nobody will know which one is which."
    same = "This paragraph was never translated by anybody."
    page(tmp_path, "en-US", one, merged, same)
    page(tmp_path, "pt-BR", um, "Aqui o tradutor juntou duas frases em uma só.", same)
    assert sorted(handbook.sentences(tmp_path)) == [
        ("And that is one more of them.", "E essa é mais uma de todas elas."),
        ("This is one of the many sentences.", "Esta é uma das muitas frases aqui."),
    ]


def test_a_handbook_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match=rf"not in {tmp_path}; run: make eval-handbook$"):
        handbook.sentences(tmp_path)
