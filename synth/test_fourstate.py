"""Netlists in a four-state simulator: what the cycle simulator says, and nothing unknown."""

from __future__ import annotations

from pathlib import Path

import icarus
import pytest

from softmax_cosim import configs
from softmax_cosim.simulation.regression import Outcome, run

pytestmark = pytest.mark.skipif(
    not icarus.FOLDER.is_dir(), reason="Icarus Verilog is not there: make fourstate"
)

NAMES = ("rexp_uint8_in8", "lut2d_uint8_in8", "split_uint8_in8")
UNKNOWN = "synth.power_up.nothing_unknown"
#: Of the regression, what takes an event-driven simulator seconds.
CASES = [
    UNKNOWN,
    *(
        f"softmax_cosim.tb.cases.{case}"
        for case in (
            "latency.idle_core",
            "malformed.every_kind",
            "protocol.no_lost_cycle_mixed",
            "reset.of_one_cycle",
            "stalls.crossed/source=heavy/sink=heavy",
            "streams.lengths/length=mixed",
            "streams.masks/mask=random",
            "streams.scores/kind=extreme",
            "streams.scores/kind=attention",
        )
    ),
]


def small(name: str) -> configs.Config:
    return configs.load(name).replace(lanes=2, max_len=24)


def played(cfg: configs.Config, netlist: Path, folder: Path) -> dict[str, Outcome]:
    return run(icarus.compiled(netlist, folder), cfg, CASES)


@pytest.mark.parametrize("name", NAMES)
def test_a_netlist_in_four_states_passes_the_regression(name: str, tmp_path: Path) -> None:
    cfg = small(name)
    outcomes = played(cfg, icarus.netlist(cfg), tmp_path)
    assert len(outcomes) == len(CASES)
    failed = {case: outcome.text for case, outcome in outcomes.items() if not outcome.passed}
    assert not failed


def test_a_register_without_its_reset_is_seen(tmp_path: Path) -> None:
    """One that two states forgive: it is low after power-up half the time."""
    cfg = small("split_uint8_in8")
    text = icarus.netlist(cfg).read_text()
    lines = "if (!rst_ni) m_axis_tvalid <= 1'h0;\n    else if"
    assert text.count(lines) == 1
    broken = tmp_path / "netlist.v"
    broken.write_text(text.replace(lines, "if"))
    outcome = run(icarus.compiled(broken, tmp_path), cfg, [UNKNOWN])[UNKNOWN]
    assert not outcome.passed
    assert "is X in cycle 0 after reset" in outcome.text
