"""Running the tools of a build: in parallel, with a log, and to an end when the user wants one."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO

from softmax_cosim.configs.errors import UsageError
from softmax_cosim.simulation import toolchain
from softmax_cosim.simulation.cache import Interrupted, stopping

__all__ = ["LOG", "run"]

LOG = "build.log"
_PAUSE, _GRACE_SECONDS = 0.02, 5.0
#: The line of a tool's output that says what is wrong, best first.
_REASONS = (
    r"%Error(?!: Exiting due to)|\berror:|undefined reference|No space left",
    r"%Warning|%Error",
    r"annot allocate memory|out of memory|bad_alloc|limit exceeded|^collect2|^ld:",
)


def run(commands: Iterable[Sequence[str]], work: Path, top: str) -> None:
    """Run commands in ``work``, as many at a time as there are processors.

    The terminal's Ctrl-C does not reach them, so it is never taken for an error of theirs.
    """
    waiting = list(reversed([list(command) for command in commands]))
    running: list[tuple[subprocess.Popen[bytes], list[str], IO[bytes]]] = []
    jobs = len(os.sched_getaffinity(0))
    environment = toolchain.build_environment() | {"TMPDIR": str(work)}
    try:
        while waiting or running:
            if stopping.is_set():
                raise Interrupted
            while waiting and len(running) < jobs:
                command = waiting.pop()
                output = (work / f"step{len(waiting)}").open("w+b")
                try:
                    process = subprocess.Popen(
                        command,
                        cwd=work,
                        env=environment,
                        stdin=subprocess.DEVNULL,
                        stdout=output,
                        stderr=subprocess.STDOUT,
                        process_group=0,
                    )
                except OSError as error:
                    output.close()
                    raise UsageError(
                        f"building {top} failed: cannot start {command[0]}: {error.strerror}"
                    ) from None
                running.append((process, command, output))
            for entry in running[:]:
                if entry[0].poll() is not None:
                    running.remove(entry)
                    _ended(*entry, work / LOG, top)
            time.sleep(_PAUSE)
    finally:
        _end(running)


def _ended(
    process: subprocess.Popen[bytes], command: Sequence[str], output: IO[bytes], log: Path, top: str
) -> None:
    """Put what a command said into the log; an error if it failed."""
    with output:
        output.seek(0)
        said = output.read()
    Path(output.name).unlink()
    with log.open("ab") as file:
        file.write(os.fsencode(f"$ {shlex.join(command)}\n") + said)
    if process.returncode == 0:
        return
    code = process.returncode
    if -code in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # it was not yet out of reach
        raise Interrupted
    ending = f"signal {signal.Signals(-code).name}" if code < 0 else str(code)
    reason = _reason(said.decode(errors="replace")) or f"it ended with {ending}"
    raise UsageError(f"building {top} failed: {reason} (the whole log: {log})")


def _reason(text: str) -> str | None:
    for pattern in _REASONS:
        for line in text.splitlines():
            if re.search(pattern, line):
                return line.strip()
    lines = text.split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), None)


def _end(running: Sequence[tuple[subprocess.Popen[bytes], list[str], IO[bytes]]]) -> None:
    """End commands and what they started; the compiler tidies up when it is asked to end."""
    for process, _, output in running:
        output.close()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
    for process, _, _ in running:
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
