"""Is a sentence of a movie review kind or unkind? MiniLM embeddings and a logistic regression.

The sentences and the mean ratings of some twenty people each are those of VADER (Hutto & Gilbert,
ICWSM 2014); kind is a rating above zero. The classifier is fitted once, to embeddings of other
sentences that the model computed with its own float softmax; only the embeddings of the sentences
under test meet another softmax.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from softmax_cosim import adapters
from softmax_cosim.engines import Softmax
from softmax_cosim.eval import Metric, Task, mean
from softmax_cosim.eval.data import source_file
from softmax_cosim.eval.tasks.embedding import embed

PACKAGE, VERSION = "vaderSentiment", "3.3.2"
FILE = (
    "additional_resources/hutto_ICWSM_2014.tar.gz/hutto_ICWSM_2014/"
    "movieReviewSnippets_GroundTruth.txt"
)
TESTED, FITTED, SEED = 1000, 1000, 0
"""Sentences, drawn at random without the undecided ones."""
PENALTY = 1.0
"""Of the squared weights, against the log likelihood of the fitted sentences."""


def make() -> Task:
    """Read the sentences and load the model.

    Raises:
        UsageError: the model or the sentences are not installed.
    """
    return Sentiment()


class Sentiment:
    """See :class:`.eval.Task`. A prediction is the log odds that the sentence is kind."""

    name = "sentiment"
    title = "MiniLM-L6: movie-review sentences, kind or unkind"
    batch = 100

    def __init__(self) -> None:
        """Read the sentences and load the model."""
        self._model = adapters.load("minilm")
        self.source = (
            f"{self._model.source}; movie reviews of VADER in PyPI {PACKAGE}=={VERSION} "
            f"(source package, MIT): {TESTED} tested, {FITTED} others to fit the classifier"
        )
        sentences, kind = reviews()
        self._sentences, self._kind = sentences[: TESTED + FITTED], kind[: TESTED + FITTED]
        self.metrics = (Metric("accuracy", "higher", "%", self._correct, mean),)

    def __len__(self) -> int:
        """Sentences tested."""
        return TESTED

    def predict(self, examples: range, softmax: Softmax | None) -> list[float]:
        """The log odds of each sentence."""
        features = embed(self._model, [self._sentences[i] for i in examples], softmax)
        odds: list[float] = (_extended(features) @ self._weights).tolist()
        return odds

    def agreement(self, ours: float, float_: float) -> tuple[float, float]:
        """Whether both say the same."""
        return float((ours > 0) == (float_ > 0)), 1

    def _correct(self, example: int, odds: Any) -> tuple[float]:
        return (float((odds > 0) == self._kind[example]),)

    @cached_property
    def _weights(self) -> npt.NDArray[np.float64]:
        features = embed(self._model, self._sentences[TESTED:], None)
        return fit(_extended(features), self._kind[TESTED:])


def reviews() -> tuple[list[str], npt.NDArray[np.bool_]]:
    """Every decided sentence, and whether it is kind; the first :data:`TESTED` are for tests.

    Raises:
        UsageError: the package that carries them is not there.
    """
    text = source_file(PACKAGE, VERSION, FILE).decode("utf-8", errors="replace")
    rows = [line.split("\t") for line in text.splitlines()]
    rows = [row for row in rows if float(row[1]) != 0]
    drawn = [rows[place] for place in np.random.default_rng(SEED).permutation(len(rows))]
    return [row[2] for row in drawn], np.array([float(row[1]) > 0 for row in drawn])


def fit(features: npt.NDArray[np.float64], kind: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Logistic regression by Newton's method; the last weight, of the constant, is free.

    Args:
        features: shape [examples, features].
        kind: shape [examples].

    Returns:
        Weights, shape [features].
    """
    weights = np.zeros(features.shape[1])
    penalty = np.full(len(weights), PENALTY)
    penalty[-1] = 0
    for _ in range(50):
        share = 1 / (1 + np.exp(-features @ weights))
        slope = features.T @ (share - kind) + penalty * weights
        bend = (features.T * (share * (1 - share))) @ features + np.diag(penalty)
        step = np.linalg.solve(bend, slope)
        weights -= step
        if np.abs(step).max() < 1e-9:
            break
    return weights


def _extended(features: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """With a constant."""
    return np.hstack([features.astype(np.float64), np.ones((len(features), 1))])
