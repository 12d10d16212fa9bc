"""Every cocotb test of ``tb/cases`` under every parameter set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from parameter_sets import PARAMETER_SETS

from softmax_cosim.configs import Config
from softmax_cosim.golden import split
from softmax_cosim.simulation.regression import Outcome
from softmax_cosim.tb.catalogue import PREFIX, listed


def _items() -> list[Any]:
    return [
        pytest.param(
            cfg,
            case,
            id=f"{cfg.name}-{case.removeprefix(PREFIX)}",
        )
        for cfg in PARAMETER_SETS
        for case, left_out in listed(cfg)
        if not left_out
    ]


@pytest.mark.parametrize(("cfg", "case"), _items())
def test_rtl(
    cfg: Config,
    case: str,
    simulate: Callable[[Config, str], Outcome],
    record_property: Callable[[str, object], None],
) -> None:
    outcome = simulate(cfg, case)
    record_property("seconds", outcome.seconds)
    if not outcome.passed:
        pytest.fail(outcome.text, pytrace=False)


def test_the_parameter_sets_cover_what_matters() -> None:
    sets = PARAMETER_SETS
    for method in ("rexp", "lut2d", "split"):
        ours = [cfg for cfg in sets if cfg.method == method]
        assert {cfg.precision for cfg in ours} == {"int16", "uint8", "uint4", "uint2"}
        assert {cfg.lanes for cfg in ours} >= {1, 2, 8, 16, 32}
        assert method == "split" or {cfg.sum_index for cfg in ours} == {"nearest", "floor"}
        assert {cfg.frac == 0 for cfg in ours} == {True, False}
        assert {cfg.max_len % cfg.lanes == 0 for cfg in ours} == {True, False}
        assert max(cfg.max_len for cfg in ours) == 4096
    assert {(cfg.index, cfg.two_pass) for cfg in sets if cfg.method == "rexp"} >= {
        ("distance", False),
        ("distance", True),
        ("msb", True),
    }
    assert {cfg.in_w for cfg in sets} >= {4, 8, 12, 16}
    ours = [cfg for cfg in sets if cfg.method == "split"]
    assert {(cfg.row_exp, split.octaves(cfg).windows) for cfg in ours} == {
        (row_exp, windows) for row_exp in (False, True) for windows in (1, 2)
    }
    assert {cfg.lanes for cfg in ours if split.form(cfg).newton} >= {2, 8, 32}
    assert {cfg.xs for cfg in sets} >= {1, 512}
    assert {cfg.ke for cfg in sets if cfg.method == "lut2d"} >= {2, 128}
    assert len({cfg.name for cfg in sets}) == len(sets)
