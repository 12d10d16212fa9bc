"""Inside a simulation, before its first cycle: forks it for each mutant, and says which case fails.

The first of the test modules. What a simulation costs before it begins, Python and all that is
imported, is so paid once for all mutants of a build.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import time
from pathlib import Path
from typing import Any

from mutation.schemata import CHOSEN
from softmax_cosim.simulation.regression import ASSERTION, BEGUN, ENDED
from softmax_cosim.tb.env import Bench

__all__ = ["JOBS"]

#: Environment variable, JSON: ``modules`` to import, ``mutants`` (a name and a number each),
#: ``folder``, ``limit`` in seconds of processor time, and how many run ``at_once``.
JOBS = "COSIM_MUTANTS"
_OVER = "Verilog $finish"
_PAUSE = 0.02


def _serve(jobs: dict[str, Any]) -> None:
    """Returns in a child, in which the simulation goes on; never in the parent."""
    folder, waiting = Path(jobs["folder"]), list(jobs["mutants"])[::-1]
    running: dict[int, _Child] = {}
    while waiting or running:
        while waiting and len(running) < jobs["at_once"]:
            name, number = waiting.pop()
            log = folder / f"{name}.log"
            log.touch()
            if not (pid := os.fork()):
                _begin(number, log, jobs["limit"])
                return
            running[pid] = _Child(name, log)
        for pid, child in list(running.items()):
            done, _ = os.waitpid(pid, os.WNOHANG)
            if (found := child.failure(bool(done))) is None:
                continue
            if not done:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            del running[pid]
            child.log.unlink()
            with (folder / "ended").open("a") as file:
                file.write(json.dumps([child.name, *found]) + "\n")
        time.sleep(_PAUSE)
    os._exit(0)


class _Child:
    """A simulation of one mutant, and what it says."""

    def __init__(self, name: str, log: Path) -> None:
        self.name, self.log = name, log
        self._text = ""

    def failure(self, over: bool) -> tuple[str, str] | None:
        """The first case that failed, or ended the simulation, and what it said.

        Empty if all of them passed; None while it goes on. It may say that it has ended and not do
        it: threads that it wants to end are not in a fork.
        """
        with self.log.open(errors="replace") as file:
            file.seek(len(self._text.encode()))
            new = file.read()
        self._text += new
        over = over or _OVER in new
        if not over and " failed" not in new:
            return None
        ended = ENDED.findall(self._text)
        for name, verdict, why in ended:
            if verdict == "failed":
                return name, why
        begun = BEGUN.findall(self._text)
        if not over:
            return None
        if len(begun) == len(ended):
            return "", "" if begun else "nothing ran"
        return begun[-1], [*ASSERTION.findall(self._text), *self._text.splitlines()[-1:]][0]


def _begin(number: int, log: Path, limit: int) -> None:
    """Be the simulation of one mutant."""
    os.environ[CHOSEN] = str(number)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    output = os.open(log, os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(output, stream)


def _fails(self: Bench, mismatch: Any, *_: object) -> None:
    """Nobody looks for the stage, or plays it again."""
    raise AssertionError(mismatch.text)


if JOBS in os.environ:
    Bench._fail = _fails  # type: ignore[method-assign,assignment]
    _jobs = json.loads(os.environ[JOBS])
    for _name in _jobs["modules"]:
        importlib.import_module(_name)
    _serve(_jobs)
