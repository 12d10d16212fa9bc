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
from tests.cosim.guide import REPLAYS, ROWS, TABLE

#: Told once the changed design is built: played with --whole.
LATE = {
    *("a register without reset", "a golden model that is right to an ULP", "a latency formula"),
    *("state that outlives a row", "an assertion that fails"),
}
OTHERS = {row["command"] for row in ROWS.values()} - set(REPLAYS.values())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    whole = metafunc.config.getoption("--whole")
    if "has" in metafunc.fixturenames:
        metafunc.parametrize("has", [has for has in ROWS if whole or has not in LATE])
    elif "command" in metafunc.fixturenames:
        some = [command for command in OTHERS if whole or command.startswith("cosim score")]
        metafunc.parametrize("command", sorted(some))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands run."""
    (tmp_path / "traces").symlink_to(ROOT / "traces")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_table_is_whole() -> None:
    assert len(ROWS) == len([line for line in TABLE.splitlines() if line.startswith("| ")]) - 2
    assert set(ROWS) > LATE
    # One command an example; test_examples.py runs it.
    assert set(REPLAYS.values()) | OTHERS == {row["command"] for row in ROWS.values()}


def test_a_command_shows_what_its_row_says(command: str, folder: Path) -> None:
    (folder / "examples").symlink_to(ROOT / "examples")
    assert main(shlex.split(command)[1:]) == 0


def test_what_is_wrong_is_told(has: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
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
