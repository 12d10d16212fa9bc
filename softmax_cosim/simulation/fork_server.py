"""Processes that fork simulators: Python and cocotb start once for all that a host can load.

See :mod:`.tb.fork_server`, which is the other side.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import select
import signal
import socket
import subprocess
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import IO, Any

__all__ = [
    "ForkFailed",
    "ForkServer",
    "ForkServers",
    "Forked",
    "Process",
    "disown",
    "possible",
    "waited_for",
]

_PID, _CODE = 8, 4  # bytes
_START_SECONDS, _STOP_SECONDS, _TELL_SECONDS = 600.0, 10.0, 1.0
_UNKNOWN = -int(signal.SIGKILL)


class ForkFailed(RuntimeError):
    """The fork server died of a fork; the message is what it printed."""


class Forked:
    """A process of a fork server: as much of :class:`subprocess.Popen` as a simulator needs."""

    def __init__(self, pid: int, handle: int, status: int) -> None:
        """``handle`` stands for the process, whoever gets its number later; its exit code comes
        through ``status``."""
        self.pid = pid
        self.returncode: int | None = None
        self._handle, self._status = handle, status
        self._lock = Lock()  # a descriptor that was closed may be that of something else

    def kill(self) -> None:
        """End it at once."""
        with self._lock, contextlib.suppress(ProcessLookupError):
            if self.returncode is None:
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended.

        Raises:
            subprocess.TimeoutExpired: it did not within so many seconds.
        """
        if self.returncode is None:
            if not _readable(self._handle, timeout):
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
            # A fork server that was killed, or stopped, does not say.
            told = _readable(self._status, _TELL_SECONDS) and os.read(self._status, _CODE)
            self.ended(int.from_bytes(told, "little", signed=True) if told else _UNKNOWN)
        assert self.returncode is not None
        return self.returncode

    def ended(self, code: int) -> None:
        """Close what it was known by."""
        with self._lock:
            self.returncode = code
            os.close(self._handle)
            os.close(self._status)


Process = Forked | subprocess.Popen[bytes]


def disown(process: Process) -> None:
    """In a forked child: the process is the parent's."""
    if isinstance(process, Forked):
        process.ended(0)
    process.returncode = 0  # it is not ours to wait for


def waited_for(process: Process, timeout: float) -> int:
    """The exit code of a process, as soon as it has ended.

    Raises:
        subprocess.TimeoutExpired: it did not within so many seconds.
    """
    if isinstance(process, subprocess.Popen) and process.returncode is None and possible():
        # Popen looks now and then whether it has ended.
        handle = os.pidfd_open(process.pid)
        try:
            if not _readable(handle, timeout):
                raise subprocess.TimeoutExpired(str(process.args), timeout)
        finally:
            os.close(handle)
    return process.wait(timeout)


@functools.cache
def possible() -> bool:
    """Whether the operating system has descriptors of processes, without which there is none."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (OSError, AttributeError):
        return False
    return True


class ForkServer:
    """One process that forks simulators of whatever design; for threads.

    It starts when it is asked to, and again if it was killed. A forked child has one of its own.
    """

    def __init__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> None:
        """``command`` starts a simulation without a design, in ``folder``."""
        self._command, self._folder, self._environment = command, folder, environment
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._log: IO[bytes] | None = None
        self._said = ""
        self._killed = False
        _ALIVE.add(self)

    def start(self) -> None:
        """Start the process, unless it runs; does not wait until it is ready.

        Raises:
            OSError: the operating system refuses.
        """
        with self._lock:
            self._start()

    def fork(
        self,
        command: Sequence[str],
        folder: Path,
        setup: Mapping[str, Any],
        files: Mapping[str, int],
        log: IO[bytes],
    ) -> Forked:
        """Have a simulator forked.

        Args:
            command: its command line.
            folder: where it runs.
            setup: what it is to know, see :mod:`.tb.server`.
            files: descriptors that it gets, by the names that their numbers have in the setup.
            log: what it prints into.

        Raises:
            OSError: the operating system refuses.
            ForkFailed: the fork server died of it, twice, or was killed.
        """
        message = {
            "command": list(command),
            "folder": str(folder),
            "setup": setup,
            "files": list(files),
        }
        status, theirs = os.pipe()
        try:
            given = [log.fileno(), theirs, *files.values()]
            with self._lock:
                # Somebody may have killed it: once more, of another one.
                forked = self._asked(message, given) or self._asked(message, given)
                if forked is None:
                    raise ForkFailed(self._said)
        except BaseException:
            os.close(status)
            raise
        finally:
            os.close(theirs)
        return Forked(*forked, status)

    def _asked(self, message: Mapping[str, Any], files: Sequence[int]) -> tuple[int, int] | None:
        """Number and descriptor of the child; None if the fork server died instead."""
        if self._killed:
            return None
        self._start()
        assert self._channel is not None
        try:
            socket.send_fds(self._channel, [json.dumps(message).encode()], files)
            pid, handles, _, _ = socket.recv_fds(self._channel, _PID, 1)
            if pid:
                return int.from_bytes(pid, "little"), handles[0]
        except (ConnectionError, TimeoutError):
            pass
        except BaseException:  # or the answer would be taken for that of the next fork
            self._end()
            raise
        assert self._log is not None
        self._said = os.pread(self._log.fileno(), 1 << 20, 0).decode(errors="replace")
        self._end()
        return None

    def kill(self) -> None:
        """End the process at once and for good, whatever another thread waits for."""
        self._killed = True
        if (process := self._process) is not None:
            process.kill()

    def close(self) -> None:
        """End the process; its simulators live on."""
        with self._lock:
            self._end()

    def _start(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        self._end()
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel.settimeout(_START_SECONDS)
        with theirs:
            self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed by _end)
            try:
                self._process = subprocess.Popen(
                    self._command,
                    cwd=self._folder,
                    env={**self._environment, "COSIM_FORK_SERVER": str(theirs.fileno())},
                    stdin=subprocess.DEVNULL,
                    stdout=self._log,
                    stderr=subprocess.STDOUT,
                    pass_fds=[theirs.fileno()],
                    process_group=0,
                )
            except BaseException:
                self._end()
                raise

    def _end(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._process is not None:
            try:
                waited_for(self._process, _STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._log is not None:
            self._log.close()
            self._log = None

    def _disown(self) -> None:
        """In a forked child: it is the parent's."""
        self._lock = Lock()
        if self._process is not None:
            self._process.returncode = 0  # it is not ours to wait for
        self._end()

    def __del__(self) -> None:
        """End a process that nobody ended."""
        if hasattr(self, "_log"):
            self._end()


class ForkServers:
    """Those of a run, one for each host; for threads."""

    def __init__(self) -> None:
        """There is none yet."""
        self._lock = Lock()
        self._known: dict[object, ForkServer] = {}

    def of(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> ForkServer:
        """As :class:`ForkServer`, and the same again for the same arguments."""
        key = tuple(command), folder, tuple(sorted(environment.items()))
        with self._lock:
            return self._known.setdefault(key, ForkServer(command, folder, environment))

    def close(self) -> None:
        """End them all."""
        for fork_server in self._known.values():
            fork_server.close()


def _readable(descriptor: int, timeout: float | None) -> bool:
    """Whether there is something to read, or an end, within so many seconds."""
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    return bool(waiting.poll(None if timeout is None else timeout * 1000))


#: Every fork server of this process, for the children that it may fork.
_ALIVE: weakref.WeakSet[ForkServer] = weakref.WeakSet()


def _disown_all() -> None:
    for fork_server in list(_ALIVE):
        fork_server._disown()


os.register_at_fork(after_in_child=_disown_all)
