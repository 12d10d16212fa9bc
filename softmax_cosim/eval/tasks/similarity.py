"""How alike are two news texts? MiniLM's answer beside that of people.

Lee, Pincombe & Welsh (2005) had people rate how alike the members of each pair of 50 short news
texts are. The model's similarity of two texts is the cosine of their embeddings.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from softmax_cosim import adapters
from softmax_cosim.engines import Softmax
from softmax_cosim.eval import Floats, Metric, Task
from softmax_cosim.eval.figures import correlation, ranks
from softmax_cosim.eval.tasks.embedding import LEE_SOURCE, documents, embed, lee


def make() -> Task:
    """Read the texts and load the model.

    Raises:
        UsageError: the model or the texts are not installed.
    """
    return Similarity()


class Similarity:
    """See :class:`.eval.Task`.

    A text's prediction is its similarity to every text of the step, of which there is only one.
    The texts, not their pairs, are drawn again for the intervals: pairs that share a text are not
    independent.
    """

    name = "similarity"
    title = "MiniLM-L6: similarity of news texts, beside people's"
    batch = 50

    def __init__(self) -> None:
        """Read the texts and load the model."""
        self._model = adapters.load("minilm")
        self.source = f"{self._model.source}; {LEE_SOURCE}, 50 texts, 1,225 rated pairs"
        self._texts = documents("lee.cor")
        upper = np.loadtxt(io.StringIO(lee("similarities0-1.txt")))
        self._human = np.maximum(upper, upper.T)
        self.metrics = (
            Metric("Pearson correlation", "higher", "", _terms, self._pearson),
            Metric("Spearman correlation", "higher", "", _terms, self._spearman),
        )

    def __len__(self) -> int:
        """Texts."""
        return len(self._texts)

    def predict(self, examples: range, softmax: Softmax | None) -> list[list[float]]:
        """Similarity of each text to each."""
        features = embed(self._model, [self._texts[i] for i in examples], softmax)
        similar: list[list[float]] = (features.astype(np.float64) @ features.T).tolist()
        return similar

    def agreement(self, ours: list[float], float_: list[float]) -> tuple[float, float]:
        """Whether the same other text is most alike."""
        return float(_nearest(ours) == _nearest(float_)), 1

    def _pairs(self, terms: Floats) -> tuple[Floats, Floats]:
        """Similarities to the model and to people of all pairs of two different texts."""
        texts = terms[:, 0].astype(np.int64)
        first, second = np.triu_indices(len(texts), 1)
        other = texts[first] != texts[second]
        first, second = first[other], second[other]
        return terms[first, 1 + texts[second]], self._human[texts[first], texts[second]]

    def _pearson(self, terms: Floats) -> float:
        return correlation(*self._pairs(terms))

    def _spearman(self, terms: Floats) -> float:
        return correlation(*map(ranks, self._pairs(terms)))


def _terms(example: int, similar: Any) -> tuple[float, ...]:
    return (example, *similar)


def _nearest(similar: list[float]) -> int:
    """The most similar one but itself."""
    return sorted(range(len(similar)), key=similar.__getitem__)[-2:][0]
