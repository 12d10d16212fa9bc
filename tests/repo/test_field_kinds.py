"""The errors of ``benchmarks/kinds.py`` are what their names say, and its table has each."""

from __future__ import annotations

import re

import numpy as np
import pytest

from benchmarks import field_tasks, kinds
from softmax_cosim.hooks import apply

SCORES = np.random.default_rng(1).normal(0, 3, (2, 3, 50)).astype(np.float32)
MASK = np.arange(50) < 45
EXACT = np.exp(SCORES[..., MASK] - SCORES[..., MASK].max(-1, keepdims=True)).astype(np.float64)
EXACT /= EXACT.sum(-1, keepdims=True)


def made(kind: str) -> np.ndarray:
    y = kinds.erring(kinds.KINDS[kind][1])(SCORES, MASK)
    assert y is not None
    assert y.dtype == SCORES.dtype
    assert not y[..., ~MASK].any()
    return y[..., MASK].astype(np.float64)


@pytest.mark.parametrize(
    ("kind", "total"),
    [
        ("sum too high", 0.8),
        ("sum too low", 1.25),
        ("ties at the top", 1),
        ("octave steps", 1),
        ("lost tail, sum right", 1),
    ],
)
def test_the_sum_is_what_the_error_says(kind: str, total: float):
    np.testing.assert_allclose(made(kind).sum(-1), total, rtol=1e-5)


def test_ties_are_whole_nats_apart_and_octaves_powers_of_two():
    for kind, base in (("ties at the top", np.e), ("octave steps", 2)):
        y = made(kind)
        steps = np.log(y.max(-1, keepdims=True) / y) / np.log(base)
        np.testing.assert_allclose(steps, np.rint(steps), atol=1e-4)
    powers = np.log2(made("power-of-two outputs"))
    np.testing.assert_allclose(powers, np.rint(powers), atol=1e-5)
    np.testing.assert_allclose(powers, np.log2(EXACT), atol=0.5 + 1e-5)


def test_the_tail_alone_is_lost():
    y, low = made("lost tail"), EXACT < 1 / 510
    assert low.any()
    assert not y[low].any()
    np.testing.assert_allclose(y[~low], EXACT[~low], rtol=1e-5)


def test_eight_bits():
    np.testing.assert_allclose(made("8 bits, nearest"), np.rint(EXACT * 255) / 255, atol=1e-6)
    np.testing.assert_allclose(made("8 bits, cut"), np.floor(EXACT * 256) / 256, atol=1e-6)


def test_rows_with_nothing_kept_are_0():
    for _, kind in kinds.KINDS.values():
        y = kinds.erring(kind)(SCORES, np.zeros(50, bool))
        assert y is not None
        assert not y.any()


def test_only_the_layers_that_match_are_replaced():
    softmax = kinds.erring(kinds.KINDS["lost tail"][1], "_context")
    assert apply(softmax, "encoder_l1_self", SCORES, None) is None
    assert apply(softmax, "decoder_l1_context", SCORES, None) is not None


def test_the_page_has_every_error():
    text = kinds.PART.page.read_text(encoding="utf-8")
    lines = kinds.PART.of(text).strip().splitlines()
    commit, seconds = re.search(r"at commit `(\S+)`, in (\d+) s", lines[0]).groups()
    assert [line.split(" | ")[0][2:] for line in lines[4:]] == list(kinds.KINDS)
    assert kinds.PART.filled(text, kinds.page(commit, int(seconds), lines[2:])) == text


def test_cells_of_tasks():
    main = {"loss": -0.012, "interval": [-0.02, -0.001]}
    found = {"metrics": [main], "agreement": 0.914}
    share, error = {"unit": "%", "value": 0.5}, {"unit": "", "value": 0.4}
    assert field_tasks.cell(found, share) == "**-1.20** [-2.00 -0.10] 91 %"
    main["interval"] = [-0.02, 0.2]
    assert field_tasks.cell(found, error) == "-3.00 [-5.00 +50.00] 91 %"
    for none in (None, [None, None]):
        main["interval"] = none
        assert field_tasks.cell(found, share) == "-1.20 (91 %)"


def test_a_table_has_three_tasks_at_most():
    base = [{"metric": "accuracy", "unit": "%", "value": 0.5}]
    metrics = [{"loss": 0.0, "interval": None}]
    cells = [{"config": "rexp_uint8", "metrics": metrics, "agreement": 1.0}]
    tasks = [
        {"task": name, "examples": 5, "baseline": base, "cells": cells} for name in ("abcdefg")
    ]
    lines = field_tasks.tables([{"tasks": tasks[:2]}, {"tasks": tasks[2:]}])
    assert [line.count("accuracy") for line in lines if "accuracy" in line] == [3, 3, 1]
    assert lines.count("") == 2
