"""A place that cannot be written to: one sentence, nothing left behind, nothing earlier lost."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from softmax_cosim import cli
from softmax_cosim.configs import UsageError
from softmax_cosim.files import check_writable, write_texts
from softmax_cosim.paths import ROOT
from softmax_cosim.report.rows import RowsWriter

SHORT = ROOT / "traces" / "ocr_short.safetensors"
#: No file may grow beyond so many bytes: at every size, another write is the first to fail.
LIMITED = """
import resource, sys
from softmax_cosim import cli
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)), resource.RLIM_INFINITY))
sys.exit(cli.main())
"""


def cosim(*words: object, limit: int | None = None) -> subprocess.CompletedProcess[str]:
    start = ["-m", "softmax_cosim"] if limit is None else ["-c", LIMITED, limit]
    return subprocess.run(
        [sys.executable, *map(str, (*start, *words))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"a folder"
        for path in folder.rglob("*")
    }


SCORE = ("score", SHORT, "--config", "rexp_uint8", "--max-rows", 20, "--out")
OUT = "--save-outputs"
#: What stands in a file's place, how it is made, and what is said of it.
IN_THE_WAY = ("report.html", "summary.json", "rows.parquet", "outputs.safetensors")


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    """A report of before."""
    folder = tmp_path_factory.mktemp("earlier") / "out"
    assert cosim(*SCORE, folder, OUT).returncode == 0
    return folder


# The first to fail is the start of rows.parquet, its end, report.html, outputs.safetensors.
@pytest.mark.parametrize(
    ("limit", "more"), [(0, ()), (3, ()), (2_000, ()), (20_000, ()), (20_000, (OUT,))]
)
def test_a_full_disk_is_one_sentence_and_the_earlier_report_stays(tmp_path, earlier, limit, more):
    out = tmp_path / "out"
    shutil.copytree(earlier, out)
    before = contents(out)
    done = cosim(*SCORE, out, *more, limit=limit)
    assert done.returncode == 2, done.stderr
    assert done.stderr == (
        f"cosim: cannot write to the folder {out}: File too large; choose another one with --out\n"
    )
    assert contents(out) == before


def test_a_disk_that_is_really_full(tmp_path, earlier):
    """The same on a file system of 64 KiB, where this user may make one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(disk)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here; the tests with a limit do the same")
    try:
        done = cosim(*SCORE, disk / "out")
        left = contents(disk / "out")
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    assert done.returncode == 2
    assert done.stderr == (
        f"cosim: cannot write to the folder {disk / 'out'}: No space left on device; "
        "choose another one with --out\n"
    )
    assert left == {}


def test_files_that_cannot_be_replaced_leave_the_earlier_ones(tmp_path, earlier, monkeypatch):
    out = tmp_path / "out"
    shutil.copytree(earlier, out)
    before = contents(out)
    replace = Path.replace

    def fails(self, target):
        if self.name == "summary.json" and self.parent.name.startswith(".unfinished-"):
            raise OSError(5, "Input/output error")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fails)
    assert cli.main([*map(str, SCORE), str(out)]) == 2
    assert contents(out) == before


@pytest.fixture
def no_work(monkeypatch):
    """Nothing is read, quantised or built."""

    def works(*args, **options):
        raise AssertionError("work began")

    for name in ("replay.player.Player", "calibration.command.calibrate", "simulation.build.build"):
        monkeypatch.setattr(f"softmax_cosim.{name}", works)
    monkeypatch.setattr("softmax_cosim.replay.command.Player", works)
    monkeypatch.setattr("softmax_cosim.replay.command.Simulator", works)


def said(capsys, *words: object) -> str:
    assert cli.main([str(word) for word in words]) == 2
    printed = capsys.readouterr()
    (sentence,) = printed.err.splitlines()
    return sentence.removeprefix("cosim: ")


@pytest.mark.parametrize("command", ["score", "replay"])
@pytest.mark.parametrize("name", IN_THE_WAY)
def test_a_folder_in_the_place_of_a_file(tmp_path, capsys, no_work, command, name):
    (tmp_path / name / "mine").mkdir(parents=True)
    sentence = said(capsys, command, *SCORE[1:], tmp_path)
    assert sentence == (
        f"there is a folder {tmp_path / name} where a file is to be; "
        "move it, or choose another folder with --out"
    )
    assert set(contents(tmp_path)) == {name, f"{name}/mine"}


def test_a_folder_in_the_place_of_a_waveform(tmp_path, capsys, no_work):
    (tmp_path / "rexp_uint8.vcd").mkdir()
    sentence = said(capsys, "replay", *SCORE[1:], tmp_path, "--waves")
    assert sentence.startswith(f"there is a folder {tmp_path / 'rexp_uint8.vcd'} where")


@pytest.mark.parametrize("suffix", ["toml", "json", "html"])
def test_a_folder_in_the_place_of_a_proposal(tmp_path, capsys, no_work, suffix):
    (tmp_path / f"x.{suffix}").mkdir()
    words = ("calibrate", SHORT, "--config", "rexp_uint8", "--name", "x", "--out", tmp_path)
    sentence = said(capsys, *words)
    assert sentence == (
        f"cannot write {tmp_path / f'x.{suffix}'}: there is a folder of that name; choose another"
    )


@pytest.mark.parametrize("name", ["results.json", "results.md", "results.html"])
def test_a_folder_in_the_place_of_results(tmp_path, name):
    from softmax_cosim.eval import report

    (tmp_path / name).mkdir()
    with pytest.raises(UsageError, match=rf"{name}: there is a folder of that name"):
        report.check(tmp_path)


def test_a_folder_in_the_place_of_a_trace(tmp_path):
    (tmp_path / "t.safetensors").mkdir()
    with pytest.raises(UsageError, match=r"t\.safetensors: there is a folder of that name"):
        check_writable(tmp_path / "t.safetensors")


def test_a_file_in_the_place_of_the_folder(tmp_path, capsys, no_work):
    (tmp_path / "out").write_text("mine")
    assert said(capsys, *SCORE, tmp_path / "out") == (
        f"{tmp_path / 'out'} is a file; name a folder with --out"
    )
    sentence = said(capsys, *SCORE, tmp_path / "out" / "below")
    assert sentence.startswith(f"cannot write to the folder {tmp_path / 'out' / 'below'}: Not a di")
    words = ("calibrate", SHORT, "--config", "rexp_uint8", "--name", "x", "--out")
    assert said(capsys, *words, tmp_path / "out").startswith(f"cannot write {tmp_path / 'out'}/x")
    assert contents(tmp_path) == {"out": b"mine"}


def test_a_place_where_nobody_writes(capsys, no_work):
    sentence = said(capsys, *SCORE, "/proc/out")
    assert sentence.startswith("cannot write to the folder /proc/out: ")


def test_a_folder_that_goes_away_during_the_run(tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    close = RowsWriter.close

    def closes(self):
        shutil.rmtree(out, ignore_errors=True)
        close(self)

    monkeypatch.setattr(RowsWriter, "close", closes)
    sentence = said(capsys, *SCORE, out)
    assert sentence == (
        f"cannot write to the folder {out}: No such file or directory; "
        "choose another one with --out"
    )
    assert contents(tmp_path) == {}


def test_files_of_text_appear_together_or_not_at_all(tmp_path):
    (tmp_path / "b").mkdir()
    with pytest.raises(UsageError, match=r"cannot write .*/b: there is a folder of that name"):
        write_texts(tmp_path, {"a": "one", "b": "two", "c": "three"})
    assert set(contents(tmp_path)) == {"b"}
    write_texts(tmp_path / "new", {"a": "one", "c": "three"})
    assert contents(tmp_path / "new") == {"a": b"one", "c": b"three"}


def test_a_full_disk_under_a_calibration(tmp_path):
    words = ("calibrate", SHORT, "--config", "split_uint2", "--max-rows", 8, "--out", tmp_path)
    done = cosim(*words, limit=2_000)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "json: File too large; choose another place" in done.stderr
    assert contents(tmp_path) == {}


def test_a_full_disk_under_a_trace(tmp_path):
    program = f"""
import resource, numpy as np
from softmax_cosim.trace import Layer, write
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
write({str(tmp_path / "t.safetensors")!r}, [Layer(0, np.zeros((1, 1, 30, 40), np.float32))],
      model="m", source="s")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "UsageError: cannot write " in done.stderr.splitlines()[-1]
    assert contents(tmp_path) == {}
