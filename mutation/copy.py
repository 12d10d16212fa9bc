"""Mutants of Python and of the C++ that is linked to the simulation: pytest in a copy of the tree.

A copy holds what git knows of, or would. Only there a file is changed, and put back afterwards.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from mutation.mutant import Mutant
from mutation.verdict import KILLED, SAME, SURVIVED, UNBUILT, Ending
from softmax_cosim.paths import ROOT
from softmax_cosim.simulation.cache import Interrupted, stopping

__all__ = ["Copy"]

#: Quiet, in the order of the files, until the first failure; nothing kept for the next run.
_PYTEST = (
    *("-x", "-q", "--no-header", "--tb=line", "--hypothesis-seed=0"),
    *("-p", "no:randomly", "-p", "no:cacheprovider", "-p", "mutation.unshrunk"),
)
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+?\.py(?:::\S+)?)", re.MULTILINE)
#: What says of a mutant that it is none: the tools do not take it.
_UNBUILT = re.compile(r"building \S+ failed|CalledProcessError: Command '\['g\+\+'|error: command")
_PATIENCE, _LEAST_SECONDS = 5, 30.0


class Copy:
    """A copy of the project in a folder, in which one mutant after the other is tried."""

    def __init__(self, folder: Path, root: Path = ROOT) -> None:
        """Make the copy anew; builds in it are kept from the last one."""
        self.folder = folder.resolve()
        self._hours = itertools.count(int(time.time()))
        self._took: dict[Sequence[str], float] = {}
        shutil.rmtree(self.folder / "tree", ignore_errors=True)
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=root,
            stdout=subprocess.PIPE,
            check=True,
        )
        for name in filter(None, os.fsdecode(listed.stdout).split("\0")):
            source, target = root / name, self.folder / "tree" / name
            if source.is_symlink() or source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target, follow_symlinks=False)

    def end_of(self, mutant: Mutant, plan: Sequence[Sequence[str]]) -> Ending:
        """Try a mutant in one stage of its tests after the other."""
        path = self.folder / "tree" / mutant.file
        if mutant.file.endswith(".cpp") and self._same_code(mutant):
            return Ending(SAME, "g++")
        for tests in plan:
            self._measured(tests)
            self._write(path, mutant.text)
            try:
                found = self._run(tests, max(_LEAST_SECONDS, _PATIENCE * self._took[tests]))
            finally:
                self._write(path, mutant.source)
            if found:
                return found
        return Ending(SURVIVED, " ".join(word for tests in plan for word in tests))

    def _measured(self, tests: Sequence[str]) -> None:
        """How long the tests take without a mutant, which they pass."""
        if tests not in self._took:
            begun = time.monotonic()
            found = self._run(tests, 3600)
            assert not found, f"{' '.join(tests)} fails without a mutant: {found}"
            self._took[tests] = time.monotonic() - begun

    def _write(self, path: Path, text: bytes) -> None:
        """Python knows a file by its size and the second of its last change."""
        path.write_bytes(text)
        hour = next(self._hours)
        os.utime(path, (hour, hour))

    def _run(self, tests: Sequence[str], limit: float) -> Ending | None:
        """The failure of the tests, if there is one."""
        tree = self.folder / "tree"
        environment = os.environ | {
            "PYTHONPATH": str(tree),
            "SOFTMAX_COSIM_BUILD": str(self.folder / "build"),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *_PYTEST, *tests],
            cwd=tree,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
        begun = time.monotonic()
        said = b""
        try:
            while process.returncode is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    said = process.communicate(timeout=1)[0]
                if stopping.is_set():
                    raise Interrupted
                if process.returncode is None and time.monotonic() - begun > limit:
                    why = f"{' '.join(tests)} took more than {limit:.0f} s"
                    return Ending(KILLED, "time limit", why)
        finally:
            _ended(process)
        return self._failure(tests, process.returncode, said.decode(errors="replace"))

    def _failure(self, tests: Sequence[str], code: int, said: str) -> Ending | None:
        if code == 0:
            return None
        if _UNBUILT.search(said):
            return Ending(UNBUILT, " ".join(tests))
        lines = [line for line in said.splitlines() if "Error" in line or "assert" in line]
        by = found[1] if (found := _FAILED.search(said)) else " ".join(tests)
        return Ending(KILLED, by, (lines or said.splitlines() or [""])[-1].strip()[:200])

    def _same_code(self, mutant: Mutant) -> bool:
        """Whether the compiler makes the same of both."""
        made = [self._compiled(mutant, text) for text in (mutant.source, mutant.text)]
        return made[0] is not None and made[0] == made[1]

    def _compiled(self, mutant: Mutant, text: bytes) -> bytes | None:
        """The object file; None if there is none."""
        target = self.folder / "object.o"
        command = ["g++", "-std=c++17", "-O1", "-x", "c++", "-", "-c", "-o", str(target)]
        command += ["-I", str((self.folder / "tree" / mutant.file).parent)]
        done = subprocess.run(command, input=text, stderr=subprocess.DEVNULL, check=False)
        return target.read_bytes() if done.returncode == 0 else None


def _ended(process: subprocess.Popen[bytes]) -> None:
    """End what is left of a run, simulators included."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.communicate()
