"""A replay that was cut short goes on where it stopped, and ends as if nothing had been."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from pathlib import Path

import numpy as np
import pytest

from softmax_cosim import cli
from softmax_cosim.paths import ROOT
from softmax_cosim.replay import journal
from softmax_cosim.replay.journal import Journal
from softmax_cosim.report import ReportFolder
from softmax_cosim.simulation.simulator import Simulator, SimulatorCrash
from softmax_cosim.trace import Layer, write

LAYERS = 5


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A slice a layer."""
    rng = np.random.default_rng(5)
    path = tmp_path_factory.mktemp("trace") / "small.safetensors"
    layers = [
        Layer(index, rng.normal(0, 3, (1, 2, 6, 20)).astype(np.float32)) for index in range(LAYERS)
    ]
    write(path, layers, model="a model", source="a test")
    return str(path)


class Plays:
    """Counts the batches that simulators play; from the one called ``dies`` on, they die."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count, self.dies = 0, 10**9
        self._lock = threading.Lock()
        run = Simulator.run

        def counted(simulator: Simulator, *given: object) -> object:
            with self._lock:
                self.count += 1
                if self.count >= self.dies:
                    raise SimulatorCrash("the simulator died (signal SIGKILL)", "")
            return run(simulator, *given)

        monkeypatch.setattr(Simulator, "run", counted)

    def of(self, *words: object, code: int = 0, dies: int = 10**9) -> int:
        """How many a command plays."""
        self.count, self.dies = 0, dies
        assert cli.main([str(word) for word in words]) == code
        return self.count


@pytest.fixture
def plays(monkeypatch: pytest.MonkeyPatch) -> Plays:
    monkeypatch.setattr(journal, "WORTH_SECONDS", 0.0)
    return Plays(monkeypatch)


def command(trace: str, out: Path, *more: str) -> list[str]:
    options = ["--config", "rexp_uint8", "--power-up", "zeros", "--jobs", "1"]
    return ["replay", trace, *options, "--save-outputs", "--out", str(out), *more]


def made(out: Path) -> dict[str, object]:
    """All that a report holds but what its clock and its folder say."""
    summary = json.loads((out / "summary.json").read_text())
    for run in summary["runs"]:
        del run["wall_s"]
    files = {name: (out / name).read_bytes() for name in ("rows.parquet", "outputs.safetensors")}
    return {"summary": summary, "names": sorted(path.name for path in out.iterdir()), **files}


@pytest.fixture
def cut(trace: str, tmp_path: Path, plays: Plays) -> Path:
    """The folder of a run that died when three batches were through."""
    out = tmp_path / "out"
    plays.of(*command(trace, out), code=3, dies=4)
    assert [path.name for path in out.iterdir()] == [".played"]
    return out


def test_a_replay_goes_on(trace: str, tmp_path: Path, plays: Plays, cut: Path, capsys):
    assert plays.of(*command(trace, tmp_path / "whole")) == LAYERS
    assert "taken over" not in capsys.readouterr().out
    assert plays.of(*command(trace, cut)) == LAYERS - 3
    assert "taken over from an earlier run: 3 of 5 batches" in capsys.readouterr().out
    assert made(cut) == made(tmp_path / "whole")
    assert plays.of(*command(trace, cut)) == LAYERS  # what is whole is over


def test_other_rows_or_ways_of_playing_are_played(trace: str, plays: Plays, cut: Path):
    kept = (cut / ".played").read_bytes()

    def played(*more: str) -> int:
        (cut / ".played").write_bytes(kept)
        return plays.of(*command(trace, cut, *more))

    assert played() == LAYERS - 3
    assert played("--figures", "exact") == LAYERS - 3
    assert played("--max-rows", "20") == LAYERS
    assert played("--stalls", "light") == LAYERS
    assert played("--power-up", "ones") == LAYERS


def test_what_was_changed_is_played(trace: str, tmp_path: Path, plays: Plays, cut: Path):
    plays.of(*command(trace, tmp_path / "whole"))
    with sqlite3.connect(cut / ".played") as file:
        ((key, data),) = file.execute("SELECT key, results FROM played LIMIT 1").fetchall()
        changed = bytes([*data[:-1], data[-1] ^ 1])
        file.execute("UPDATE played SET results = ? WHERE key = ?", [changed, key])
    file.close()
    assert plays.of(*command(trace, cut)) == LAYERS - 2
    assert made(cut) == made(tmp_path / "whole")


@pytest.mark.parametrize("damage", ["cut", "empty", "noise", "folder", "no text"])
def test_a_journal_that_is_none_is_no_error(
    trace: str, tmp_path: Path, plays: Plays, cut: Path, damage: str
):
    plays.of(*command(trace, tmp_path / "whole"))
    path = cut / ".played"
    data = path.read_bytes()
    if damage == "folder":
        path.unlink()
        path.mkdir()
    elif damage == "no text":
        with sqlite3.connect(path) as file:
            file.execute("UPDATE played SET results = 'text', hash = 3")
        file.close()
    else:
        noise = np.random.default_rng(1).bytes(len(data))
        path.write_bytes({"cut": data[: len(data) // 2], "empty": b"", "noise": noise}[damage])
    assert plays.of(*command(trace, cut)) >= LAYERS - 3
    if damage == "folder":
        path.rmdir()
    assert made(cut) == made(tmp_path / "whole")


def test_designs_of_ones_own_are_played(trace: str, tmp_path: Path):
    """What they read when they run, a memory file for one, is not in the key."""
    shutil.copytree(ROOT / "tests" / "cosim" / "data" / "echo", tmp_path / "echo")
    config = str(tmp_path / "echo" / "echo.toml")
    words = ["replay", trace, "--config", config, "--out", str(tmp_path / "out")]
    kept: list[int] = []
    close = Journal.close

    def closes(journal: Journal) -> None:
        kept.append(journal.kept)
        close(journal)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Journal, "close", closes)
        assert cli.main(words) in (0, 1)
    assert kept == [0]


def test_a_journal_that_somebody_else_needs_stays(trace: str, plays: Plays, cut: Path):
    with ReportFolder(cut):  # another run in the folder
        plays.of(*command(trace, cut))
        assert (cut / ".played").is_file()
    plays.of(*command(trace, cut))
    assert not (cut / ".played").exists()


def test_what_is_soon_done_again_is_not_kept(
    trace: str, tmp_path: Path, plays: Plays, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "WORTH_SECONDS", 3600.0)
    out = tmp_path / "out"
    plays.of(*command(trace, out), code=3, dies=3)
    assert not (out / ".played").exists()
    assert plays.of(*command(trace, out)) == LAYERS
