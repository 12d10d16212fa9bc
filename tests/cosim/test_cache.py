"""What is kept is what would be made again."""

from __future__ import annotations

import errno
import os
import threading
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from softmax_cosim.configs import UsageError
from softmax_cosim.simulation import cache
from softmax_cosim.simulation.cache import Interrupted, Read, kept


class Maker:
    """Makes ``result`` of ``source``, and counts."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "source"
        self.source.write_text("one")
        self.root = folder / "kept"
        self.count = 0

    def make(self, work: Path) -> Read:
        self.count += 1
        (work / "result").write_text(self.source.read_text())
        (work / "result").chmod(0o755)
        return Read([str(self.source)])

    def kept(self, key: object = 0) -> Path:
        return kept(self.root, "name", key, self.make)


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    return Maker(tmp_path)


def test_made_once(maker: Maker) -> None:
    assert maker.kept() == maker.kept()
    assert maker.count == 1
    assert maker.kept(key=1) != maker.kept()
    assert maker.count == 2


def test_made_of_what_is_there_now_and_found_again(maker: Maker) -> None:
    first = maker.kept()
    maker.source.write_text("two")
    assert (maker.kept() / "result").read_text() == "two"
    maker.source.write_text("one")
    assert maker.kept() == first
    assert maker.count == 2


def test_a_link_that_leads_elsewhere_is_another_file(maker: Maker, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    maker.source.rename(target)
    maker.source.symlink_to(target)
    maker.kept()
    (tmp_path / "other").write_text("two")
    maker.source.unlink()
    maker.source.symlink_to(tmp_path / "other")
    assert (maker.kept() / "result").read_text() == "two"


def test_a_source_that_is_gone_is_not_forgotten(maker: Maker) -> None:
    maker.kept()
    maker.source.unlink()
    with pytest.raises(FileNotFoundError):
        maker.kept()


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "result").unlink(),
        lambda folder: (folder / "result").write_text(""),
        lambda folder: (folder / "result").write_text("on"),
        lambda folder: (folder / "result").write_text("odd"),
        lambda folder: (folder / "result").chmod(0o644),
        lambda folder: (folder / "made.json").unlink(),
        lambda folder: (folder / "made.json").write_text(""),
        lambda folder: (folder / "made.json").write_text("[]"),
        lambda folder: (folder / "made.json").write_text('{"read": []}'),
    ],
)
def test_what_is_damaged_is_made_again(damage, maker: Maker) -> None:
    folder = maker.kept()
    damage(folder)
    assert maker.kept() == folder
    assert (folder / "result").read_text() == "one"
    assert os.access(folder / "result", os.X_OK)
    assert maker.count == 2


def test_what_was_cut_short_is_made_again(maker: Maker) -> None:
    folder = maker.kept()
    folder.rename(folder.with_name(f"{folder.name.rpartition('-')[0]}.partial"))
    assert (maker.kept() / "result").read_text() == "one"
    assert not list(maker.root.glob("*.partial"))


def test_a_header_that_comes_to_stand_earlier(tmp_path: Path) -> None:
    (tmp_path / "late").mkdir()
    (tmp_path / "early").mkdir()
    (tmp_path / "late" / "header").write_text("")
    searched = [str(tmp_path / "early"), str(tmp_path / "late")]
    read = Read([], [str(tmp_path / "late" / "header")], searched)
    before = kept(tmp_path / "kept", "name", 0, lambda work: read)
    assert kept(tmp_path / "kept", "name", 0, lambda work: read) == before
    (tmp_path / "early" / "unrelated").write_text("")
    assert kept(tmp_path / "kept", "name", 0, lambda work: read) == before
    (tmp_path / "early" / "header").write_text("")
    assert kept(tmp_path / "kept", "name", 0, lambda work: read) != before


def test_a_module_of_another_suffix_that_comes_to_stand_earlier(tmp_path: Path) -> None:
    """``+libext+``: one may be looked for under several."""
    folder = tmp_path / "early"
    folder.mkdir()
    (tmp_path / "part.core").write_text("")
    read = Read([], [str(tmp_path / "part.core")], [str(folder)], [".core", ".soft"])
    before = kept(tmp_path / "kept", "name", 0, lambda work: read)
    (folder / "part.other").write_text("")
    assert kept(tmp_path / "kept", "name", 0, lambda work: read) == before
    (folder / "part.soft").write_text("")
    assert kept(tmp_path / "kept", "name", 0, lambda work: read) != before


def test_a_source_that_changes_meanwhile_is_refused(maker: Maker) -> None:
    def make(work: Path) -> Read:
        import time

        time.sleep(0.05)  # the kernel's clock for files has steps of up to 10 ms
        read = maker.make(work)
        maker.source.write_text("two")
        return read

    with pytest.raises(UsageError, match="source changed while it was being read; run it again"):
        kept(maker.root, "name", 0, make)
    assert (maker.kept() / "result").read_text() == "two"


def test_a_link_made_to_a_source_meanwhile_is_no_fault(maker: Maker, tmp_path: Path) -> None:
    """As some installers do with what they have in store; the hour of the file changes."""

    def make(work: Path) -> Read:
        import time

        time.sleep(0.05)
        read = maker.make(work)
        if maker.count == 1:
            (tmp_path / "link").hardlink_to(maker.source)
        return read

    assert (kept(maker.root, "name", 0, make) / "result").read_text() == "one"
    assert maker.count == 2


@pytest.mark.parametrize(
    ("error", "left"),
    [
        (UsageError("no"), ["build.log"]),
        (OSError(errno.ENOSPC, "No space left on device"), None),
        (KeyboardInterrupt(), None),
    ],
)
def test_what_a_failure_leaves(error: BaseException, left: list[str] | None, tmp_path: Path):
    def fail(work: Path) -> Read:
        (work / "build.log").write_text("why")
        (work / "half").write_text("")
        raise error

    with pytest.raises(type(error)):
        kept(tmp_path, "name", 0, fail)
    (lock, *partial) = sorted(path.name for path in tmp_path.iterdir())
    assert lock.endswith(".lock")
    there = [sorted(path.name for path in (tmp_path / name).iterdir()) for name in partial]
    assert there == ([] if left is None else [left])


def test_nothing_is_begun_when_the_user_has_had_enough(maker: Maker) -> None:
    cache.stopping.set()
    try:
        with pytest.raises(Interrupted):
            maker.kept()
    finally:
        cache.stopping.clear()
    assert maker.count == 0


def test_waiting_for_another_one_can_be_interrupted(maker: Maker) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slowly(work: Path) -> Read:
        begun.set()
        go_on.wait()
        return maker.make(work)

    other = threading.Thread(target=kept, args=(maker.root, "name", 0, slowly))
    other.start()
    begun.wait()
    cache.stopping.set()
    try:
        with pytest.raises(Interrupted):
            maker.kept()
    finally:
        cache.stopping.clear()
        go_on.set()
        other.join()
    assert maker.kept().is_dir()
    assert maker.count == 1


def count(folder: str) -> str:
    """In a process of its own: note each time something is really made."""

    def make(work: Path) -> Read:
        with Path(folder, "made").open("a") as file:
            file.write("x")
        return Read([])

    return str(kept(Path(folder, "kept"), "name", 0, make))


def test_parallel_processes_make_it_once(tmp_path: Path) -> None:
    with ProcessPoolExecutor(4) as pool:
        folders = set(pool.map(count, [str(tmp_path)] * 8))
    assert len(folders) == 1
    assert (tmp_path / "made").read_text() == "x"
