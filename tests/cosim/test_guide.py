"""The guide's table: each command shows what its row says, and each wrong input is told."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from softmax_cosim.cli import main
from softmax_cosim.paths import ROOT
from tests.cosim.bugs import KINDS, broken

GUIDE = ROOT / "docs" / "own-rtl.md"
_ROW = re.compile(
    r"^\| (?P<has>[^|]+) \| `(?P<command>cosim [^|]+)` "
    r"\| `(?P<wrong>[^|]+?)`(?: in `(?P<file>\S+)`)?: (?P<told>[^|]+) \|$",
    re.MULTILINE,
)
TABLE = GUIDE.read_text().partition("## A command a row\n")[2].partition("\n## ")[0]
ROWS = {found["has"]: found for found in _ROW.finditer(TABLE)}
#: Told once the changed design is built: played with --whole.
LATE = {
    *("a register without reset", "a golden model that is right to an ULP", "a latency formula"),
    *("state that outlives a row", "an assertion that fails"),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "late" in metafunc.fixturenames:
        metafunc.parametrize("late", sorted(LATE) if metafunc.config.getoption("--whole") else [])
    elif "has" in metafunc.fixturenames:
        metafunc.parametrize("has", [has for has in ROWS if has not in LATE])


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands run."""
    (tmp_path / "traces").symlink_to(ROOT / "traces")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_table_is_whole() -> None:
    assert len(ROWS) == len([line for line in TABLE.splitlines() if line.startswith("| ")]) - 2
    assert set(ROWS) > LATE


def test_a_command_shows_what_its_row_says(has: str, folder: Path) -> None:
    (folder / "examples").symlink_to(ROOT / "examples")
    assert main(shlex.split(ROWS[has]["command"])[1:]) == 0


def test_what_is_wrong_is_told(has: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told(has, folder, capsys)


def test_what_is_wrong_is_told_once_it_is_built(
    late: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told(late, folder, capsys)


def told(has: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = ROWS[has]
    change(folder, row)
    assert main(shlex.split(row["command"])[1:]) in (1, 2)
    said = capsys.readouterr()
    assert row["told"] in " ".join(f"{said.out} {said.err}".split())


def change(folder: Path, row: re.Match[str]) -> None:
    """A copy of the example of a row, with what is wrong."""
    name = re.search(r"examples/(\w+)/", row["command"])[1]
    if row["wrong"] in KINDS:
        broken(name, row["wrong"], folder)
        return
    shutil.copytree(ROOT / "examples" / name, folder / "examples" / name)
    path = folder / "examples" / name / (row["file"] or f"{name}.toml")
    text = path.read_text()
    if row["file"]:
        before, end, after = text.rpartition("endmodule")
        path.write_text(f"{before}{row['wrong']}\n{end}{after}" if end else text + row["wrong"])
        return
    key = row["wrong"].partition(" = ")[0]
    there = [*re.finditer(rf"^{key} = .*$", text, re.MULTILINE)]
    if there:
        path.write_text(text[: there[-1].start()] + row["wrong"] + text[there[-1].end() :])
    else:
        inside = key == "tie"
        path.write_text(text + row["wrong"] if inside else f"{row['wrong']}\n{text}")
