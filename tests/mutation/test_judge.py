"""Mutants of the RTL: what Verilator refuses, what it makes the same of, what a case sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mutation import rtl
from mutation.mutant import Mutant, Site, mutants_of
from mutation.verdict import KILLED, SAME, SURVIVED, UNBUILT
from mutation.verilog import sites
from softmax_cosim.paths import ROOT
from softmax_cosim.simulation.build import Build
from softmax_cosim.simulation.regression import Outcome

FILE = "rtl/lib/stream_reg.sv"


def changed(old: str, new: str) -> Mutant:
    source = (ROOT / FILE).read_bytes()
    assert old.encode() in source
    text = source.replace(old.encode(), new.encode())
    return Mutant(FILE, Site(1, 1, "by hand", lambda: text), 0, source)


@pytest.fixture
def judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> rtl.Judge:
    """Of the smallest set."""
    smallest = rtl.settings()[0]
    assert smallest.cfg.lanes == 1
    monkeypatch.setattr(rtl, "settings", lambda: [smallest])
    return rtl.Judge(tmp_path)


def test_what_verilator_makes_of_it_decides_first(judge: rtl.Judge) -> None:
    assert judge.end_of(changed("!valid_q", "!missing")).status == UNBUILT
    grouped = "ready_i || ((ELASTIC) && (!valid_q))"
    same = changed("ready_i || (ELASTIC && !valid_q)", grouped)
    assert judge.end_of(same).status == SAME
    other = (ROOT / "rtl/softmax_total.sv").read_bytes()
    assert judge.end_of(next(mutants_of("rtl/softmax_total.sv", other, sites))).status == SAME
    assert not list(judge.scratch.iterdir())


@pytest.mark.parametrize(
    ("mutant_fails", "design_fails", "status"),
    [
        (["streams.b"], [], KILLED),
        (["streams.b"], ["streams.b"], SURVIVED),
        (["streams.a", "streams.b"], ["streams.a"], KILLED),
        ([], [], SURVIVED),
    ],
)
def test_a_case_counts_that_fails_in_the_mutant_alone(
    judge: rtl.Judge,
    monkeypatch: pytest.MonkeyPatch,
    mutant_fails: list[str],
    design_fails: list[str],
    status: str,
) -> None:
    prefix = "softmax_cosim.tb.cases."
    cases = [prefix + name for name in ("streams.a", "streams.b")]

    def build(*_: object, name: str | None, sources: list[Path], **__: object) -> Build:
        assert len(sources) == len(rtl.rtl_sources())
        folder = judge.scratch / "builds" / (name or "design")
        folder.mkdir(parents=True, exist_ok=True)
        return Build(folder / "simulation", folder, "softmax_top")

    def run(built: Build, _: object, chosen: list[str], **watching: Any) -> dict[str, Outcome]:
        fails = design_fails if built.folder.name == "design" else mutant_fails
        outcomes = {
            case: Outcome(case.removeprefix(prefix) not in fails, "AssertionError: so", 0.1)
            for case in chosen
        }
        for case, outcome in outcomes.items() if "ended" in watching else ():
            watching["ended"](case, outcome)
        return outcomes

    monkeypatch.setattr(rtl, "built", build)
    monkeypatch.setattr(rtl, "run", run)
    monkeypatch.setattr(rtl.Setting, "cases", property(lambda self: cases))
    codes = iter("ab")
    monkeypatch.setattr(judge, "_code", lambda *_: next(codes))
    ending = judge.end_of(changed("!valid_q", "valid_q"))
    assert ending.status == status
    if status == KILLED:
        assert ending.by.split()[1] == "streams.b"
        assert ending.says == "AssertionError: so"
    assert [path.name for path in (judge.scratch / "builds").iterdir()] in ([], ["design"])
