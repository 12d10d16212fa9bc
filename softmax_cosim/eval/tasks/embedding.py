"""Texts to MiniLM embeddings, for the tasks that compare texts by them; and the Lee corpus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from softmax_cosim.adapters import Adapter, Float
from softmax_cosim.engines import Softmax
from softmax_cosim.eval.data import source_file

__all__ = ["GENSIM", "LEE_SOURCE", "documents", "embed", "lee"]

GENSIM = ("gensim", "4.4.0")
LEE_SOURCE = f"Lee corpus in PyPI {'=='.join(GENSIM)} (source package, LGPL-2.1)"
TOGETHER = 16
"""Texts of a forward pass: of about one length, so that little is padding."""
WORDS = 150
"""Of a piece of a long text: together well below the 256 tokens that MiniLM takes."""


def embed(model: Adapter, texts: Sequence[str], softmax: Softmax | None) -> Float:
    """Embeddings [texts, 384] of length one.

    A text longer than :data:`WORDS` is cut into equal pieces, whose embeddings are added up.
    """
    pieces = [(place, piece) for place, text in enumerate(texts) for piece in _pieces(text)]
    pieces.sort(key=lambda item: len(item[1]))
    total = np.zeros((len(texts), 384), np.float32)
    for start in range(0, len(pieces), TOGETHER):
        places, lines = zip(*pieces[start : start + TOGETHER], strict=True)
        batch = model.prepare(lines)
        np.add.at(total, list(places), model.forward(batch, softmax=softmax, tap=False)[0])
    unit: Float = total / np.linalg.norm(total, axis=1, keepdims=True)
    return unit


def lee(name: str) -> str:
    """A file of the Lee corpus, of news of the year 2001.

    Raises:
        UsageError: the package that carries it is not there.
    """
    return source_file(*GENSIM, f"gensim/test/test_data/{name}").decode("latin-1")


def documents(name: str) -> list[str]:
    """The documents of a file of the Lee corpus, one a line, repetitions dropped.

    Raises:
        UsageError: the package that carries it is not there.
    """
    return list(dict.fromkeys(lee(name).splitlines()))


def _pieces(text: str) -> Iterator[str]:
    words = text.split()
    count = max(1, -(-len(words) // WORDS))
    for piece in range(count):
        yield " ".join(words[piece * len(words) // count : (piece + 1) * len(words) // count])
