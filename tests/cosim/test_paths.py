"""Where builds go: the checkout's own folder, the user's cache, or where the user says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from softmax_cosim import cli, paths
from softmax_cosim.configs import UsageError
from tests.runtime import share_runtime


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOFTMAX_COSIM_BUILD", raising=False)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(paths, "INSTALLED", False)
    return tmp_path


def test_a_checkout_that_can_be_written_holds_its_builds(checkout: Path) -> None:
    assert paths.build_folder("sim") == checkout / "build" / "sim"


@pytest.mark.parametrize("locked", [".", "build", "build/sim"])
def test_one_that_cannot_be_written_leaves_them_to_the_cache(
    locked: str, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkout / locked).mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != checkout / locked)
    monkeypatch.setenv("XDG_CACHE_HOME", str(checkout / "cache"))
    assert paths.build_folder("sim") == checkout / "cache" / "softmax-cosim" / "sim"


@pytest.mark.parametrize("cache", [None, "", "not/absolute"])
def test_an_installed_package_builds_in_the_users_cache(
    cache: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "INSTALLED", True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    if cache is None:
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", cache)
    assert paths.build_folder("sim") == tmp_path / "home" / ".cache" / "softmax-cosim" / "sim"


def test_the_users_word_counts_in_child_processes_and_ends_with_the_block(tmp_path: Path) -> None:
    before = paths.build_folder("sim")
    with paths.built_in(tmp_path / "mine"):
        assert paths.build_folder("sim") == tmp_path / "mine" / "sim"
        said = subprocess.check_output(
            [
                sys.executable,
                "-c",
                "from softmax_cosim import paths; print(paths.build_folder('x'))",
            ],
            text=True,
        )
    assert said.strip() == str(tmp_path / "mine" / "x")
    assert paths.build_folder("sim") == before


def test_something_else_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="not a folder"), paths.built_in(tmp_path / "file"):
        pass


def test_a_replay_builds_where_the_option_says(tmp_path: Path) -> None:
    words = [str(paths.ROOT / "traces" / "ocr_short.safetensors"), "--config", "split_uint2"]
    words += ["--max-rows", "5", "--out", str(tmp_path / "out")]
    share_runtime(tmp_path / "mine" / "sim")
    assert cli.main(["replay", *words, "--build-dir", str(tmp_path / "mine")]) == 0
    (run,) = json.loads((tmp_path / "out" / "summary.json").read_text())["runs"]
    assert run["rows"] == 5
    assert list((tmp_path / "mine" / "sim").glob("split_uint2-*/design.so"))
