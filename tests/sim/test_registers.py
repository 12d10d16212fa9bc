"""The core behind its register file, driven over AXI4-Lite."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from altered import altered
from parameter_sets import REGISTER_SETS

from softmax_cosim.simulation.build import rtl_sources
from softmax_cosim.simulation.regression import built, run
from softmax_cosim.tb.axil import BUILT_LOADABLE
from softmax_cosim.tb.catalogue import of_registers

_PREFIX = "softmax_cosim.tb.cases_axil.registers."
_CASES = of_registers()


@pytest.mark.parametrize("name", REGISTER_SETS)
def test_registers(name: str, request: pytest.FixtureRequest) -> None:
    cfg, loadable = REGISTER_SETS[name]
    core = built(cfg, top="softmax_axil", parameters={"LOADABLE": int(loadable)})
    seed = request.config.getoption("seed")
    outcomes = run(core, cfg, _CASES, seed=seed, further={BUILT_LOADABLE: str(int(loadable))})
    assert len(outcomes) == len(_CASES) > 10
    wrong = [f"{case}:\n{outcome.text}" for case, outcome in outcomes.items() if not outcome.passed]
    assert not wrong, "\n".join(wrong)


class Mutant(NamedTuple):
    """A part of one file, changed; the case that must fail, and what it must say."""

    file: str
    text: str
    becomes: str
    case: str
    says: str


MUTANTS = {
    "a latency of one more": Mutant(
        "softmax_monitor.sv",
        "now_q - start",
        "now_q - start + 1",
        "read_while_rows_run",
        "instead",
    ),
    "a load in flight taken": Mutant(
        "softmax_load.sv",
        "busy_i;",
        "1'b0;",
        "load_in_flight",
        "instead of Answer(refused=True",
    ),
    "a refused entry written": Mutant(
        "softmax_load.sv", "!busy_i && fits;", "1'b1;", "load_in_flight", "expected"
    ),
    "strobes ignored": Mutant(
        "softmax_regs.sv", "{8{write_strb_i[i]}}", "8'hFF", "strobes", "channel r"
    ),
    "tables that outlive a reset": Mutant(
        "lookup_table.sv",
        "written_q <= '0;",
        "written_q <= written_q;",
        "load_and_play",
        "",
    ),
    "a beat during a soft reset": Mutant(
        "softmax_axil.sv",
        "s_ready && !soft_reset",
        "s_ready",
        "soft_reset_in_flight/stalls=none",
        "a beat during a soft reset",
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught(name: str, tmp_path: Path) -> None:
    mutant, cfg = MUTANTS[name], REGISTER_SETS["lut2d"][0]
    sources = altered(rtl_sources(), mutant.file, mutant.text, mutant.becomes, tmp_path)
    broken = built(
        cfg,
        top="softmax_axil",
        name="mutant",
        sources=sources,
        parameters={"LOADABLE": 1},
        profile="once",
    )
    case = next(full for full in _CASES if f"{full}/".startswith(f"{_PREFIX}{mutant.case}/"))
    outcome = run(broken, cfg, [case])[case]
    assert not outcome.passed
    assert mutant.says in outcome.text
    assert "did not run" not in outcome.text
