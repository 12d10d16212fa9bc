"""The core behind its register file, driven over AXI4-Lite."""

from __future__ import annotations

import importlib

import pytest
from cocotb.regression import TestGenerator as Generator  # pytest would collect its own name

from configs import Config
from cosim.build import build
from cosim.regression import run

_MODULE = "tb.cases_axil.registers"
_CASES = [
    test.fullname
    for value in vars(importlib.import_module(_MODULE)).values()
    if isinstance(value, Generator)
    for test in value.generate_tests()
]


def _set(name: str, method: str, precision: str, **others: int | str | bool) -> Config:
    return Config(name, method, precision, **others)  # type: ignore[arg-type]


BUILDS = {
    "two passes": (_set("axil_msb", "rexp", "uint8", lanes=4, max_len=50, index="msb"), True),
    "three passes": (_set("axil_rexp", "rexp", "int16", lanes=2, max_len=33, xs=16), True),
    "lut2d": (_set("axil_lut2d", "lut2d", "uint8", lanes=4, max_len=50, xs=20), True),
    "split": (_set("axil_split", "split", "uint8", lanes=4, max_len=50, row_exp=True), True),
    "constant tables": (_set("axil_const", "rexp", "uint4", lanes=8, max_len=50), False),
}


@pytest.mark.parametrize("name", BUILDS)
def test_registers(
    name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    cfg, loadable = BUILDS[name]
    built = build(cfg, top="softmax_axil", parameters={"LOADABLE": int(loadable)})
    monkeypatch.setenv("COSIM_LOADABLE", str(int(loadable)))
    outcomes = run(built, cfg, _CASES, seed=request.config.getoption("seed"))
    assert len(outcomes) == len(_CASES) > 10
    wrong = [f"{case}:\n{outcome.text}" for case, outcome in outcomes.items() if not outcome.passed]
    assert not wrong, "\n".join(wrong)
