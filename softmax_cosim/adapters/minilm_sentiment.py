"""MiniLM-L6, fine-tuned to tell kind movie-review sentences from unkind ones; in numpy.

The committed weights are LoRA's two factors of the change of each linear layer, which is added to
MiniLM's own weights, and a head on the mean of a sentence's tokens. ``training/sentiment.py``
makes them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from softmax_cosim.adapters import Adapter, Batch, Float, sha256
from softmax_cosim.adapters.minilm import LAYERS, MiniLM
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Softmax
from softmax_cosim.paths import PACKAGE

__all__ = ["LINEARS", "WEIGHTS", "MiniLMSentiment", "make"]

WEIGHTS = PACKAGE / "models" / "minilm_sentiment.safetensors"
LINEARS = tuple(
    f"encoder.layer.{layer}.{part}"
    for layer in range(LAYERS)
    for part in (
        *(f"attention.self.{part}" for part in ("query", "key", "value")),
        *("attention.output.dense", "intermediate.dense", "output.dense"),
    )
)
"""The layers that are changed."""


def make() -> Adapter:
    """Load tokenizer and weights.

    Raises:
        UsageError: tokenizers or the package with MiniLM's weights is not installed.
    """
    return MiniLMSentiment()


class MiniLMSentiment(MiniLM):
    """The classifier; see :class:`.adapters.Adapter`."""

    def __init__(self, path: Path = WEIGHTS) -> None:
        """Load tokenizer and weights, and change these."""
        super().__init__()
        if not path.is_file():
            raise UsageError(f"there are no weights {path}; run: python -m training.sentiment")
        changes = {name: value.astype(np.float32) for name, value in load_file(path).items()}
        for name in LINEARS:
            own = self._weights[f"{name}.weight"]
            self._weights[f"{name}.weight"] = own + changes[f"{name}.up"] @ changes[f"{name}.down"]
        self._head, self._bias = changes["head.weight"], changes["head.bias"]
        self.model += ", fine-tuned on movie-review sentences"
        self.source += f"; {path.name} of this project"
        self.about |= {"changes_sha256": sha256(path)}

    def forward(
        self, batch: Batch, *, softmax: Softmax | None = None, tap: bool = True
    ) -> tuple[Float, list[Float]]:
        """Log odds [lines, 1] that a line is kind, and the scores of the 6 layers."""
        mean, taps = self.mean(batch, softmax=softmax, tap=tap)
        return mean @ self._head.T + self._bias, taps
