"""Scores of a model's softmaxes, kept as they pass by."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from softmax_cosim.account import Account, account_of
from softmax_cosim.configs import UsageError
from softmax_cosim.golden.quantise import filled
from softmax_cosim.hooks import Floats, Mask, Softmax, current_layer
from softmax_cosim.trace import Layer, write

__all__ = ["Call", "Recorder"]


@dataclass(frozen=True)
class Call:
    """One softmax of a model, as a :class:`Recorder` keeps it."""

    layer: str
    """What the adapter calls the layer; may be empty."""
    scores: Floats
    """Shape [..., queries, keys]."""
    mask: Mask | None
    """Broadcastable to ``scores``, True where a key may be attended; None: everywhere."""


class Recorder:
    """Keeps the scores of every softmax of a model, to be written as a trace.

    On its own it changes no bit of what the model computes; around another softmax, that one is
    computed::

        recorder = cosim.Recorder()
        with huggingface.attention(model, recorder):
            model(**inputs)
        recorder.write("mine.safetensors", model="mine", source="a line of text")
    """

    def __init__(self, softmax: Softmax | None = None) -> None:
        """Record what goes into a softmax; None for the model's own."""
        self.softmax = softmax
        self.calls: list[Call] = []
        self.account = account_of(softmax)
        """What the adapters say of the models that ran with it; the softmax's, if it keeps one."""

    def __call__(self, scores: Floats, mask: Mask | None = None) -> Floats | None:
        """Keep copies, then do as the softmax does."""
        self.calls.append(
            Call(
                current_layer.get(),
                np.array(filled(scores)),
                None if mask is None else np.array(np.ma.filled(mask, False)),
            )
        )
        return None if self.softmax is None else self.softmax(scores, mask)

    def write(
        self,
        path: str | os.PathLike[str],
        *,
        model: str,
        source: str,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Write an attention trace: one layer a call, in the order of the calls.

        A call without rows, as of an empty batch, is left out. Axes before the last two become
        batch and heads; with fewer than two, the batch is 1.

        Args:
            path: file to write (.safetensors); appears whole or not at all.
            model: the model's name and revision.
            source: where the model and its input came from.
            metadata: more provenance; ``layers`` (the names) and ``account`` (what became of every
                softmax, a line) are added when known.

        Raises:
            UsageError: nothing was recorded, or the file cannot be written.
        """
        calls = [call for call in self.calls if call.scores.size]
        if not calls:
            raise UsageError(
                "nothing was recorded; run the model with the recorder as its softmax, then write"
            )
        layers = []
        for index, call in enumerate(calls):
            shape = _four(call.scores.shape)
            mask = call.mask
            if mask is not None and call.scores.ndim > 4:
                mask = np.broadcast_to(mask, call.scores.shape).reshape(shape)
            layers.append(Layer(index, call.scores.reshape(shape), mask))
        about = dict(metadata or {})
        if all(call.layer for call in calls):
            about.setdefault("layers", ", ".join(call.layer for call in calls))
        if self.account != Account():
            about.setdefault("account", str(self.account))
        write(path, layers, model=model, source=source, metadata=about)


def _four(shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """[batch, heads, queries, keys] of any shape."""
    *batch, heads, queries, keys = (1,) * (4 - len(shape)) + shape
    return math.prod(batch), heads, queries, keys
