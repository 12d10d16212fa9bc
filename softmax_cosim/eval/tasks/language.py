"""Which word comes next? SmolLM2, a causal language model, on news texts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from softmax_cosim import adapters
from softmax_cosim.engines import Softmax
from softmax_cosim.eval import Floats, Metric, Task, ratio
from softmax_cosim.eval.tasks.embedding import LEE_SOURCE, documents


def make() -> Task:
    """Read the texts and look for the model.

    Raises:
        UsageError: the model or the texts are not installed.
    """
    return Language()


class Language:
    """See :class:`.eval.Task`; an example is a text, from its second token on.

    A prediction holds ``loss``, the negative logarithm of the probability of all its tokens;
    ``next``, the likeliest token at each place; and ``right``, how many of those came.
    """

    name = "language"
    title = "SmolLM2-135M: the next token of news texts"
    batch = 5

    def __init__(self) -> None:
        """Read the texts and look for the model."""
        self._model = adapters.load("smollm2")
        self._texts = documents("lee.cor")
        self.source = f"{self._model.source}; {LEE_SOURCE}, {len(self._texts)} texts"
        self.metrics = (
            Metric("perplexity", "lower", "", _loss, perplexity),
            Metric("next-token accuracy", "higher", "%", _right, ratio),
        )

    def __len__(self) -> int:
        """Texts."""
        return len(self._texts)

    def predict(self, examples: range, softmax: Softmax | None) -> list[dict[str, Any]]:
        """What the model makes of each text, one at a time: no padding."""
        return [self._predict(self._texts[i], softmax) for i in examples]

    def agreement(self, ours: dict[str, Any], float_: dict[str, Any]) -> tuple[float, float]:
        """Places of which both say the same next token."""
        return float(np.equal(ours["next"], float_["next"]).sum()), len(float_["next"])

    def _predict(self, text: str, softmax: Softmax | None) -> dict[str, Any]:
        batch = self._model.prepare([text])
        output, _ = self._model.forward(batch, softmax=softmax, tap=False)
        logits, tokens = output[0, :-1].astype(np.float64), batch.inputs[0, 1:]
        logits -= logits.max(axis=-1, keepdims=True)
        chosen = np.take_along_axis(logits, tokens[:, None], axis=-1)[:, 0]
        likeliest = logits.argmax(axis=-1)
        return {
            "loss": float((np.log(np.exp(logits).sum(axis=-1)) - chosen).sum()),
            "right": int((likeliest == tokens).sum()),
            "next": likeliest.tolist(),
        }


def perplexity(terms: Floats) -> float:
    """``exp`` of the mean loss of a token."""
    return math.exp(ratio(terms))


def _loss(_: int, prediction: Any) -> tuple[float, float]:
    return prediction["loss"], len(prediction["next"])


def _right(_: int, prediction: Any) -> tuple[float, float]:
    return prediction["right"], len(prediction["next"])
