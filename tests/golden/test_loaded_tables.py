"""The golden model with tables that were loaded: another input scale, and what is refused."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from softmax_cosim import configs
from softmax_cosim.configs import Config, UsageError
from softmax_cosim.golden import tables
from softmax_cosim.golden.reference import of_quantised
from softmax_cosim.golden.rows import Rows
from softmax_cosim.golden.softmax import softmax

METHODS = ["rexp_uint8", "rexp_int16_msb", "lut2d_uint8", "lut2d_int16"]


def sample(cfg: Config, sigma: float = 2.0) -> Rows:
    rng = np.random.default_rng(5)
    lengths = rng.integers(1, 200, 60)
    q = np.rint(rng.normal(0, sigma * 2**cfg.frac, lengths.sum())).astype(np.int32)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return Rows(q, rng.random(len(q)) < 0.9, offsets)


@pytest.mark.parametrize("name", METHODS)
def test_default_tables_change_nothing(name: str) -> None:
    cfg = configs.load(name)
    rows = sample(cfg)
    plain, loaded = softmax(cfg, rows), softmax(cfg, rows, tables.default(cfg))
    for stage, values in plain.stages.items():
        assert np.array_equal(values, loaded.stages[stage]), stage


@pytest.mark.parametrize("name", ["rexp_int16_msb", "rexp_uint8", "lut2d_uint8"])
def test_a_scale_of_two_is_doubled_scores(name: str) -> None:
    """At whole distances entry 2k of the default table is entry k of the other: the same bits."""
    cfg = configs.load(name)
    whole = np.random.default_rng(3).integers(-40, 1, 4000).astype(np.int32) << cfg.frac
    keep, offsets = np.ones(len(whole), np.bool_), np.arange(0, len(whole) + 1, 40)
    loaded = softmax(cfg, Rows(whole, keep, offsets), tables.for_scale(cfg, Fraction(2)))
    doubled = softmax(cfg, Rows(2 * whole, keep, offsets))
    assert np.array_equal(loaded.y, doubled.y)
    assert not np.array_equal(loaded.y, softmax(cfg, Rows(whole, keep, offsets)).y)


@pytest.mark.parametrize("name", METHODS)
def test_one_build_serves_scores_with_a_fraction_bit_more(name: str) -> None:
    """With the right tables the outputs come nearer to the softmax that was meant."""
    cfg = configs.load(name)
    rows = sample(cfg, sigma=3.0)
    meant = of_quantised(cfg.replace(frac=cfg.frac + 1), rows)
    errors = [
        np.abs(softmax(cfg, rows, loaded).y / cfg.m - meant).sum()
        for loaded in (tables.default(cfg), tables.for_scale(cfg, Fraction(1, 2)))
    ]
    assert errors[1] < 0.7 * errors[0]


@pytest.mark.parametrize("name", ["rexp_uint4", "lut2d_uint4"])
def test_any_table_by_definition(name: str) -> None:
    cfg = configs.load(name)
    rng = np.random.default_rng(11)
    loaded = {
        key: rng.integers(0, cfg.m + 1, table.shape).astype(np.int32)
        for key, table in tables.default(cfg).items()
    }
    if cfg.method == "rexp":
        loaded["LUT_1E"][-1] = 0
    rows = sample(cfg)
    got = softmax(cfg, rows, loaded)
    for low, high in zip(rows.offsets, rows.offsets[1:], strict=False):
        q, keep = rows.q[low:high].tolist(), rows.keep[low:high].tolist()
        assert got.y[low:high].tolist() == one_row(cfg, loaded, q, keep)


def one_row(cfg: Config, loaded: tables.Loaded, q: list[int], keep: list[bool]) -> list[int]:
    """The outputs of a row, element by element."""
    top = max((value for value, kept in zip(q, keep, strict=True) if kept), default=0)
    first = loaded["LUT_1E" if cfg.method == "rexp" else "LUT_EXP"].tolist()
    scale = 1 if cfg.method == "rexp" else 10
    terms = [
        first[min((top - value) * scale >> cfg.frac, len(first) - 1)] if kept else 0
        for value, kept in zip(q, keep, strict=True)
    ]
    half = cfg.m // 2 if cfg.sum_index == "nearest" else 0
    j = min(max((sum(terms) + half) // cfg.m, 1), cfg.xs)
    if cfg.method == "rexp":
        return [term * int(loaded["LUT_ALPHA"][j]) // cfg.m for term in terms]
    columns = [(20 * term + cfg.m) // (2 * cfg.m) for term in terms]
    return [
        int(loaded["LUT_SIGMA"][j, c]) if kept else 0 for c, kept in zip(columns, keep, strict=True)
    ]


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("rexp_uint8", {"LUT_1E": np.zeros(7, np.int32)}, "LUT_1E has shape"),
        ("rexp_uint8", {"LUT_1E": np.full(8, 1, np.int32)}, "last entry"),
        ("rexp_uint8", {"LUT_ALPHA": np.full(257, 256, np.int32)}, "LUT_ALPHA: an entry"),
        ("rexp_uint8", {"LUT_ALPHA": np.full(257, -1, np.int32)}, "LUT_ALPHA: an entry"),
        ("rexp_uint8", {"LUT_EXP": np.zeros(8, np.int32)}, "has the tables LUT_1E, LUT_ALPHA"),
    ],
)
def test_what_the_hardware_refuses_is_refused(
    name: str, change: dict[str, tables.Table], says: str
) -> None:
    cfg = configs.load(name)
    with pytest.raises(UsageError, match=says):
        softmax(cfg, sample(cfg), {**tables.default(cfg), **change})


def test_tables_that_cannot_be() -> None:
    with pytest.raises(UsageError, match="scale"):
        tables.for_scale(configs.load("rexp_uint8"), Fraction(0))
    with pytest.raises(UsageError, match="split cannot be loaded"):
        tables.default(configs.load("split_uint8"))
