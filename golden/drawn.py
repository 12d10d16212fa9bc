"""Rows drawn by name: what scores they have, and which of them are masked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from softmax_cosim.configs import Config
from softmax_cosim.configs.numbers import Fixed
from softmax_cosim.golden.rows import Rows

__all__ = ["MASKS", "SCORES", "Rng", "rows"]

Rng = np.random.Generator
Ints = npt.NDArray[Any]


def _codes(cfg: Config, ranks: Ints) -> Ints:
    """The codes of ranks: finite values in their order, neighbours one apart."""
    if isinstance(cfg.inputs, Fixed):
        return ranks
    patterns = np.abs(ranks)
    sign = 1 << (cfg.in_w - 1)
    return np.where(ranks < 0, patterns - sign if cfg.in_w == 32 else patterns + sign, patterns)


def _ends(cfg: Config) -> tuple[int, int]:
    """The lowest and the highest rank."""
    low, high = cfg.inputs.rank([cfg.inputs.lowest, cfg.inputs.highest]).tolist()
    return low, high


def _extreme(cfg: Config, rng: Rng, size: int) -> Ints:
    """Only the lowest and the highest value."""
    return _codes(cfg, rng.choice(_ends(cfg), size))


def _equal(cfg: Config, rng: Rng, size: int) -> Ints:
    low, high = _ends(cfg)
    return _codes(cfg, np.full(size, rng.integers(low, high + 1)))


def _sparse(cfg: Config, rng: Rng, size: int) -> Ints:
    """One score in thirty far above the rest."""
    low, high = _ends(cfg)
    return _codes(
        cfg,
        np.where(rng.random(size) < 1 / 30, high - rng.integers(0, 3, size), max(low, -high)),
    )


def _uniform(cfg: Config, rng: Rng, size: int) -> Ints:
    """Any finite value, each as likely as any other."""
    return _codes(cfg, _ranks(cfg, rng, size))


def _ranks(cfg: Config, rng: Rng, size: int) -> Ints:
    low, high = _ends(cfg)
    return rng.integers(low, high + 1, size)


def _attention(cfg: Config, rng: Rng, size: int) -> Ints:
    """Normal logits of sigma 2, what attention looks like; around 8 without a sign."""
    centre = 0.0 if cfg.inputs.signed else 8.0
    return cfg.inputs.encode((rng.normal(0, 2, size) + centre) / cfg.scale)


def _rising(cfg: Config, rng: Rng, size: int) -> Ints:
    """The maximum rises with almost every element: the worst order for a running maximum."""
    return _codes(cfg, np.sort(_ranks(cfg, rng, size)))


def _span(cfg: Config) -> tuple[float, float]:
    """The lowest and the highest score that count, before they are scaled."""
    form = cfg.inputs
    if not isinstance(form, Fixed):
        return -64 / cfg.scale, 64 / cfg.scale
    return float(form.decode(form.lowest)), float(form.decode(form.highest))


def _climbing(cfg: Config, rng: Rng, size: int) -> Ints:
    """Logits that climb by twelve octaves over the row, from anywhere: sums change windows."""
    form, octaves = cfg.inputs, 12 * np.log(2) / cfg.scale
    low, high = _span(cfg)
    start = rng.uniform(low, max(high - octaves, low + form.lsb))
    level = start + octaves * np.arange(size) / size + rng.normal(0, 1 / cfg.scale, size)
    return form.encode(level)


def _stairs(cfg: Config, rng: Rng, size: int) -> Ints:
    """Beats of one score each, whole logits or 32 octaves apart: counts and windows move whole."""
    low, high = _span(cfg)
    window, blocks = 32 * np.log(2), -(-size // cfg.lanes)
    steps = np.where(
        rng.random(blocks) < 0.5,
        rng.choice([-window, window, window], blocks),
        rng.integers(-9, 10, blocks),
    )
    level = np.clip(rng.uniform(low, high) + np.cumsum(steps) / cfg.scale, low, high)
    return cfg.inputs.encode(np.repeat(level, cfg.lanes)[:size])


def _tail(cfg: Config, rng: Rng, size: int) -> Ints:
    """One score ahead, all others about as far below, where only many count: what sums may lose."""
    low, high = _span(cfg)
    octave = np.log(2) / cfg.scale
    head = high - rng.uniform(0, min(20 * octave, (high - low) / 4))
    level = head - octave * (rng.uniform(8, 34) + rng.uniform(0, 2, size))
    level[rng.integers(size)] = head
    return cfg.inputs.encode(np.clip(level, low, high))


#: Scores of a row, by name.
SCORES: dict[str, Callable[[Config, Rng, int], Ints]] = {
    "attention": _attention,
    "uniform": _uniform,
    "extreme": _extreme,
    "equal": _equal,
    "sparse": _sparse,
    "rising": _rising,
    "climbing": _climbing,
    "stairs": _stairs,
    "tail": _tail,
}

#: Which elements of row ``n`` are kept, by name.
MASKS: dict[str, Callable[[Rng, int, int], npt.NDArray[np.bool_]]] = {
    "none": lambda rng, n, size: np.ones(size, np.bool_),
    "padding": lambda rng, n, size: np.arange(size) < rng.integers(1, size + 1),
    "causal": lambda rng, n, size: np.arange(size) <= n % size,
    "random": lambda rng, n, size: rng.random(size) < 0.6,
    "all": lambda rng, n, size: np.zeros(size, np.bool_),
}


def rows(
    cfg: Config,
    rng: Rng,
    lengths: Sequence[int],
    *,
    scores: str | None = None,
    mask: str | None = None,
) -> Rows:
    """Random rows of these lengths.

    Without ``scores`` each row draws one of :data:`SCORES`, without ``mask`` one of :data:`MASKS`.
    Where the design takes rows of one length, or no mask, rows are of that length, or have none.
    """
    lengths = [cfg.length or length for length in lengths]
    mask = mask if cfg.mask else "none"
    drawn = [
        SCORES[scores or rng.choice(list(SCORES))](cfg, rng, length).astype(np.int32)
        for length in lengths
    ]
    kept = [
        MASKS[mask or rng.choice(list(MASKS))](rng, n, length) for n, length in enumerate(lengths)
    ]
    offsets = np.cumsum([0, *lengths], dtype=np.int64)
    return Rows(np.concatenate(drawn), np.concatenate(kept), offsets)
