"""Figures of merit: worked by hand, against known limits, and merged over batches."""

from __future__ import annotations

import math

import numpy as np
import pytest
from batches import cases
from hypothesis import given
from hypothesis import strategies as st

from softmax_cosim.configs import Config
from softmax_cosim.golden import reference, shell
from softmax_cosim.golden.metrics import AGREE, TIE, WRONG, Errors, RowErrors, TableHits, row_errors
from softmax_cosim.golden.rows import Rows
from softmax_cosim.golden.softmax import softmax

LSB = 1 / 255


def measure(
    p: list[float], o: list[float], keep: list[bool] | None = None, lsb: float = LSB
) -> RowErrors:
    """One row."""
    kept = np.ones(len(p), np.bool_) if keep is None else np.array(keep)
    return row_errors(np.array(p), np.array(o), kept, np.array([0, len(p)]), lsb)


def golden_errors(cfg: Config, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    p = reference.of_quantised(cfg, rows)
    return p, softmax(cfg, rows).y / cfg.m


def test_a_row_worked_by_hand() -> None:
    row = measure([0.5, 0.3, 0.2, 0.0], [0.5, 0.4, 0.0, 0.0], [True, True, True, False], lsb=0.1)
    assert row.kept.tolist() == [3]
    assert row.max_abs == pytest.approx(0.2)
    assert row.max_lsb == pytest.approx(2.0)
    assert row.l1 == pytest.approx(0.3)
    assert row.l1_lsb == pytest.approx(3.0)
    assert row.row_sum == pytest.approx(0.9)
    assert row.top1.tolist() == [AGREE]
    spread = 0.05 / 3  # half an LSB over three kept elements; the sum becomes 0.95
    kl = sum(
        p * math.log(p / ((o + spread) / 0.95)) for p, o in ((0.5, 0.5), (0.3, 0.4), (0.2, 0.0))
    )
    assert row.kl == pytest.approx(kl)


@pytest.mark.parametrize(
    ("o", "expected"),
    [
        ([0.1, 0.6, 0.3], AGREE),
        ([0.4, 0.4, 0.2], TIE),
        ([0.6, 0.3, 0.1], WRONG),
        ([0.4, 0.2, 0.4], WRONG),
        ([0.0, 0.0, 0.0], TIE),  # zeros everywhere choose everything
    ],
)
def test_top1(o: list[float], expected: int) -> None:
    assert measure([0.2, 0.5, 0.3], o).top1.tolist() == [expected]


def test_top1_where_the_reference_ties() -> None:
    p = [0.4, 0.4, 0.2]
    assert measure(p, [0.5, 0.5, 0.0]).top1.tolist() == [AGREE]
    assert measure(p, [0.5, 0.3, 0.2]).top1.tolist() == [AGREE]
    assert measure(p, [0.3, 0.3, 0.3]).top1.tolist() == [TIE]
    assert measure(p, [0.2, 0.2, 0.6]).top1.tolist() == [WRONG]


def test_top1_looks_at_kept_elements_only() -> None:
    keep = [True, True, False]
    assert measure([0.6, 0.4, 0.0], [0.5, 0.4, 0.9], keep).top1.tolist() == [AGREE]
    assert measure([0.6, 0.4, 0.0], [0.4, 0.5, 0.9], keep).top1.tolist() == [WRONG]
    assert measure([0.6, 0.4, 0.0], [0.0, 0.0, 0.0], keep).top1.tolist() == [TIE]


def test_an_output_where_masked_is_an_error() -> None:
    for keep, p in (([True, False], [1.0, 0.0]), ([False, False], [0.0, 0.0])):
        errors = Errors()
        errors.update(np.array(p), np.array([p[0], 0.25]), np.array(keep), np.array([0, 2]), LSB)
        assert errors.result()["max_abs"] == 0.25


def test_the_size_of_an_lsb_may_differ_by_row() -> None:
    p, o = np.array([0.5, 0.5, 0.5, 0.5]), np.array([0.5, 0.25, 0.5, 0.25])
    rows = row_errors(p, o, np.ones(4, np.bool_), np.array([0, 2, 4]), np.array([1 / 8, 1 / 32]))
    assert rows.max_lsb.tolist() == [2.0, 8.0]
    assert rows.max_abs.tolist() == [0.25, 0.25]
    assert rows.kl[1] > rows.kl[0]  # the smaller LSB leaves less doubt


def test_kl_limits() -> None:
    perfect = measure([1.0] + [0.0] * 99, [1.0] + [0.0] * 99)
    assert perfect.kl == pytest.approx(math.log((1 + LSB / 2) / (1 + LSB / 200)))
    zeros = measure([0.7, 0.2, 0.1], [0.0, 0.0, 0.0])
    entropy = -sum(p * math.log(p) for p in (0.7, 0.2, 0.1))
    assert zeros.kl == pytest.approx(math.log(3) - entropy)
    fine = measure([0.7, 0.2, 0.1], [0.6, 0.3, 0.1], lsb=1e-12)
    exact = 0.7 * math.log(0.7 / 0.6) + 0.2 * math.log(0.2 / 0.3)
    assert fine.kl == pytest.approx(exact)
    scaled = measure([0.7, 0.2, 0.1], [0.3, 0.15, 0.05], lsb=1e-12)
    assert scaled.kl == pytest.approx(exact)


@given(cases())
def test_bounds_that_always_hold(case: tuple[Config, Rows]) -> None:
    cfg, rows = case
    p, o = golden_errors(cfg, rows)
    errors = row_errors(p, o, rows.keep, rows.offsets, 1 / cfg.m)
    full = errors.kept > 0
    assert (errors.kl >= 0).all()
    assert np.isfinite(errors.kl).all()
    assert (errors.max_abs <= errors.l1 + 1e-12).all()
    # total variation: the sums differ by no more than the sum of differences
    assert (np.abs(errors.row_sum - full) <= errors.l1 + 1e-12).all()
    exact = row_errors(p, p, rows.keep, rows.offsets, 1e-15)
    assert not exact.l1.any()
    assert exact.kl.max() < 1e-12
    assert (exact.top1 == AGREE).all()


@given(cases(), st.data())
def test_batches_merge_into_the_whole(case: tuple[Config, Rows], data: st.DataObject) -> None:
    cfg, rows = case
    cut = data.draw(st.integers(0, len(rows)))
    whole, split, hits, split_hits = Errors(), Errors(), TableHits(), TableHits()
    whole.update(*golden_errors(cfg, rows), rows.keep, rows.offsets, 1 / cfg.m)
    hits.update(cfg, rows, softmax(cfg, rows))
    for part in (rows.slice(0, cut), rows.slice(cut, len(rows))):
        one, one_hits = Errors(), TableHits()
        if len(part):
            one.update(*golden_errors(cfg, part), part.keep, part.offsets, 1 / cfg.m)
            one_hits.update(cfg, part, softmax(cfg, part))
        split.merge(one)
        split_hits.merge(one_hits)
    assert split.result() == pytest.approx(whole.result(), rel=1e-12, abs=1e-15)
    assert split_hits == hits


def test_results_are_means_over_rows_and_elements() -> None:
    errors = Errors()
    p = np.array([1.0, 0.0, 0.0, 0.5, 0.5, 0.0, 0.0])
    o = np.array([0.8, 0.0, 0.0, 0.5, 0.6, 0.0, 0.0])
    keep = np.array([True, True, True, True, True, False, False])
    rows = errors.update(p, o, keep, np.array([0, 3, 5, 7]), 0.1)
    assert rows.l1.tolist() == pytest.approx([0.2, 0.1, 0.0])
    assert errors.result() == pytest.approx(
        {
            "rows": 3,
            "empty_rows": 1,
            "elements": 5,
            "max_lsb": 2.0,
            "max_abs": 0.2,
            "mean_lsb": 0.6,
            "mean_abs": 0.06,
            "l1": 0.15,
            "kl": float(rows.kl[:2].mean()),
            "row_sum_mean": 0.95,
            "row_sum_min": 0.8,
            "row_sum_max": 1.1,
            "top1": 1.0,
            "top1_ties": 0.0,
        }
    )


def test_nothing_measured_is_zero_everywhere() -> None:
    assert set(Errors().result().values()) == {0}
    masked = Errors()
    masked.update(np.zeros(2), np.zeros(2), np.zeros(2, np.bool_), np.array([0, 2]), LSB)
    assert masked.result() == Errors().result() | {"rows": 1, "empty_rows": 1}


@pytest.mark.parametrize(
    ("length", "w", "expected"),
    [
        (64, 8, 0.055),
        (256, 8, 0.160),
        (1024, 8, 0.357),
        (64, 15, 0.0005),
        (256, 15, 0.0020),
        (1024, 15, 0.0078),
    ],
)
def test_rounding_alone_costs_what_is_known(length: int, w: int, expected: float) -> None:
    """Mean L1 of an exact softmax rounded to ``w`` bits, of logits with a deviation of 2."""
    rng = np.random.default_rng(length)
    rows = 2 * shell.CHUNK // length
    offsets = np.arange(rows + 1) * length
    keep = np.ones(rows * length, np.bool_)
    p = reference.softmax_of_scores(rng.normal(0, 2, rows * length), keep, offsets)
    m = 2**w - 1
    errors = Errors()
    errors.update(p, np.rint(p * m) / m, keep, offsets, 1 / m)
    result = errors.result()
    assert result["l1"] == pytest.approx(expected, rel=0.03)
    assert result["max_lsb"] <= 0.5 + 1e-9


def test_table_hits() -> None:
    cfg = Config("hits", "rexp", "uint8", xs=2)  # 8 entries: 7 is the last
    rows = Rows.of(
        [[0, -7 * 256], [0, -7 * 256 + 1], [0, -7 * 256], [0, 0], [0, 0, 0]],
        [[True] * 2, [True] * 2, [True, False], [True] * 2, [True] * 3],
    )
    hits = TableHits()
    hits.update(cfg, rows, softmax(cfg, rows))
    assert hits == TableHits(rows=5, index_last_rows=1, sum_last_rows=2)
    lut2d = Config("hits", "lut2d", "uint8", ke=5)
    hits = TableHits()
    hits.update(lut2d, rows, softmax(lut2d, rows))
    assert hits == TableHits(rows=5, index_last_rows=2, sum_last_rows=0)
