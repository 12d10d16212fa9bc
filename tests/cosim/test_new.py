"""``cosim new`` makes a folder that runs, and the guide to it is true from top to bottom."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from softmax_cosim import configs
from softmax_cosim.cli import main
from softmax_cosim.configs.design import KEYS, Ports
from softmax_cosim.paths import ROOT

GUIDE = ROOT / "docs" / "own-rtl.md"


def test_every_command_of_the_guide_runs(tmp_path: Path) -> None:
    (tmp_path / "traces").symlink_to(ROOT / "traces")
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "SOFTMAX_COSIM_BUILD": str(tmp_path / "build"),
    }
    blocks = re.findall(r"^```console\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    commands = [line[2:] for block in blocks for line in block.splitlines()]
    said = {}
    for command in commands:
        done = subprocess.run(
            command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        said[command] = done.stdout
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    verify, listed, again, tests, _ = list(said.values())[1:]
    passed, left_out = re.findall(r"^(\d+) cases passed, (\d+) left out", verify, re.MULTILINE)[0]
    assert len(listed.splitlines()) == int(passed) + int(left_out)
    assert "streams.lengths/length=max_len" in again
    found = re.search(r"(\d+) passed, (\d+) skipped", tests)
    assert found
    assert int(found[1]) > 3, "cases, and the three tests of the file"
    (run,) = json.loads((tmp_path / "reports" / "mine" / "summary.json").read_text())["runs"]
    assert (run["promise"], run["kept"], run["lost_rows"]) == ("exact", True, 0)


def test_every_key_is_explained(tmp_path: Path) -> None:
    assert main(["new", str(tmp_path / "mine")]) == 0
    text = (tmp_path / "mine" / "mine.toml").read_text()
    cfg = configs.load(str(tmp_path / "mine" / "mine.toml"))
    assert (cfg.lanes, cfg.max_len, str(cfg.inputs), str(cfg.outputs)) == (1, 64, "q4.4", "uq0.8")
    numbers = ("input", "output", "scale", "lanes", "max_len", "length", "mask", "fill")
    blocks = ("recentre", "rows_per_block", "block_order", "overlap", "after")
    ports = [field.name for field in dataclasses.fields(Ports)]
    tables = {"ports", "handshake"}
    for key in {*KEYS, *numbers, *blocks, *ports} - tables:
        assert re.search(rf"^(# )?{key} = .*#", text, re.MULTILINE) or (
            key in ports and re.search(rf"^(# )?{key} = ", text, re.MULTILINE)
        ), key
    for table in tables:
        assert re.search(rf"^(# )?\[{table}\]$", text, re.MULTILINE)


@pytest.mark.parametrize("name", ["9lives", "a-b", "module", "softmax_top", "é", ""])
def test_a_name_that_no_module_has_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", name]) == 2
    assert "is no name for a module" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["folder", "file", "dangling link"])
def test_nothing_is_written_over(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = tmp_path / "mine"
    if kind == "folder":
        there.mkdir()
    elif kind == "file":
        there.write_text("mine")
    else:
        there.symlink_to(tmp_path / "nowhere")
    assert main(["new", str(there)]) == 2
    err = capsys.readouterr().err
    assert f"{there} is there already" in err
    assert len(err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == [there]


def test_a_folder_that_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["new", str(tmp_path / "file" / "mine")]) == 2
    assert "cannot write" in capsys.readouterr().err


def test_the_plugin_is_light() -> None:
    program = "import sys, softmax_cosim.pytest_plugin; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not {"numpy", "cocotb", "pyarrow"} & set(done.stdout.split())
