"""Rows to play: lengths, masks and scores by name, every draw from one generator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from softmax_cosim.configs import Config
from softmax_cosim.golden import shell
from softmax_cosim.golden.rows import Rows
from softmax_cosim.golden.softmax import softmax
from softmax_cosim.tb.pack import Beat

__all__ = ["LENGTHS", "MALFORMED", "MASKS", "SCORES", "malformed_row", "near_edges", "rows"]

Rng = np.random.Generator
Ints = npt.NDArray[Any]

#: Row lengths to play, by name.
LENGTHS: dict[str, Callable[[Config, Rng], list[int]]] = {
    "one": lambda cfg, rng: [1] * 12,
    "two": lambda cfg, rng: [2] * 12,
    "lanes_less_one": lambda cfg, rng: [max(cfg.lanes - 1, 1)] * 12,
    "lanes": lambda cfg, rng: [cfg.lanes] * 12,
    "lanes_and_one": lambda cfg, rng: [cfg.lanes + 1] * 12,
    "long": lambda cfg, rng: _some(rng, max(cfg.max_len // 2, 1), cfg.max_len, 8),
    "max_len": lambda cfg, rng: [cfg.max_len] * 6,
    "mixed": lambda cfg, rng: _mixed(cfg, rng, 60),
    "few_short": lambda cfg, rng: _some(rng, 1, min(cfg.max_len, 3 * cfg.lanes), 4),
}


def _some(rng: Rng, low: int, high: int, count: int) -> list[int]:
    return [int(length) for length in rng.integers(low, high + 1, count)]


def _mixed(cfg: Config, rng: Rng, count: int) -> list[int]:
    """Mostly a few beats, at times long: short rows overtake nothing only if the core is right."""
    short = rng.integers(1, min(4 * cfg.lanes, cfg.max_len) + 1, count)
    long = rng.integers(1, cfg.max_len + 1, count)
    return list(map(int, np.where(rng.random(count) < 0.1, long, short)))


def _extreme(cfg: Config, rng: Rng, size: int) -> Ints:
    """Only the smallest and the largest code."""
    return rng.choice([-(2 ** (cfg.in_w - 1)), 2 ** (cfg.in_w - 1) - 1], size)


def _equal(cfg: Config, rng: Rng, size: int) -> Ints:
    return np.full(size, rng.integers(-(2 ** (cfg.in_w - 1)), 2 ** (cfg.in_w - 1)))


def _sparse(cfg: Config, rng: Rng, size: int) -> Ints:
    """One score in thirty far above the rest."""
    top = 2 ** (cfg.in_w - 1) - 1
    scores: Ints = np.where(rng.random(size) < 1 / 30, top - rng.integers(0, 3, size), -top)
    return scores


def _uniform(cfg: Config, rng: Rng, size: int) -> Ints:
    return rng.integers(-(2 ** (cfg.in_w - 1)), 2 ** (cfg.in_w - 1), size)


def _attention(cfg: Config, rng: Rng, size: int) -> Ints:
    """Normal logits of sigma 2, what attention looks like."""
    limit = 2 ** (cfg.in_w - 1)
    return np.clip(np.rint(rng.normal(0, 2 * 2**cfg.frac, size)), -limit, limit - 1)


def _rising(cfg: Config, rng: Rng, size: int) -> Ints:
    """The maximum rises with almost every element: the worst order for a running maximum."""
    return np.sort(_uniform(cfg, rng, size))


def _climbing(cfg: Config, rng: Rng, size: int) -> Ints:
    """Logits that climb by twelve octaves over the row, from anywhere: sums change windows."""
    limit, octaves = 2 ** (cfg.in_w - 1), 12 * np.log(2) * 2**cfg.frac
    start = rng.uniform(-limit, max(limit - octaves, -limit + 1))
    level = start + octaves * np.arange(size) / size + rng.normal(0, 2**cfg.frac, size)
    scores: Ints = np.clip(np.rint(level), -limit, limit - 1)
    return scores


#: Scores of a row, by name.
SCORES: dict[str, Callable[[Config, Rng, int], Ints]] = {
    "attention": _attention,
    "uniform": _uniform,
    "extreme": _extreme,
    "equal": _equal,
    "sparse": _sparse,
    "rising": _rising,
    "climbing": _climbing,
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
    """
    drawn = [
        SCORES[scores or rng.choice(list(SCORES))](cfg, rng, length).astype(np.int32)
        for length in lengths
    ]
    kept = [
        MASKS[mask or rng.choice(list(MASKS))](rng, n, length) for n, length in enumerate(lengths)
    ]
    offsets = np.cumsum([0, *lengths], dtype=np.int64)
    return Rows(np.concatenate(drawn), np.concatenate(kept), offsets)


def near_edges(cfg: Config, rng: Rng, count: int) -> Rows:
    """Rows whose sum lies as close as can be to where the reciprocal's index changes.

    Only there does a sum that is off by one show. The closest of many random rows.
    """
    candidates = rows(cfg, rng, _some(rng, 1, min(cfg.max_len, 40), 100 * count))
    total = softmax(cfg, candidates).stages["sum"]
    half = cfg.m // 2 if cfg.sum_index == "nearest" else 0
    rest = (total + half) % cfg.m
    steps = np.minimum(rest + 1, cfg.m - rest)
    below, above = shell.j(cfg, np.maximum(total - steps, 0)), shell.j(cfg, total + steps)
    closest = np.argsort(np.where(below != above, steps, cfg.m), kind="stable")[:count]
    return Rows.of(
        [candidates.slice(n, n + 1).q.tolist() for n in closest],
        [candidates.slice(n, n + 1).keep.tolist() for n in closest],
    )


def _too_long(cfg: Config, rng: Rng) -> list[int]:
    """``tkeep`` of a row of one element more than fits."""
    beats, rest = divmod(cfg.max_len + 1, cfg.lanes)
    return [2**cfg.lanes - 1] * beats + [2**rest - 1] * (rest > 0)


def _far_too_long(cfg: Config, rng: Rng) -> list[int]:
    return [2**cfg.lanes - 1] * (3 * cfg.max_beats + 20)


def _hole(cfg: Config, rng: Rng) -> list[int]:
    """A last beat whose lanes are not filled from lane 0; one lane has no room for a hole."""
    full = 2**cfg.lanes - 1
    keep = full & ~(1 << int(rng.integers(0, max(cfg.lanes - 1, 1))))
    return [full] * int(rng.integers(0, 3)) + [keep]


def _partial(cfg: Config, rng: Rng) -> list[int]:
    """A beat before the last that is not full."""
    full = 2**cfg.lanes - 1
    return [full, full >> 1, full][int(rng.integers(0, 2)) :]


def _empty_last(cfg: Config, rng: Rng) -> list[int]:
    return [2**cfg.lanes - 1] * int(rng.integers(0, 3)) + [0]


#: ``tkeep`` of each beat of a row that breaks the rules, by name.
MALFORMED: dict[str, Callable[[Config, Rng], list[int]]] = {
    "too_long": _too_long,
    "far_too_long": _far_too_long,
    "hole": _hole,
    "partial_beat": _partial,
    "empty_last": _empty_last,
}


def malformed_row(kind: str, cfg: Config, rng: Rng) -> list[Beat]:
    """The beats of a row of :data:`MALFORMED`, with random data and masks."""
    keeps = MALFORMED[kind](cfg, rng)
    width = cfg.lanes * cfg.in_w
    return [
        (
            int.from_bytes(rng.bytes(-(-width // 8)), "little") % 2**width,
            keep,
            int(rng.integers(0, 2**cfg.lanes)),
            int(n == len(keeps) - 1),
        )
        for n, keep in enumerate(keeps)
    ]
