"""Is a sentence of a movie review kind or unkind? MiniLM, fine-tuned to say so.

The same sentences under test as in :mod:`.sentiment`, whose encoder is frozen. They come from movie
reviews, as those of SST-2 do, but they are others, and so are their labels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from softmax_cosim.adapters.minilm_sentiment import MiniLMSentiment
from softmax_cosim.engines import Softmax
from softmax_cosim.eval import Metric, Task, mean
from softmax_cosim.eval.tasks.embedding import TOGETHER
from softmax_cosim.eval.tasks.sentiment import PACKAGE, TESTED, VERSION, reviews


def make() -> Task:
    """Read the sentences and load the model.

    Raises:
        UsageError: the model or the sentences are not installed.
    """
    return SentimentTuned()


class SentimentTuned:
    """See :class:`.eval.Task`. A prediction is the log odds that the sentence is kind."""

    name = "sentiment-tuned"
    title = "MiniLM-L6, fine-tuned: movie-review sentences, kind or unkind"
    batch = 100

    def __init__(self) -> None:
        """Read the sentences and load the model."""
        self._model = MiniLMSentiment()
        sentences, kind = reviews()
        self._sentences, self._kind = sentences[:TESTED], kind[:TESTED]
        self.source = (
            f"{self._model.source}; movie reviews of VADER in PyPI {PACKAGE}=={VERSION} "
            f"(source package, MIT): {TESTED} tested, others to train"
        )
        self.metrics = (Metric("accuracy", "higher", "%", self._correct, mean),)

    def __len__(self) -> int:
        """Sentences tested."""
        return TESTED

    def predict(self, examples: range, softmax: Softmax | None) -> list[float]:
        """The log odds of each sentence."""
        order = sorted(examples, key=lambda example: len(self._sentences[example]))
        odds = np.zeros(len(examples))
        for start in range(0, len(order), TOGETHER):
            together = order[start : start + TOGETHER]
            batch = self._model.prepare([self._sentences[example] for example in together])
            found, _ = self._model.forward(batch, softmax=softmax, tap=False)
            odds[[example - examples.start for example in together]] = found[:, 0]
        return odds.tolist()

    def agreement(self, ours: float, float_: float) -> tuple[float, float]:
        """Whether both say the same."""
        return float((ours > 0) == (float_ > 0)), 1

    def _correct(self, example: int, odds: Any) -> tuple[float]:
        return (float((odds > 0) == self._kind[example]),)
