"""The synthesised netlist stands in for the RTL: same bits, same cycles."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from softmax_cosim import configs
from softmax_cosim.golden import timing
from softmax_cosim.golden.rows import Rows
from softmax_cosim.golden.softmax import softmax
from softmax_cosim.simulation.build import build
from softmax_cosim.simulation.regression import run
from softmax_cosim.simulation.simulator import Simulator
from softmax_cosim.synth import flows

NAMES = ("rexp_uint8_in8", "rexp_uint8_msb", "lut2d_uint8_in8", "split_uint8_in8")
#: Of the regression, what shows a gate in the wrong place.
CASES = [
    f"softmax_cosim.tb.cases.{case}"
    for case in (
        "latency.idle_core",
        "malformed.every_kind",
        "protocol.no_lost_cycle",
        "reset.in_flight/stalls=light",
        "stalls.crossed/source=heavy/sink=heavy",
        "streams.lengths/length=mixed",
        "streams.lengths/length=max_len",
        "streams.masks/mask=random",
        "streams.scores/kind=extreme",
        "streams.scores/kind=attention",
    )
]


@pytest.fixture(scope="module", params=NAMES)
def cfg(request: pytest.FixtureRequest) -> configs.Config:
    return configs.load(request.param)


@pytest.fixture(scope="module")
def netlist(cfg: configs.Config) -> Path:
    return flows.netlist(cfg)


def batch(cfg: configs.Config, count: int, longest: int, seed: int) -> Rows:
    """Rows of all lengths and spreads, some masked, some overlong."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, longest + 1, count)
    lengths[-1] = cfg.max_len + 1
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    limit = 2 ** (cfg.in_w - 1)
    spread = rng.choice([limit / 64, limit / 8, limit], count).repeat(lengths)
    scores = np.clip(rng.normal(0, spread).round(), -limit, limit - 1)
    return Rows(scores.astype(np.int32), rng.random(offsets[-1]) < 0.9, offsets)


def test_the_netlist_is_gates(netlist: Path) -> None:
    text = netlist.read_text()
    assert text.count("~(") > 1000
    assert not any(f" {operator} " in text for operator in ("+", "-", "*", "<", ">", ">>"))


def test_the_netlist_passes_the_regression(cfg: configs.Config, netlist: Path) -> None:
    built = build(cfg, name=f"{cfg.name}-gates", sources=[netlist], public=False)
    outcomes = run(built, cfg, CASES)
    assert len(outcomes) == len(CASES)
    failed = {case: outcome.text for case, outcome in outcomes.items() if not outcome.passed}
    assert not failed


@pytest.mark.parametrize("stalls", ["none", "heavy"])
def test_netlist_and_rtl_agree_in_every_bit_and_cycle(
    cfg: configs.Config, netlist: Path, stalls: str
) -> None:
    rows = batch(cfg, 60, cfg.max_len // 4, seed=3)
    with (
        Simulator(cfg, sources=[netlist], optimise="test") as gates,
        Simulator(cfg, optimise="test") as rtl,
    ):
        ours, theirs = (simulator.run(rows, stalls, seed=5) for simulator in (gates, rtl))
    for field in dataclasses.fields(ours):
        np.testing.assert_array_equal(
            getattr(ours, field.name), getattr(theirs, field.name), field.name
        )
    served = np.repeat(~ours.error, rows.lengths)
    np.testing.assert_array_equal(ours.y[served], softmax(cfg, rows).y[served])
    if stalls == "none":
        beats = np.where(ours.error, 1, rows.beats(cfg.lanes))
        first, last = timing.predict(cfg, ours.last_in, beats)
        np.testing.assert_array_equal(ours.first_out, first)
        np.testing.assert_array_equal(ours.last_out, last)


def test_a_wrong_gate_is_found(tmp_path: Path) -> None:
    cfg = configs.load("rexp_uint8_in8")
    text, hits = re.subn(
        r"(\[9\]  =) ~(\([^;\n]*u_sum\.first_q [^;\n]*;)",
        r"\1 \2",
        flows.netlist(cfg).read_text(),
        count=1,
    )
    assert hits == 1
    broken = tmp_path / "softmax_top.sv"
    broken.write_text(text)
    rows = batch(cfg, 60, cfg.max_len // 4, seed=3).slice(0, 59)
    with Simulator(cfg, sources=[broken], optimise="test") as simulator:
        assert (simulator.run(rows).y != softmax(cfg, rows).y).any()
