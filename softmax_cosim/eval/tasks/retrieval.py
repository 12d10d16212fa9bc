"""Which beginning does this ending belong to? News texts, found again by MiniLM embeddings.

The index holds the first halves of some 290 texts, embedded with the model's own float softmax, as
one that was made elsewhere; the second halves, which ask, meet the softmax under test.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from softmax_cosim import adapters
from softmax_cosim.adapters import Float
from softmax_cosim.engines import Softmax
from softmax_cosim.eval import Metric, Task, mean
from softmax_cosim.eval.tasks.embedding import LEE_SOURCE, documents, embed

SEED = 0


def make() -> Task:
    """Read the texts and load the model.

    Raises:
        UsageError: the model or the texts are not installed.
    """
    return Retrieval()


class Retrieval:
    """See :class:`.eval.Task`. A prediction is the number of the text that was found."""

    name = "retrieval"
    title = "MiniLM-L6: the other half of a news text, found among all"
    batch = 25

    def __init__(self) -> None:
        """Read the texts and load the model."""
        self._model = adapters.load("minilm")
        texts = documents("lee_background.cor")
        self.source = f"{self._model.source}; {LEE_SOURCE}, {len(texts)} background texts"
        order = np.random.default_rng(SEED).permutation(len(texts))
        words = [texts[place].split() for place in order]
        self._first = [" ".join(text[: len(text) // 2]) for text in words]
        self._second = [" ".join(text[len(text) // 2 :]) for text in words]
        self.metrics = (Metric("top-1 accuracy", "higher", "%", _correct, mean),)

    def __len__(self) -> int:
        """Texts."""
        return len(self._second)

    def predict(self, examples: range, softmax: Softmax | None) -> list[int]:
        """The text whose first half is nearest."""
        features = embed(self._model, [self._second[i] for i in examples], softmax)
        found: list[int] = (features @ self._index.T).argmax(axis=1).tolist()
        return found

    def agreement(self, ours: int, float_: int) -> tuple[float, float]:
        """Whether both found the same text."""
        return float(ours == float_), 1

    @cached_property
    def _index(self) -> Float:
        return embed(self._model, self._first, None)


def _correct(example: int, found: Any) -> tuple[float]:
    return (float(found == example),)
