"""Whatever becomes of the terminal: the report is there, and the exit code is the verdict's."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from rich.table import Table

from softmax_cosim import cli, console, extract, files, replay
from softmax_cosim.calibration import command as calibrate
from softmax_cosim.configs import UsageError
from softmax_cosim.paths import ROOT
from softmax_cosim.synth import command as synth
from softmax_cosim.trace import Layer, write

SHORT = ROOT / "traces" / "ocr_short.safetensors"
COSIM = f"'{sys.executable}' -m softmax_cosim"
FILES = {"report.html", "rows.parquet", "summary.json"}


def shell(line: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash; the exit code is that of the first command of a pipe."""
    return subprocess.run(
        ["bash", "-c", f"{line}; exit ${{PIPESTATUS[0]}}"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def whole(folder: Path) -> bool:
    """Whether a report of 20 rows is all there, and nothing else."""
    (run,) = json.loads((folder / "summary.json").read_text())["runs"]
    return {path.name for path in folder.iterdir()} == FILES and run["rows"] == 20


def score(trace: Path = SHORT, config: str = "rexp_uint8") -> str:
    return f"{COSIM} score '{trace}' --config '{config}' --max-rows 20"


@pytest.mark.parametrize(
    "terminal",
    [
        *("| true", "| head -n 1", ">/dev/full", "2>/dev/full", ">/dev/full 2>&1", ">&-", "2>&-"),
        *("<&- >&- 2>&-", "2>&1 | true"),
    ],
)
def test_a_report_outlives_its_terminal(tmp_path, terminal):
    done = shell(f"{score()} {terminal}", tmp_path)
    assert done.returncode == 0, done.stderr
    assert whole(tmp_path / "reports")


#: A report that calls everything wrong is as good as a mismatch.
WRONG = """
import sys
from softmax_cosim import cli, report
report.Report.exact = property(lambda self: False)
sys.exit(cli.main())
"""


@pytest.mark.parametrize("terminal", ["| true", ">/dev/full 2>&1", "2>&-"])
def test_a_mismatch_outlives_the_terminal_too(tmp_path, terminal):
    program = f"'{sys.executable}' -c '{WRONG}'"
    done = shell(f"{score().replace(COSIM, program)} {terminal}", tmp_path)
    assert done.returncode == 1, done.stderr
    assert whole(tmp_path / "reports")


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({"PYTHONIOENCODING": "ascii"}, "тест"),
        ({"PYTHONIOENCODING": "latin-1"}, "тест"),
        ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, "test"),
    ],
    ids=("ascii", "latin-1", "C"),
)
def test_a_terminal_without_unicode(tmp_path, environment, name):
    shutil.copy(SHORT, tmp_path / f"{name}.safetensors")
    line = f"{score(Path(f'{name}.safetensors'))} --out {name}"
    done = shell(line, tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    assert "report: " in done.stdout
    assert whole(tmp_path / name)


def test_a_name_that_is_no_text(tmp_path):
    done = shell(
        f"{COSIM} score $'\\xff.safetensors' --config rexp_uint8", tmp_path, LC_ALL="C.UTF-8"
    )
    assert done.returncode == 2
    assert done.stderr == r"cosim: '\udcff.safetensors' is no text in UTF-8; rename the file" "\n"


def test_a_name_that_the_locale_does_not_know(capsys):
    """Python hands over the bytes of one in such disguise."""
    assert cli.main(["score", "m\udcc3\udca4sk", "--config", "rexp_uint8"]) == 2
    assert "'m\\xe4sk' is in UTF-8; set PYTHONUTF8=1" in capsys.readouterr().err


def test_brackets_are_no_markup(tmp_path, capsys):
    folder = tmp_path / "a[" / "red]"
    folder.mkdir(parents=True)
    config = folder / "[bold]r[link].toml"
    shutil.copy(ROOT / "configs" / "rexp_uint8.toml", config)
    trace = folder / "[blue]:smile:.safetensors"
    scores = np.random.default_rng(1).normal(0, 2, (1, 1, 3, 9)).astype(np.float32)
    write(trace, [Layer(0, scores)], model="[/red] [bold]", source="[/] [link=x]")
    out = tmp_path / "[green]o[" / "green]"
    words = ["score", str(trace), "--config", str(config), "--out", str(out)]
    assert cli.main(words) == 0
    said = capsys.readouterr().out.replace("\n", " ")
    assert f"report: {out}/report.html" in said
    assert "[bold]r[link] " in said
    assert {path.name for path in out.iterdir()} == FILES


def test_progress_shows_names_as_they_are(tmp_path):
    """On a terminal there is a bar, and its title is a name."""
    import pty

    config = tmp_path / "[red]r.toml"
    shutil.copy(ROOT / "configs" / "rexp_uint8.toml", config)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "softmax_cosim", "score", SHORT, "--max-rows", "20"),
            *("--config", config, "--out", tmp_path / "out"),
        ],
        cwd=ROOT,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(theirs)
    said = b""
    try:
        while part := os.read(ours, 1 << 16):
            said += part
    except OSError:  # how a terminal ends
        pass
    os.close(ours)
    assert process.wait() == 0
    assert b"[red]r" in re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", said)


COMMANDS = {
    "replay": (replay, "run", ["replay", str(SHORT), "--config", "rexp_uint8"]),
    "score": (replay, "run", ["score", str(SHORT), "--config", "rexp_uint8"]),
    "extract": (extract, "run", ["extract", "ocr", "--out", "x.safetensors"]),
    "calibrate": (calibrate, "run", ["calibrate", str(SHORT), "--config", "rexp_uint8"]),
    "synth": (synth, "run", ["synth"]),
    "doctor": ("softmax_cosim.simulation.doctor", "run", ["doctor"]),
    "eval": ("softmax_cosim.eval.run", "run", ["eval", "ocr"]),
}


class Panic(BaseException):
    """As libraries written in Rust raise it."""


@pytest.fixture(params=sorted(COMMANDS))
def broken(request, monkeypatch, tmp_path):
    """A command that raises what a test says."""
    where, name, words = COMMANDS[request.param]

    def with_(error):
        def raises(*args, **options):
            raise error

        target = f"{where}.{name}" if isinstance(where, str) else f"{where.__name__}.{name}"
        monkeypatch.setattr(target, raises)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        monkeypatch.setattr(console.tempfile, "tempdir", None)
        return cli.main(words)

    return with_


@pytest.mark.parametrize(
    "error", [RuntimeError("first line\nsecond"), MemoryError(), Panic("Rust"), OSError(5, "I/O")]
)
def test_what_nobody_foresaw_is_a_sentence_and_a_log(broken, tmp_path, capsys, error):
    assert broken(error) == 3
    (sentence,) = capsys.readouterr().err.splitlines()
    assert sentence.startswith(f"cosim: this should not happen: {type(error).__name__}")
    (log,) = tmp_path.glob("cosim-*.log")
    assert sentence.endswith(f"; please report it with the log, {log}")
    assert "Traceback (most recent call last)" in log.read_text()


def test_an_interrupt_is_130(broken, capsys):
    assert broken(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "cosim: interrupted\n"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_what_is_ended_leaves_nothing_half_written(name, monkeypatch, tmp_path, capsys):
    def write_slowly(words):
        with files.atomic_file(tmp_path / "mine") as temporary:
            temporary.write_text("half")
            os.kill(os.getpid(), getattr(signal, name))

    monkeypatch.setattr(cli, "_run", write_slowly)
    before = signal.signal(getattr(signal, name), signal.SIG_DFL)
    try:
        assert cli.main([]) == 130
        assert signal.getsignal(getattr(signal, name)) == signal.SIG_DFL
    finally:
        signal.signal(getattr(signal, name), before)
    assert capsys.readouterr().err == "cosim: interrupted\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("width", [20, 60, 200])
def test_a_narrow_terminal_cuts_no_figure(width):
    table = Table(box=None)
    table.add_column("design", overflow="fold")
    for head in ("rows", "wrong elements", "latency, cycles"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_row("split_uint8", "12,345,678", "0", "16 17 18 19")
    there = Console(file=io.StringIO(), width=width)
    console.print_whole(there, table)
    line = "".join(there.file.getvalue().splitlines()[1:])
    assert line.split() == ["split_uint8", "12,345,678", "0", "16", "17", "18", "19"]


def test_bad_input_is_2(broken, capsys):
    assert broken(UsageError("one sentence")) == 2
    assert capsys.readouterr().err == "cosim: one sentence\n"


def test_a_crash_without_a_place_for_its_log(monkeypatch):
    def full(**options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(console.tempfile, "mkstemp", full)
    sentence = console.crash(RuntimeError("what"))
    assert sentence == (
        "this should not happen: RuntimeError: what (and no log can be written: "
        "No space left on device)"
    )


def test_a_package_that_cannot_be_imported_is_no_mismatch(tmp_path):
    (tmp_path / "rich").mkdir()
    (tmp_path / "rich" / "__init__.py").write_text("raise ImportError('half installed')\n")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import softmax_cosim.cli as c;"
    done = subprocess.run(
        [sys.executable, "-c", f"{program} sys.exit(c.main(['score', 'x', '--config', 'y']))"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert "this should not happen: ImportError: half installed; please report" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_streams_are_as_before_afterwards(capsys):
    before = sys.stdout, sys.stderr, sys.stdout.errors
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    assert (sys.stdout, sys.stderr, sys.stdout.errors) == before
    assert "replay" in capsys.readouterr().out


@pytest.mark.parametrize("when", ["command.calibrate", "proposal.toml"])
def test_an_interrupted_calibration_leaves_nothing(tmp_path, when):
    program = f"""
import os, signal, sys
from softmax_cosim import cli
from softmax_cosim.calibration import command, proposal
signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored in the background
{when} = lambda *more: os.kill(os.getpid(), signal.SIGINT)
sys.exit(cli.main())
"""
    done = shell(
        f"{sys.executable} -c '{program}' calibrate {SHORT} --config split_uint2 --max-rows 8",
        tmp_path,
    )
    assert (done.returncode, done.stderr) == (130, "cosim: interrupted\n")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
