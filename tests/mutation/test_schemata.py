"""Many mutants in one source: each is there, and alone at work when it is chosen."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyslang.syntax import SyntaxTree

from mutation import rtl, schemata
from mutation.mutant import Mutant, mutants_of
from mutation.shared import Shared
from mutation.verdict import KILLED, SURVIVED
from mutation.verilog import sites
from softmax_cosim.paths import ROOT

FILE = "rtl/lib/fall_through_fifo.sv"
SOURCE = (ROOT / FILE).read_bytes()


def mutants(file: str = FILE) -> list[Mutant]:
    return list(mutants_of(file, (ROOT / file).read_bytes(), sites))


def test_a_guarded_source_holds_every_mutant_that_is_no_constant() -> None:
    numbered = dict(enumerate(mutants(), 1))
    text, placed = schemata.guarded(SOURCE, numbered)
    assert not SyntaxTree.fromText(text.decode()).diagnostics
    for n, mutant in numbered.items():
        assert text.count(f"== 32'd{schemata.mark(n)})".encode()) == (n in placed), mutant.name
        decided_before = mutant.line.startswith(("localparam", "return", "if (FALL_THROUGH)"))
        assert (n in placed) != decided_before, mutant.name
    assert len(placed) > 20


def test_a_source_without_mutants_is_what_it_was() -> None:
    assert schemata.guarded(SOURCE, {}) == (SOURCE, set())


def test_what_verilator_blames_is_found_by_its_line() -> None:
    text, placed = schemata.guarded(SOURCE, dict(enumerate(mutants(), 1)))
    lines = text.decode().splitlines()
    for n in placed:
        (line,) = (at for at, said in enumerate(lines, 1) if f"'d{schemata.mark(n)})" in said)
        assert schemata.blamed(text, [line + 1]) == {n}


def test_marks_are_found_in_what_verilator_wrote() -> None:
    wrote = f"if (({schemata.mark(7):#x}U == chosen)) {{ x = 0x5a3cU; }} {schemata.mark(258):#x}U"
    assert schemata.mentioned(wrote) == {7, 258}


def test_mutants_that_share_a_build_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one build: the first never holds a word; the second takes one that is not valid, too."""
    smallest = rtl.settings()[0]
    case = next(case for case in smallest.cases if case.endswith("from_every_draw"))
    monkeypatch.setattr(rtl, "settings", lambda: [smallest])
    monkeypatch.setattr(rtl.Setting, "cases", [case])
    becomes = {mutant.diff[1]: mutant for mutant in mutants("rtl/lib/stream_reg.sv")}
    deadly = becomes["else if (ready_o) ;"]
    harmless = becomes["if ((ready_o)) data_q <= data_i;"]
    judge = rtl.Judge(tmp_path, [deadly, harmless])
    assert judge.shares(deadly)
    assert judge.shares(harmless)
    ended = dict(judge.together([harmless, deadly], 2))
    assert ended[deadly].status == KILLED
    assert ended[deadly].by == f"{smallest.cfg.name} power_up.from_every_draw"
    assert ended[harmless].status == SURVIVED
    assert not list(tmp_path.glob("overlay-*"))


def test_what_verilator_refuses_is_left_out(tmp_path: Path) -> None:
    wrong = next(mutant for mutant in mutants() if mutant.site.operator == "nonblocking-drop")
    shared = Shared(tmp_path / "shared", [wrong])
    text = shared.path(FILE).read_text()
    line = next(n for n, said in enumerate(text.splitlines(), 1) if "mutants_pkg" in said) + 1
    said = f"%Error: {shared.path(FILE)}:{line}:3: syntax error"
    refused = shared._refused(said)
    assert refused == {FILE: {1}}
    shared._leave_out(refused)
    assert not shared.numbers
    assert shared.path(FILE).read_bytes() == SOURCE
    with pytest.raises(AssertionError, match="does not build"):
        shared._refused("%Error: /elsewhere.sv:3: syntax error")
