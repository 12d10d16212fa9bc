"""Rows to play: lengths, masks and scores by name, every draw from one generator."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from softmax_cosim.configs import Config
from softmax_cosim.golden import shell
from softmax_cosim.golden.drawn import MASKS, SCORES, Rng, rows
from softmax_cosim.golden.rows import Rows
from softmax_cosim.golden.softmax import softmax
from softmax_cosim.tb.pack import Beat

__all__ = [
    "LENGTHS",
    "MALFORMED",
    "MASKS",
    "SCORES",
    "malformed_row",
    "near_edges",
    "rows",
]

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


def _full_beats(cfg: Config, rng: Rng) -> list[int]:
    """So many full beats that another one still fits into the longest row; mostly few."""
    most = cfg.max_beats - 1 if rng.random() < 0.2 else min(cfg.max_beats - 1, 2)
    return [2**cfg.lanes - 1] * int(rng.integers(0, most + 1))


def _any_hole(cfg: Config, rng: Rng) -> int:
    """Lanes that are not filled from lane 0; one lane has no room for a hole."""
    full = (1 << cfg.lanes) - 1
    keep = full & ~(1 << int(rng.integers(0, max(cfg.lanes - 1, 1))))
    if rng.random() < 0.5:  # one lane is missing, or any others are too
        other = keep & int.from_bytes(rng.bytes(-(-cfg.lanes // 8)), "little")
        keep = other if other & (other + 1) else keep
    return keep


def _hole(cfg: Config, rng: Rng) -> list[int]:
    """A last beat with a hole."""
    return [*_full_beats(cfg, rng), _any_hole(cfg, rng)]


def _early_hole(cfg: Config, rng: Rng) -> list[int]:
    """A beat with a hole before the last, which is full, or not."""
    full = 2**cfg.lanes - 1
    last = full >> int(rng.integers(0, cfg.lanes))
    return [*_full_beats(cfg, rng), _any_hole(cfg, rng), *_full_beats(cfg, rng), last]


def _partial(cfg: Config, rng: Rng) -> list[int]:
    """A beat before the last that is filled from lane 0 and not full, or empty, as likely."""
    full = 2**cfg.lanes - 1
    keep = full >> int(rng.integers(1, cfg.lanes + 1)) if rng.random() < 0.5 else 0
    return [*_full_beats(cfg, rng), keep, *_full_beats(cfg, rng), full]


def _empty_last(cfg: Config, rng: Rng) -> list[int]:
    return [*_full_beats(cfg, rng), 0]


#: ``tkeep`` of each beat of a row that breaks the rules, by name.
MALFORMED: dict[str, Callable[[Config, Rng], list[int]]] = {
    "too_long": _too_long,
    "far_too_long": _far_too_long,
    "hole": _hole,
    "early_hole": _early_hole,
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
