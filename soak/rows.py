"""Batches drawn from the committed traces: other rows, windows, scales and masks each time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from softmax_cosim.configs import Config
from softmax_cosim.golden.quantise import quantise
from softmax_cosim.golden.rows import Rows
from softmax_cosim.paths import ROOT
from softmax_cosim.trace import Trace

__all__ = ["Attention", "attention", "batch"]

Attention = list[tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]]
"""Of each layer scores and mask, both of shape [rows, keys]."""

#: Pieces of one batch, and elements of each at most.
_PIECES, _ELEMENTS = 4, 2**16
#: A score that is masked in another way than by the mask.
_MASKED = np.float32(-np.inf)


def attention() -> Attention:
    """Every row of the committed traces.

    Raises:
        UsageError: there are none.
    """
    found = []
    for path in sorted((ROOT / "traces").glob("*.safetensors")):
        for layer in Trace(path).layers():
            keys = layer.scores.shape[-1]
            mask = True if layer.mask is None else layer.mask
            keep = np.broadcast_to(mask, layer.scores.shape).reshape(-1, keys)
            found.append((layer.scores.astype(np.float32).reshape(-1, keys), keep))
    return found


def batch(layers: Attention, cfg: Config, rng: np.random.Generator) -> Rows:
    """Some pieces, each rows of a layer, a window of their keys; rows that are too long between."""
    parts = [_piece(layers, cfg, rng) for _ in range(_PIECES)]
    for _ in range(int(rng.choice([0, 0, 1, 3]))):
        parts.insert(int(rng.integers(len(parts) + 1)), _too_long(cfg, rng))
    lengths = [np.full(len(q), q.shape[1]) for q, _ in parts]
    offsets = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
    flat = [np.concatenate([part[place].reshape(-1) for part in parts]) for place in (0, 1)]
    return Rows(flat[0], flat[1], offsets.astype(np.int64))


_Piece = tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_]]


def _piece(layers: Attention, cfg: Config, rng: np.random.Generator) -> _Piece:
    scores, keep = layers[int(rng.integers(len(layers)))]
    keys = min(scores.shape[1], cfg.max_len)
    length = keys if rng.random() < 0.5 else int(rng.integers(1, keys + 1))
    start = int(rng.integers(scores.shape[1] - length + 1))
    count = max(1, int(rng.integers(_ELEMENTS // 4, _ELEMENTS)) // length)
    picked = rng.integers(len(scores), size=count)
    window = slice(start, start + length)
    some = scores[picked, window] * np.float32(rng.choice([0.5, 1, 1, 2, 8]))
    kept = keep[picked, window]
    if rng.random() < 0.3:
        some = np.where(rng.random(some.shape) < rng.random(), some, _MASKED)
    found = quantise(some, kept, cfg)
    return found.q, found.keep


def _too_long(cfg: Config, rng: np.random.Generator) -> _Piece:
    """A row or two that the design cannot hold."""
    limit = 2 ** (cfg.in_w - 1)
    shape = int(rng.integers(1, 3)), cfg.max_len + int(rng.integers(1, 3 * cfg.lanes))
    q = rng.integers(-limit, limit, shape).astype(np.int32)
    return q, np.ones(shape, np.bool_)
