"""The golden model: against a scalar reading of its definition, and the properties it must have."""

from __future__ import annotations

import random
from decimal import Decimal, localcontext

import numpy as np
import pytest
from batches import cases
from hypothesis import given, settings
from hypothesis import strategies as st
from split_by_definition import split_row

from softmax_cosim.configs import METHODS, Config
from softmax_cosim.golden import shell
from softmax_cosim.golden.rows import Rows
from softmax_cosim.golden.softmax import PER_ROW, STAGES, softmax


def floor_exp(m: int, tenths: int) -> int:
    with localcontext(prec=60):
        return int(m * (Decimal(-tenths) / 10).exp())


def row_by_definition(cfg: Config, q: list[int], keep: list[bool]) -> list[int]:
    """One row, one element at a time, with plain integers and real divisions."""
    kept = [x for x, k in zip(q, keep, strict=True) if k]
    if not kept:
        return [0] * len(q)
    if cfg.method == "split":
        return split_row(cfg, q, keep)[0]  # the exponent is tests/golden/test_split.py's
    m, top, unit = cfg.m, max(kept), 2**cfg.frac
    if cfg.method == "lut2d":
        index = [min((top - x) * 10 // unit, cfg.ke - 1) for x in kept]
        terms = [floor_exp(m, k) for k in index]
    else:
        last = {15: 13, 8: 8, 4: 5, 2: 4}[cfg.w] - 1
        if cfg.index == "msb":
            index = [min(top // unit - x // unit, last) for x in kept]
        else:
            index = [min((top - x) // unit, last) for x in kept]
        terms = [floor_exp(m, 10 * k) for k in index]
    h = m if cfg.sum_index == "nearest" else 0
    j = min(max((2 * sum(terms) + h) // (2 * m), 1), cfg.xs)
    if cfg.method == "lut2d":
        answers = [m * ((20 * e + m) // (2 * m)) // (10 * j) for e in terms]
    else:
        answers = [s * (m // j) // m for s in terms]
    remaining = iter(answers)
    return [next(remaining) if k else 0 for k in keep]


@given(cases())
def test_agrees_with_the_definition(case: tuple[Config, Rows]) -> None:
    cfg, rows = case
    expected = [
        y
        for a, b in zip(rows.offsets[:-1], rows.offsets[1:], strict=True)
        for y in row_by_definition(cfg, rows.q[a:b].tolist(), rows.keep[a:b].tolist())
    ]
    assert softmax(cfg, rows).y.tolist() == expected


@pytest.mark.parametrize("method", ["rexp", "lut2d"])
def test_the_largest_sum_fits(method: str) -> None:
    cfg = Config("longest", method, "int16", max_len=4096, xs=512)
    rows = Rows.of([[32767] * 4096, [-32768] * 4096])
    outputs = softmax(cfg, rows)
    assert outputs.stages["sum"].tolist() == [4096 * 32767] * 2
    assert outputs.y.tolist() == [32767 // 512] * 8192


@given(cases(method=st.sampled_from(("rexp", "lut2d"))), st.data())
def test_shifting_a_row_changes_nothing(case: tuple[Config, Rows], data: st.DataObject) -> None:
    cfg, rows = case
    step = 2**cfg.frac if cfg.method == "rexp" and cfg.index == "msb" else 1
    limit = 2 ** (cfg.in_w - 1)
    room_down, room_up = int(rows.q.min()) + limit, limit - 1 - int(rows.q.max())
    shift = step * data.draw(st.integers(-(room_down // step), room_up // step))
    moved = Rows(rows.q + np.int32(shift), rows.keep, rows.offsets)
    np.testing.assert_array_equal(softmax(cfg, moved).y, softmax(cfg, rows).y)


@given(cases(), st.randoms(use_true_random=False))
def test_permuting_a_row_permutes_its_outputs(
    case: tuple[Config, Rows], rng: random.Random
) -> None:
    cfg, rows = case
    order = np.arange(len(rows.q))
    for a, b in zip(rows.offsets[:-1], rows.offsets[1:], strict=True):
        part = order[a:b].tolist()
        rng.shuffle(part)
        order[a:b] = part
    permuted = Rows(rows.q[order], rows.keep[order], rows.offsets)
    np.testing.assert_array_equal(softmax(cfg, permuted).y, softmax(cfg, rows).y[order])


@given(cases(), st.integers(-(2**31), 2**31 - 1))
def test_a_masked_score_is_never_looked_at(case: tuple[Config, Rows], anything: int) -> None:
    cfg, rows = case
    q = np.where(rows.keep, rows.q, np.int32(anything))
    plain, other = softmax(cfg, rows), softmax(cfg, Rows(q, rows.keep, rows.offsets))
    np.testing.assert_array_equal(other.y, plain.y)
    assert not plain.y[~rows.keep].any()


@given(cases())
def test_masking_is_leaving_out(case: tuple[Config, Rows]) -> None:
    cfg, rows = case
    full = np.add.reduceat(rows.keep, rows.offsets[:-1], dtype=np.int64)
    if not full.any():
        return
    offsets = np.concatenate([[0], np.cumsum(full[full > 0])])
    short = Rows(rows.q[rows.keep], np.ones(full.sum(), np.bool_), offsets)
    np.testing.assert_array_equal(softmax(cfg, short).y, softmax(cfg, rows).y[rows.keep])


@given(cases())
def test_all_masked_is_all_zero(case: tuple[Config, Rows]) -> None:
    cfg, rows = case
    outputs = softmax(cfg, Rows(rows.q, np.zeros_like(rows.keep), rows.offsets))
    assert not outputs.y.any()
    assert not outputs.stages["sum"].any()


@given(cases(method="rexp", in_w=12, frac=0))
def test_msb_is_distance_without_fraction_bits(case: tuple[Config, Rows]) -> None:
    cfg, rows = case
    one, other = (softmax(cfg.replace(index=index), rows) for index in ("distance", "msb"))
    for name in STAGES["rexp"]:
        np.testing.assert_array_equal(one.stages[name], other.stages[name])


@given(cases(method="rexp"))
def test_msb_is_at_most_one_index_further(case: tuple[Config, Rows]) -> None:
    cfg, rows = case
    distance = softmax(cfg.replace(index="distance"), rows).stages["k"].astype(int)
    msb = softmax(cfg.replace(index="msb"), rows).stages["k"].astype(int)
    assert set((msb - distance)[rows.keep].tolist()) <= {0, 1}


@given(cases())
def test_a_larger_score_never_has_a_smaller_output(case: tuple[Config, Rows]) -> None:
    cfg, rows = case
    y = softmax(cfg, rows).y
    for a, b in zip(rows.offsets[:-1], rows.offsets[1:], strict=True):
        kept = rows.keep[a:b]
        order = np.argsort(rows.q[a:b][kept], kind="stable")
        assert (np.diff(y[a:b][kept][order].astype(int)) >= 0).all()


@given(cases())
def test_a_row_does_not_know_its_neighbours(case: tuple[Config, Rows]) -> None:
    cfg, rows = case
    alone = [softmax(cfg, rows.slice(n, n + 1)).y for n in range(len(rows))]
    np.testing.assert_array_equal(np.concatenate(alone), softmax(cfg, rows).y)


@given(cases())
def test_stages_agree_with_one_another(case: tuple[Config, Rows]) -> None:
    cfg, rows = case
    outputs = softmax(cfg, rows)
    stages = outputs.stages
    assert tuple(stages) == STAGES[cfg.method]
    for name, value in stages.items():
        assert len(value) == (len(rows) if name in PER_ROW else len(rows.q))
    assert stages["y"] is outputs.y
    assert outputs.y.max() <= cfg.m
    assert len(outputs.exponent) == len(rows)
    if cfg.method == "split":
        assert (stages["x"] == outputs.exponent).all()
        assert cfg.row_exp or not outputs.exponent.any()
        return
    assert not outputs.exponent.any()
    term = stages["s" if cfg.method == "rexp" else "e"].astype(np.int64)
    np.testing.assert_array_equal(np.add.reduceat(term, rows.offsets[:-1]), stages["sum"])
    assert (stages["j"] >= 1).all()
    assert (stages["j"] <= cfg.xs).all()
    for n, top in enumerate(stages["max"]):
        kept = rows.slice(n, n + 1)
        if kept.keep.any():
            assert top == kept.q[kept.keep].max()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("precision", ["int16", "uint8", "uint4", "uint2"])
def test_one_hot_comes_out_as_exactly_one(method: str, precision: str) -> None:
    cfg = Config("one_hot", method, precision, ke=128)
    rows = Rows.of([[-32768, 32767, -32768]])
    assert softmax(cfg, rows).y.tolist() == [0, cfg.m, 0]


def test_batches_larger_than_a_chunk() -> None:
    """Rows on both sides of every chunk edge, and one longer than a chunk."""
    cfg = Config("chunks", "lut2d", "uint8")
    rng = np.random.default_rng(5)
    lengths = np.array([3, shell.CHUNK - 3, 1, shell.CHUNK + 1, 7, 900, shell.CHUNK, 1])
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    q = rng.normal(0, 512, offsets[-1]).astype(np.int32)
    rows = Rows(q, rng.random(len(q)) < 0.9, offsets)
    outputs = softmax(cfg, rows)
    for n in range(len(rows)):
        alone = softmax(cfg, rows.slice(n, n + 1))
        np.testing.assert_array_equal(alone.y, outputs.y[offsets[n] : offsets[n + 1]])
        assert alone.stages["sum"][0] == outputs.stages["sum"][n]


@given(st.lists(st.integers(1, 40), max_size=30), st.integers(1, 50))
def test_chunks_cut_between_rows(lengths: list[int], elements: int) -> None:
    offsets = np.cumsum([0, *lengths], dtype=np.int64)
    cuts = list(shell.chunks(offsets, elements))
    assert [n for start, stop in cuts for n in range(start, stop)] == list(range(len(lengths)))
    for start, stop in cuts:
        assert offsets[stop] - offsets[start] <= elements or stop == start + 1


def test_no_rows_have_no_outputs() -> None:
    empty = Rows(np.zeros(0, np.int32), np.zeros(0, np.bool_), np.zeros(1, np.int64))
    outputs = softmax(Config("none", "rexp", "uint8"), empty)
    assert [len(value) for value in outputs.stages.values()] == [0] * len(STAGES["rexp"])


def test_a_score_too_wide_for_the_input_is_refused() -> None:
    cfg = Config("narrow", "rexp", "uint8", in_w=8, frac=4)
    softmax(cfg, Rows.of([[-128, 127]]))
    softmax(cfg, Rows.of([[0, 128]], [[True, False]]))
    for score in (128, -129):
        with pytest.raises(ValueError, match=f"score {score} does not fit the 8 bits of narrow"):
            softmax(cfg, Rows.of([[0, score]]))


@pytest.mark.parametrize("w", [2, 4, 8])
def test_division_by_m_is_exact_over_its_whole_domain(w: int) -> None:
    m = 2**w - 1
    t = np.arange(m * 2**w, dtype=np.int32)
    np.testing.assert_array_equal((t + (t >> w) + 1) >> w, t // m)
    np.testing.assert_array_equal(shell.div_m(t, w), t // m)


@settings(max_examples=300)
@given(st.sampled_from((2, 4, 8, 15)), st.lists(st.integers(0, 2**30 - 1), min_size=1))
def test_division_by_m_folds_what_is_wider(w: int, values: list[int]) -> None:
    edges = [0, 2**w - 2, 2**w - 1, 2**w, (2**w - 1) * 2**w - 1, (2**w - 1) * 2**w]
    t = np.array(values + edges, dtype=np.int32)
    np.testing.assert_array_equal(shell.div_m(t, w), t // (2**w - 1))
