"""One trial: disturb a run at a moment, look at how it ends, let it go on, look at what it is.

What must hold: an end with a sentence and the exit code that the README says; no process left; no
report of what was not done; whatever was written down as done is not done again; and in the end the
folder holds what that of a run holds that nobody disturbed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import random
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from faults.subject import Subject, make_trace

__all__ = ["FAULTS", "Failed", "Trial", "processes_of", "undisturbed"]

SOON = 90.0
"""Seconds in which a run ends that was told to, on a busy machine."""
_LONG = 900.0
_DONE, _INTERRUPTED, _BAD_INPUT, _UNFORESEEN = 0, 130, 2, 3


class Failed(Exception):
    """What must hold does not."""


@dataclass
class Trial:
    """A run under way, to be disturbed."""

    subject: Subject
    folder: Path
    process: subprocess.Popen[str]
    rng: random.Random
    seconds: float
    """What an undisturbed one took."""
    said_in: str = "said"

    @property
    def said(self) -> str:
        """What it said."""
        return (self.folder / self.said_in).read_text(errors="replace")

    @property
    def out(self) -> Path:
        """The folder of the report."""
        return self.folder / "out"

    def moment(self) -> None:
        """Wait for one: any since its modules are imported, or one at which work is being done."""
        while self.process.poll() is None and not self._begun():
            time.sleep(0.01)
        at = time.monotonic() + self.rng.uniform(0, self.seconds)
        wanted = self.rng.choice([0, 1, 3, 6])
        by_work = self.rng.random() < 0.6
        deadline = time.monotonic() + _LONG
        while self.process.poll() is None and time.monotonic() < deadline:
            if by_work and wanted and self.work() >= wanted:
                return
            if not (by_work and wanted) and time.monotonic() >= at:
                return
            time.sleep(0.01)

    def _begun(self) -> bool:
        """Python itself is up; before, an interrupt is none of ours."""
        with contextlib.suppress(OSError):
            return "numpy" in Path(f"/proc/{self.process.pid}/maps").read_text()
        return True

    def work(self) -> int:
        """How far it is; rough."""
        if self.subject.replays:
            return self.subject.done(self.out)
        calls = self.folder / "calls"
        return len(calls.read_text().splitlines()) if calls.is_file() else 0

    def end(self, within: float = _LONG) -> int:
        """Its exit code, once it and all its processes have ended.

        Raises:
            Failed: it does not end, or one of them.
        """
        try:
            code = self.process.wait(within)
        except subprocess.TimeoutExpired:
            raise Failed(f"it did not end within {within:g} s") from None
        deadline = time.monotonic() + SOON
        while left := [pid for pid in processes_of(self.process.pid) if pid != self.process.pid]:
            if time.monotonic() > deadline:
                for pid in left:
                    os.kill(pid, signal.SIGKILL)
                raise Failed(f"it left processes behind: {left}")
            time.sleep(0.05)
        return code

    def check(self, code: int, *allowed: int) -> None:
        """Hold an end to the exit codes that it may have, and to the rule of a sentence.

        Raises:
            Failed: it has another one, or there is a traceback.
        """
        said = self.said
        if "Traceback" in said or "Exception ignored" in said:
            raise Failed(f"a traceback:\n{said}")
        if code not in allowed:
            raise Failed(f"exit code {code}, where {allowed} are allowed:\n{said}")
        if code > 1 and not said.strip():
            raise Failed(f"exit code {code} without a word")


def processes_of(session: int) -> Iterator[int]:
    """Those of a session that have not ended, whoever is their parent."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError, IndexError):
                state, _, _, its = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
                if int(its) == session and state != "Z":
                    yield int(entry.name)


def _helpers(trial: Trial, kind: str) -> list[int]:
    """Its simulators, or its workers."""
    place, sign = (2, b"spawn_main") if kind == "worker" else (0, b"/sim/")
    found = []
    for pid in processes_of(trial.process.pid):
        with contextlib.suppress(OSError, IndexError):  # it may have ended
            if sign in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[place]:
                found.append(pid)
    return found


def _kill(trial: Trial) -> None:
    trial.moment()
    number = trial.rng.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
    early = trial.work() == 0
    with contextlib.suppress(ProcessLookupError):
        if number == signal.SIGINT:
            os.killpg(trial.process.pid, number)  # as a terminal does
        else:
            trial.process.send_signal(number)
    code = trial.end(SOON)
    # Until the command line has begun, Python dies of SIGTERM as any process does.
    trial.check(code, _DONE, -number if early or number == signal.SIGKILL else 130, _INTERRUPTED)


def _kill_helper(trial: Trial) -> None:
    kind = "worker" if not trial.subject.replays and trial.rng.random() < 0.6 else "simulator"
    number = trial.rng.choice([signal.SIGKILL, signal.SIGTERM])
    trial.moment()
    deadline = time.monotonic() + trial.seconds / 2
    while trial.process.poll() is None and time.monotonic() < deadline:
        if found := _helpers(trial, kind):
            with contextlib.suppress(ProcessLookupError):
                os.kill(trial.rng.choice(found), number)
            break
        time.sleep(0.01)
    expected = _BAD_INPUT if kind == "worker" else _UNFORESEEN
    trial.check(trial.end(), _DONE, expected)


def _hang(trial: Trial) -> None:
    """A worker or simulator stops; after a while somebody has had enough."""
    trial.moment()
    for kind in ("worker", "simulator"):
        for pid in _helpers(trial, kind):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
    time.sleep(trial.rng.uniform(0, 1))
    with contextlib.suppress(ProcessLookupError):
        trial.process.send_signal(trial.rng.choice([signal.SIGTERM, signal.SIGINT]))
    code = trial.end(SOON)
    trial.check(code, _DONE, _INTERRUPTED, -signal.SIGTERM, -signal.SIGINT)


def _full_disk(trial: Trial) -> None:
    """No file of it grows any more."""
    trial.moment()
    size = trial.rng.choice([0, 100, 3_000, 30_000])
    with contextlib.suppress(ProcessLookupError):
        hard = resource.prlimit(trial.process.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(trial.process.pid, resource.RLIMIT_FSIZE, (size, hard))
    code = trial.end()
    # A simulator that is started meanwhile dies of its limit, as it would not of a full disk.
    cut = len(trial.said.encode()) >= size
    dies = (_UNFORESEEN,) if cut or "SIGXFSZ" in trial.said else ()
    if code > 1 and not trial.said.strip():
        code = _BAD_INPUT  # what it says goes to such a file as well
        (trial.folder / "said").write_text("nothing can be said on a full disk")
    trial.check(code, _DONE, _BAD_INPUT, *dies)


def _removed(trial: Trial) -> None:
    """The output folder goes away."""
    trial.moment()
    shutil.rmtree(trial.out, ignore_errors=True)
    trial.check(trial.end(), _DONE, _BAD_INPUT)


def _changed_trace(trial: Trial) -> None:
    """A trace that is being played becomes another one, or shorter."""
    trial.moment()
    path = trial.folder / "t.safetensors"
    data = path.read_bytes()
    place = trial.rng.randrange(len(data))
    if trial.rng.random() < 0.5:
        path.write_bytes(data[:place])
    else:
        with path.open("r+b") as file:
            file.seek(place)
            file.write(bytes([data[place] ^ 1 << trial.rng.randrange(8)]))
    trial.check(trial.end(), _DONE, 1, _BAD_INPUT)
    make_trace(path)


def _damaged(trial: Trial) -> None:
    """Killed, and then something that it left is cut short, changed, or gone."""
    trial.moment()
    trial.process.kill()
    trial.end(SOON)
    left = sorted(path for path in trial.out.rglob("*") if path.is_file())
    for path in trial.rng.sample(left, min(len(left), 2)):
        data = path.read_bytes()
        place = trial.rng.randrange(len(data) + 1)
        how = trial.rng.choice(["cut", "change", "remove", "noise"])
        if how == "remove":
            path.unlink()
        elif how == "cut":
            path.write_bytes(data[:place])
        elif how == "noise":
            path.write_bytes(data[:place] + trial.rng.randbytes(60) + data[place + 60 :])
        elif data:
            place %= len(data)
            other = bytes([data[place] ^ 1 << trial.rng.randrange(8)])
            path.write_bytes(data[:place] + other + data[place + 1 :])


def _two(trial: Trial) -> None:
    """A second run in the same folder."""
    trial.moment()
    process = trial.subject.start(trial.folder, "second")
    other = dataclasses.replace(trial, process=process, said_in="second")
    refused = () if trial.subject.replays else (_BAD_INPUT,)
    codes = trial.end(), other.end()
    trial.check(codes[0], _DONE, *refused)
    other.check(codes[1], _DONE, *refused)
    if _DONE not in codes:
        raise Failed("both were refused")


#: By name: what it does, and whether all that it had written down must be gone on from.
FAULTS: dict[str, tuple[Callable[[Trial], None], bool]] = {
    "kill": (_kill, True),
    "kill a helper": (_kill_helper, True),
    "hang": (_hang, True),
    "full disk": (_full_disk, True),
    "folder removed": (_removed, True),
    "trace changed": (_changed_trace, False),
    "files damaged": (_damaged, False),
    "two runs": (_two, False),
}

#: What changes the report itself, or what it is of.
_AFTERWARDS = ("trace changed", "files damaged", "folder removed")


def undisturbed(subject: Subject, folder: Path) -> tuple[dict[str, Any], float]:
    """What a run leaves, and how long it took.

    Raises:
        Failed: it does not end well.
    """
    make_trace(folder / "t.safetensors")
    begun = time.monotonic()
    trial = Trial(subject, folder, subject.start(folder), random.Random(), 0.0)
    trial.check(trial.end(), _DONE)
    return subject.result(trial.out), time.monotonic() - begun


def tried(
    subject: Subject, fault: str, folder: Path, whole: dict[str, Any], seconds: float, seed: int
) -> str:
    """Disturb a run, let it go on, and say what came of it.

    Raises:
        Failed: what must hold does not.
    """
    disturb, keeps = FAULTS[fault]
    make_trace(folder / "t.safetensors")
    trial = Trial(subject, folder, subject.start(folder), random.Random(seed), seconds)
    try:
        disturb(trial)
    finally:
        for pid in processes_of(trial.process.pid):
            os.kill(pid, signal.SIGKILL)
    code = trial.process.wait()
    if code == _DONE and trial.out.is_dir() and fault not in _AFTERWARDS:
        _same(subject, trial.out, whole)
    done = subject.done(trial.out)
    (folder / "calls").unlink(missing_ok=True)
    again = Trial(subject, folder, subject.start(folder), random.Random(), seconds)
    again.check(again.end(), _DONE)
    taken = subject.taken(folder)
    if taken > done or (keeps and taken < done):
        raise Failed(f"{done} steps were done, and {taken} of them taken over")
    _same(subject, again.out, whole)
    return f"exit code {code}, {taken} of {done} steps taken over"


def _same(subject: Subject, out: Path, whole: dict[str, Any]) -> None:
    found = subject.result(out)
    for name in sorted({*found, *whole}):
        ours, theirs = found.get(name), whole.get(name)
        if ours != theirs:
            raise Failed(f"{name} is not that of an undisturbed run: {_apart(ours, theirs)}")


def _apart(ours: Any, theirs: Any) -> str:
    """Where two texts first differ, and both from there on."""
    left, right = str(ours), str(theirs)
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(left, right, strict=False))
    place = sum(1 for _ in alike)
    return " and ".join(repr(text[max(0, place - 80) : place + 80]) for text in (left, right))
