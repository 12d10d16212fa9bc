"""Every cocotb test of ``tb/cases`` under every parameter set, and some under sets drawn anew."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
from parameter_sets import PARAMETER_SETS, drawn

from softmax_cosim.configs import (
    INDEX_MODES,
    LANES,
    METHODS,
    PRECISIONS,
    SUM_INDEX_MODES,
    Config,
)
from softmax_cosim.golden import split, split_tables
from softmax_cosim.simulation.regression import Outcome
from softmax_cosim.tb.catalogue import PREFIX, listed

#: Of the cases, what drawn sets play: each part of a core, in little time.
_OF_DRAWN = (
    *("latency.idle_core", "malformed.every_kind", "protocol.no_lost_cycle_mixed"),
    *("reset.in_flight/stalls=light", "stalls.crossed/source=heavy/sink=heavy"),
    *("streams.lengths/length=max_len", "streams.masks/mask=random", "streams.sums_near_edges"),
    *("streams.scores/kind=climbing", "streams.scores/kind=extreme", "streams.scores/kind=uniform"),
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.function is not test_rtl:
        return
    fixed = [
        (cfg, case) for cfg in PARAMETER_SETS for case, left_out in listed(cfg) if not left_out
    ]
    chance = [
        (cfg, f"{PREFIX}{case}")
        for cfg in drawn(metafunc.config.getoption("sets"))
        for case in _OF_DRAWN
    ]
    items = [
        pytest.param(cfg, case, id=f"{cfg.name}-{case.removeprefix(PREFIX)}")
        for cfg, case in [*fixed, *chance]
    ]
    metafunc.parametrize(("cfg", "case"), items)


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
    assert {(cfg.row_exp, split.octaves(cfg).columns) for cfg in ours} == {
        *product((False, True), (1, 3, 4)),
    }
    assert {split_tables.format_name(cfg) for cfg in ours} == set(split_tables.FORMATS)
    assert {split.octaves(cfg).columns for cfg in ours if cfg.base2} == {1, 3, 4}
    assert {cfg.lanes for cfg in ours if split.form(cfg).newton} >= {2, 8, 32}
    assert {cfg.xs for cfg in sets} >= {1, 512}
    assert {cfg.ke for cfg in sets if cfg.method == "lut2d"} >= {2, 128}
    assert len({cfg.name for cfg in sets}) == len(sets)


def test_drawn_sets_come_from_the_whole_legal_space_and_their_seed_alone() -> None:
    sets = drawn(7, 1500)
    assert sets == drawn(7, 1500)
    assert sets[:5] == drawn(7, 5) != drawn(8, 5)
    assert {(cfg.method, cfg.precision, cfg.lanes) for cfg in sets} == {
        (method, precision, lanes)
        for method in METHODS
        for precision in PRECISIONS
        for lanes in LANES
    }
    assert {(cfg.in_w, cfg.frac) for cfg in sets} == {
        (w, f) for w in range(4, 17) for f in range(w)
    }
    assert {(cfg.method, cfg.index, cfg.sum_index, cfg.row_exp, cfg.base2) for cfg in sets} == {
        *(("rexp", index, how, False, False) for index in INDEX_MODES for how in SUM_INDEX_MODES),
        *(("lut2d", "distance", how, False, False) for how in SUM_INDEX_MODES),
        *(("split", "distance", "nearest", *flags) for flags in product((False, True), repeat=2)),
    }
    assert min(cfg.max_len for cfg in sets) == 1
    assert max(cfg.max_len for cfg in sets) > 4000
    assert {cfg.max_len % cfg.lanes == 0 for cfg in sets} == {True, False}
    tables = [cfg for cfg in sets if cfg.method == "lut2d"]
    assert min(cfg.xs for cfg in tables) < 5
    assert max(cfg.xs for cfg in tables) > 500
    assert min(cfg.ke for cfg in tables) < 5
    assert max(cfg.ke for cfg in tables) > 125
