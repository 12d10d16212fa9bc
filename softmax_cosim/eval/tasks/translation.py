"""What does it say in the other language? Marian on sentences that people translated.

The sentences are messages of the genealogy program gramps and their Brazilian Portuguese, by its
translators. :class:`Translation` serves other models and texts as well.
"""

from __future__ import annotations

import gettext
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from softmax_cosim import adapters
from softmax_cosim.adapters import package_file, require
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Softmax
from softmax_cosim.eval import Floats, Metric, Task

PACKAGE, VERSION = "gramps", "6.0.8"
FILE = "pt_BR/LC_MESSAGES/gramps.mo"
SEED = 0
"""Messages are listed by their first letters; the task takes them in a drawn order."""
WORDS = ((6, 40), (6, 60))
"""Fewest and most, of an English and of a Portuguese sentence."""
RATIO = (0.6, 1.8)
"""Portuguese words for an English one."""
NO_PROSE = re.compile(r"<[^>]*>|https?:|www\.|\d{5}|%[(sd\d]|[{}\\]")
"""Mark-up, addresses, long numbers, places that a program fills in."""
TOGETHER = 32
"""Sentences of a forward pass: of about one length, so that little is padding."""

Pair = tuple[str, str]
"""English and Portuguese."""
Translate = Callable[[Sequence[str], Softmax | None], list[str]]


def make() -> Task:
    """Read the sentences and load the model, English to Portuguese.

    Raises:
        UsageError: the model, the sentences or sacrebleu is not installed.
    """
    return marian("translation", "enpt", messages(), f"PyPI {PACKAGE}=={VERSION} (GPL-2.0+)")


def make_pten() -> Task:
    """Read the sentences and load the model, Portuguese to English.

    Raises:
        UsageError: the model, the sentences or sacrebleu is not installed.
    """
    return marian("translation-pten", "pten", messages(), f"PyPI {PACKAGE}=={VERSION} (GPL-2.0+)")


def marian(name: str, direction: str, pairs: Sequence[Pair], data: str) -> Task:
    """The translator of a direction, ``enpt`` or ``pten``, on pairs of an English sentence and its
    Portuguese.

    Raises:
        UsageError: the model or sacrebleu is not installed.
    """
    model = adapters.load(f"marian-{direction}")
    back = direction == "pten"
    way = "Portuguese to English" if back else "English to Portuguese"
    return Translation(
        name,
        f"Marian: sentences, {way}",
        f"{model.source}; {len(pairs)} sentences of {data}",
        [(portuguese, english) if back else (english, portuguese) for english, portuguese in pairs],
        model.translate,  # type: ignore[attr-defined]
    )


class Translation:
    """See :class:`.eval.Task`. A prediction is the text of the translation.

    BLEU and chrF are sacrebleu's, of all sentences together: a sentence's terms are its counts of
    n-grams, which add up.
    """

    batch = 96

    def __init__(
        self,
        name: str,
        title: str,
        source: str,
        rows: Sequence[tuple[str, ...]],
        translate: Translate,
        *,
        target: str = "",
    ) -> None:
        """Take a model and texts.

        Args:
            name: of the task.
            title: half a line.
            source: where model and texts are from.
            rows: a sentence and its translations each, one or more, as many for every sentence.
            translate: sentences to translations, with a softmax or the model's own.
            target: code of the language that is translated into, for sacrebleu to cut words.

        Raises:
            UsageError: sacrebleu, or what it wants for the language, is not installed.
        """
        metrics = require("sacrebleu.metrics", "translation")
        self.name, self.title, self.source = name, title, source
        self.hashes: dict[str, str] = {}
        self._sources = [sentence for sentence, *_ in rows]
        self._references = [[[text] for text in texts] for _, *texts in rows]
        self._translate = translate
        try:
            self._bleu, self._chrf = metrics.BLEU(trg_lang=target, force=True), metrics.CHRF()
        except (ImportError, RuntimeError) as error:  # Japanese and Korean want a package each
            said = " ".join(str(error).split())
            raise UsageError(
                f"sacrebleu cannot cut words of the language {target}: {said}"
            ) from None
        self.metrics = (
            self._metric("BLEU", self._bleu),
            self._metric("chrF", self._chrf),
        )

    def __len__(self) -> int:
        """Sentences."""
        return len(self._sources)

    def predict(self, examples: range, softmax: Softmax | None) -> list[str]:
        """The translation of each sentence."""
        texts: dict[int, str] = {}
        order = sorted(examples, key=lambda i: len(self._sources[i]))
        for start in range(0, len(order), TOGETHER):
            together = order[start : start + TOGETHER]
            found = self._translate([self._sources[i] for i in together], softmax)
            texts.update(zip(together, found, strict=True))
        return [texts[i] for i in examples]

    def agreement(self, ours: str, float_: str) -> tuple[float, float]:
        """Whether both say the same, to the letter."""
        return float(ours == float_), 1

    def _metric(self, name: str, metric: Any) -> Metric:
        """A metric of sacrebleu, by the statistics of a sentence that its own bootstrap adds up."""

        def terms(example: int, text: str) -> Sequence[float]:
            references = self._references[example]
            counts: list[float] = metric._extract_corpus_statistics([text], references)[0]
            return counts

        def value(terms: Floats) -> float:
            counts = terms.sum(axis=0).astype(np.int64).tolist()
            return float(metric._compute_score_from_stats(counts).score) / 100

        return Metric(name, "higher", "%", terms, value)


def messages() -> list[Pair]:
    """Sentences of gramps in English and Portuguese, in a drawn order.

    A message that is one sentence or more: a capital first, a full stop, question or exclamation
    mark last; of some length, without mark-up or places to be filled in; and so its translation.

    Raises:
        UsageError: the package is not installed.
    """
    with package_file(PACKAGE, VERSION, FILE).open("rb") as file:
        catalogue = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    found = dict[str, str]()
    for key, text in catalogue.items():
        message = key if isinstance(key, str) else key[0]  # the latter has plural forms
        english = " ".join(message.rpartition("\4")[2].split())  # behind the context
        found.setdefault(english, " ".join(text.split()))
    pairs = [pair for pair in sorted(found.items()) if prose(*pair)]
    return [pairs[place] for place in np.random.default_rng(SEED).permutation(len(pairs))]


def prose(english: str, portuguese: str) -> bool:
    """Whether a text and its translation are sentences to be tested with."""
    texts = english, portuguese
    if not all(text and text[0].isupper() and text[-1] in ".!?" for text in texts):
        return False
    counts = [len(text.split()) for text in texts]
    if not all(low <= count <= high for count, (low, high) in zip(counts, WORDS, strict=True)):
        return False
    low, high = RATIO
    fits = low <= counts[1] / counts[0] <= high
    return fits and not any(NO_PROSE.search(text) for text in texts)
