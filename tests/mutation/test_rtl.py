"""Mutants of the RTL: what Verilator refuses, what it cannot tell from the design, what a case sees."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutation import rtl
from mutation.mutant import Mutant, Site, mutants_of
from mutation.verdict import KILLED, SAME, SURVIVED, UNBUILT
from mutation.verilog import sites
from softmax_cosim.paths import ROOT, built_in

FILE = "rtl/lib/stream_reg.sv"


def changed(old: str, new: str) -> Mutant:
    source = (ROOT / FILE).read_bytes()
    assert old.encode() in source
    text = source.replace(old.encode(), new.encode())
    return Mutant(FILE, Site(1, 1, "by hand", lambda: text), 0, source)


@pytest.fixture
def judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> rtl.Judge:
    """Of the smallest set, and of one case there."""
    smallest = rtl.settings()[0]
    assert smallest.cfg.lanes == 1
    monkeypatch.setattr(rtl, "settings", lambda: [smallest])
    one_case = property(lambda self: ["softmax_cosim.tb.cases.protocol.valid_never_waits_for_ready"])
    monkeypatch.setattr(rtl.Setting, "cases", one_case)
    return rtl.Judge(tmp_path / "scratch")


def test_what_verilator_makes_of_it_decides_first(judge: rtl.Judge) -> None:
    assert judge.end_of(changed("assign ready_o", "assign readier_o")).status == UNBUILT
    assert judge.end_of(changed("ready_i || !valid_q", "(ready_i) || (!valid_q)")).status == SAME
    other = (ROOT / "rtl/softmax_total.sv").read_bytes()
    assert judge.end_of(next(mutants_of("rtl/softmax_total.sv", other, sites))).status == SAME


def test_one_is_killed_and_one_survives(judge: rtl.Judge, tmp_path: Path) -> None:
    with built_in(tmp_path / "build"):
        killed = judge.end_of(changed("ready_i || !valid_q", "1'b0"))
        assert (killed.status, killed.by.split()[1]) == (KILLED, "valid_never_waits_for_ready")
        survived = judge.end_of(changed("ready_i || !valid_q", "ready_i || !valid_q && !ready_i"))
        assert survived.status in (SURVIVED, SAME)
    assert not list((tmp_path / "scratch").iterdir())
    assert not list((tmp_path / "build").rglob("mutant-*"))
