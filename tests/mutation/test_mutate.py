"""A mutant that is seen, one that is not, and what is kept of both."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mutation import equivalent, page, python, run
from mutation.copy import Copy
from mutation.equivalent import Equivalent
from mutation.mutant import Mutant, Site, mutants_of
from mutation.verdict import KILLED, SAME, SURVIVED, UNBUILT, Ending, Record, append, read
from softmax_cosim.configs import UsageError

SOURCE = b"def twice(x):\n    return x + x\n\n\ndef far(x):\n    return x > 5\n"
TEST = "from toy import far, twice\n\n\ndef test_toy():\n    assert twice(3) == 6 and far(9)\n"
TESTS = (("test_toy.py",),)


def mutant(operator: str, n: int = 0) -> Mutant:
    found = [m for m in mutants_of("toy.py", SOURCE, python.sites) if m.site.operator == operator]
    return found[n]


def record(operator: str, status: str) -> Record:
    return Record.of(mutant(operator), Ending(status, "some test"), 1.25, "abc1234")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "toy.py").write_bytes(SOURCE)
    (root / "test_toy.py").write_text(TEST)
    subprocess.run(["git", "init", "-q", root], check=True)
    return root


def test_one_is_killed_and_one_survives_in_a_copy(project: Path, tmp_path: Path) -> None:
    copy = Copy(tmp_path / "work", project)
    killed = copy.end_of(mutant("BinaryOperator_Add_Sub"), TESTS)
    assert (killed.status, killed.by) == (KILLED, "test_toy.py::test_toy")
    survived = copy.end_of(mutant("ComparisonOperator_Gt_GtE"), TESTS)
    assert survived == Ending(SURVIVED, "test_toy.py")
    for tree in (project, tmp_path / "work" / "tree"):
        assert (tree / "toy.py").read_bytes() == SOURCE


def test_a_mutant_that_never_ends_is_killed(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mutation.copy._LEAST_SECONDS", 3.0)
    monkeypatch.setattr("mutation.copy._PATIENCE", 0.0)
    hanging = SOURCE.replace(b"return x + x", b"while True: pass")
    site = mutant("BinaryOperator_Add_Sub").site
    endless = Mutant("toy.py", type(site)(2, 5, "endless", lambda: hanging), 0, SOURCE)
    ending = Copy(tmp_path / "work", project).end_of(endless, TESTS)
    assert (ending.status, ending.by) == (KILLED, "time limit")


@pytest.mark.parametrize(
    ("text", "status"), [(b"int f(int x) { return x - 0; }\n", SAME), (b"int g() ;\n", SURVIVED)]
)
def test_the_same_object_code_is_no_mutant(
    project: Path, tmp_path: Path, text: bytes, status: str
) -> None:
    source = b"int f(int x) { return x; }\n"
    (project / "toy.cpp").write_bytes(source)
    changed = Mutant("toy.cpp", Site(1, 1, "by hand", lambda: text), 0, source)
    assert Copy(tmp_path / "work", project).end_of(changed, ()).status == status


def test_results_outlive_a_line_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    first, second = record("BinaryOperator_Add_Sub", KILLED), record("NumberReplacer", SURVIVED)
    append(path, first)
    path.write_text(path.read_text() + '{"name": "toy.py:2:')
    append(path, second)
    assert read(path) == {first.digest: first, second.digest: second}
    append(path, record("NumberReplacer", KILLED))
    assert read(path)[second.digest].status == KILLED


ARGUED = Equivalent(
    "toy.py", "ComparisonOperator_Gt_GtE", "return x > 5", "return x >= 5", "nobody asks"
)


def test_scores_survivors_and_those_that_are_argued(tmp_path: Path) -> None:
    records = [
        record("BinaryOperator_Add_Sub", KILLED),
        record("ComparisonOperator_Gt_GtE", SURVIVED),
        record("NumberReplacer", SURVIVED),
        record("ComparisonOperator_Gt_LtE", SAME),
        Record.of(mutant("NumberReplacer", 1), Ending(UNBUILT), 0.5, "abc1234"),
    ]
    page.write(tmp_path, records, [ARGUED])
    assert "| `toy.py` | 1/2 (50.0%) | 1 | 1 | 1 | 1 | 1 |" in (tmp_path / "table.md").read_text()
    html = (tmp_path / "index.html").read_text()
    assert "toy.py:6:16:NumberReplacer:0" in html
    assert "toy.py:6:14:ComparisonOperator_Gt_GtE:0</b>: nobody asks" in html


def test_an_argued_line_may_move_but_not_change() -> None:
    moved = b"# a comment\n" + SOURCE
    changed = SOURCE.replace(b"x > 5", b"x > 6")
    for source, stale in ((moved, []), (changed, [(ARGUED, 0)])):
        changes = [
            (m.file, m.site.operator, *m.diff) for m in mutants_of("toy.py", source, python.sites)
        ]
        assert equivalent.misfits([ARGUED], changes) == stale


def test_the_committed_list_speaks_of_mutants_that_there_are() -> None:
    entries = equivalent.load()
    run._check(entries)
    assert all(len(entry.why) > 20 for entry in entries)
    wrong = Equivalent("rtl/lib/stream_reg.sv", "operator", "assign a = b;", "assign a = c;", "")
    with pytest.raises(UsageError, match=r"rtl/lib/stream_reg.sv has no line 'assign a = b;'"):
        run._check([wrong])
    twice = "for (int unsigned g = 0; g < Group; g++) begin"
    longer = twice.replace("<", "<=")
    wrong = Equivalent("rtl/softmax_window.sv", "operator", twice, longer, "")
    with pytest.raises(UsageError, match=r"rtl/softmax_window.sv has 2 lines 'for "):
        run._check([wrong])


def test_an_entry_that_lacks_something_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "equivalent.toml"
    path.write_text('[[mutant]]\nfile = "toy.py"\n')
    with pytest.raises(UsageError, match=r"equivalent.toml: .*missing"):
        equivalent.load(path)
