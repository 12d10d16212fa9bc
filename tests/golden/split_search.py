"""A directed search for the rows on which method ``split`` is furthest from softmax.

The bound's worst case (golden/split.py) is a row of two levels: one element whose term is off one
way, all others off the other way, in such numbers that the element's share and the reciprocal's
error are worst as well. :func:`two_level_rows` goes through the scores with the largest errors of
either sign, in both roles, with every number of others up to 4095; :func:`ascend` then changes
one group of a row at a time as long as that makes it worse.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from split_bound import term_errors

from softmax_cosim.configs import MAX_LEN_LIMIT, Config
from softmax_cosim.golden import reference, split, split_tables
from softmax_cosim.golden.rows import Rows
from softmax_cosim.golden.softmax import Outputs, softmax

__all__ = ["ascend", "distance", "two_level_rows"]

Floats = npt.NDArray[np.float64]
Groups = dict[int, int]
"""A row as scores and how many elements have each."""

_EXTREMES = 24  # scores of either sign that are tried in either role


def rows_of(groups: list[Groups]) -> Rows:
    """Rows with the elements of a group side by side."""
    scores = [np.repeat(np.array(list(row), dtype=np.int32), list(row.values())) for row in groups]
    offsets = np.cumsum([0, *map(len, scores)], dtype=np.int64)
    q = np.concatenate(scores)
    return Rows(q, np.ones(len(q), np.bool_), offsets)


def distance(cfg: Config, rows: Rows) -> tuple[Floats, npt.NDArray[np.int64], Outputs]:
    """How far each row is from softmax in LSB: before rounding, and rounded to rounded."""
    out = softmax(cfg, rows)
    stages, fmt = out.stages, split.form(cfg)
    per_element = {
        name: np.repeat(stages[name].astype(np.int64), rows.lengths) for name in ("r", "top", "x")
    }
    shift = fmt.r + fmt.mant - fmt.cut - cfg.w + per_element["top"] - stages["o"] - per_element["x"]
    product = split.product(fmt, stages["p"].astype(np.int64), per_element["r"])
    value = np.minimum(np.ldexp(product.astype(np.float64), -shift), cfg.m)
    exact = reference.of_quantised(cfg, rows) * cfg.m
    exact = np.minimum(np.ldexp(exact, per_element["x"]), cfg.m)
    rounded = np.abs(out.y - np.floor(exact + 0.5)).astype(np.int64)
    starts = rows.offsets[:-1]
    return (
        np.maximum.reduceat(np.abs(value - exact), starts),
        np.maximum.reduceat(rounded, starts),
        out,
    )


def two_level_rows(cfg: Config, best: int) -> list[Groups]:
    """The ``best`` worst rows of one element and up to 4095 equal ones."""
    errors, limit = term_errors(cfg), 2 ** (cfg.in_w - 1)
    # Scores whose octaves any other can be compared with: the upper end, 20 octaves long.
    reach = min(len(errors), int(20 * np.log(2) / cfg.scores(np.int32(1))))
    order = np.argsort(errors[-reach:]) + len(errors) - reach - limit
    extremes = np.concatenate([order[:_EXTREMES], order[-_EXTREMES:]]).astype(np.int32)
    count = np.arange(1, MAX_LEN_LIMIT, dtype=np.float64)
    found: list[tuple[float, Groups]] = []
    for one in extremes:
        for other in extremes:
            error = _two_levels(cfg, int(one), int(other), count)
            worst = int(error.argmax())
            if one != other:
                found.append((float(error[worst]), {int(one): 1, int(other): worst + 1}))
    found.sort(key=lambda item: -item[0])
    return [row for _, row in found[:best]]


def _two_levels(cfg: Config, one: int, other: int, count: Floats) -> Floats:
    """Error of the lone element, for each number of others; floats that hold every integer."""
    fmt, name = split.form(cfg), split_tables.format_name(cfg)
    c = split.c(cfg, np.array([one, other], dtype=np.int32))
    o, p = c >> fmt.g, split.p(cfg, c).astype(np.float64)
    term = np.ldexp(p, o - o.max())
    total = term[0] + count * term[1]
    exponent = np.frexp(total)[1] - 1 - fmt.mant
    s = np.floor(np.ldexp(total, fmt.s - fmt.mant - exponent)).astype(np.int64)
    r = split.reciprocal(name, s)
    product = split.product(fmt, p[0].astype(np.int64), r)
    places = fmt.r + fmt.mant - fmt.cut - cfg.w + exponent + o.max() - o[0]
    got = np.ldexp(product.astype(np.float64), -places)
    true = cfg.m / (1 + count * np.exp(cfg.scores(np.int32(other - one))))
    if cfg.row_exp:
        largest = np.maximum(true, true * np.exp(cfg.scores(np.int32(other - one))))
        scale = np.exp2(np.floor(np.log2(cfg.m / largest)))
        got, true = got * scale, true * scale
    error: Floats = np.abs(np.minimum(got, cfg.m) - true)
    return error


def ascend(cfg: Config, row: Groups, steps: int, rng: np.random.Generator) -> tuple[float, Groups]:
    """Change one group at a time, its score or its size, while that makes the row worse."""
    limit = 2 ** (cfg.in_w - 1)
    worst = float(distance(cfg, rows_of([row]))[0][0])
    for _ in range(steps):
        tried = []
        for _ in range(16):
            changed = dict(row)
            score = int(rng.choice(list(changed)))
            size = changed.pop(score)
            moved = int(np.clip(score + rng.integers(-40, 41), -limit, limit - 1))
            taken = int(rng.integers(1, size + 1))
            for key, n in ((score, size - taken), (moved, taken + int(rng.integers(-3, 4)))):
                if n > 0:
                    changed[key] = changed.get(key, 0) + n
            if 0 < sum(changed.values()) <= MAX_LEN_LIMIT:
                tried.append(changed)
        errors = distance(cfg, rows_of(tried))[0]
        if errors.max() > worst:
            worst, row = float(errors.max()), tried[int(errors.argmax())]
    return worst, row
