"""``cosim verify`` finds the bugs of ``data/bugs.toml`` in the examples, and shows each again."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from softmax_cosim.cli import main
from softmax_cosim.paths import ROOT
from tests.cosim.bugs import BUGS, KINDS, broken

EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("*/*.toml"))
#: Played without --whole: of designs that are soon built, with and without a golden model.
FEW = {
    ("base2", "stale_state"),
    ("verilog2001", "unreset"),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    whole = metafunc.config.getoption("--whole")
    if "kind" in metafunc.fixturenames:
        bugs = [(name, kind) for name, kinds in BUGS.items() for kind in kinds]
        chosen = [bug for bug in bugs if "edits" in BUGS[bug[0]][bug[1]] and (whole or bug in FEW)]
        metafunc.parametrize(("name", "kind"), chosen)
    elif "words" in metafunc.fixturenames:
        # Floats within a tolerance, and blocks of rows; both state their latency.
        some = ["--case", "streams.scores", "latency", "power_up", "stalls.alternating"]
        chosen = (
            [(name, []) for name in EXAMPLES] if whole else [("bf16", some), ("interleaved", some)]
        )
        metafunc.parametrize(("name", "words"), chosen)


@pytest.fixture(autouse=True)
def failures_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not among those of other tests."""
    kept = lambda kind: tmp_path / kind  # noqa: E731
    monkeypatch.setattr("softmax_cosim.simulation.regression.build_folder", kept)
    monkeypatch.setattr("softmax_cosim.verify.play.build_folder", kept)


def test_every_example_has_every_bug_or_a_reason() -> None:
    assert sorted(BUGS) == EXAMPLES
    for name, kinds in BUGS.items():
        assert tuple(kinds) == KINDS
        for kind in kinds.values():
            assert ("edits" in kind) != bool(kind.get("none"))
            for file, there, instead in kind.get("edits", ()):
                assert (ROOT / "examples" / name / file).read_text().count(there) == 1
                assert instead != there


def test_a_bug_is_found(
    name: str, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = broken(name, kind, tmp_path)
    assert main(["verify", str(config), "--most", "1"]) == 1
    out = capsys.readouterr().out
    assert re.search(r"^FAILED +[\d.]+ s \S", out, re.MULTILINE)
    command = re.search(r"shows it again: cosim (.+)", out)
    assert command, out
    assert main(shlex.split(command[1])) == 1, out


def test_an_example_passes(name: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["verify", str(ROOT / "examples" / name / f"{name}.toml"), *words])
    out = capsys.readouterr().out
    assert code == 0, out
    if not words:
        found = re.search(r"^(\d+) cases passed, (\d+) left out", out, re.MULTILINE)
        assert found
        assert f"| {found[1]}, {found[2]} |" in listed(name)


def test_the_guide_lists_every_example() -> None:
    for name, kinds in BUGS.items():
        config = (ROOT / "examples" / name / f"{name}.toml").read_text()
        lines = [line for line in config.splitlines() if line and line[0] != "#"]
        row = listed(name)
        assert row.startswith(f"| `{name}` | {len(lines)} | ")
        assert row.endswith(f" | {sum('edits' in kind for kind in kinds.values())} of 4 |")


def listed(name: str) -> str:
    """An example's line in the guide."""
    text = (ROOT / "docs" / "own-rtl.md").read_text().partition("## Bugs in the examples\n")[2]
    (row,) = [line for line in text.splitlines() if line.startswith(f"| `{name}` | ")]
    return row
