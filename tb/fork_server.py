"""A simulation that has everything but its design, and forks those that have one.

Starting Python and cocotb takes longer than playing most batches, and is the same for every
power-up draw of every design. The host (``tb/dpi/host.cpp``) calls :func:`serve` when Python is
there and no design is. What returns from it is a child, a process for each that was asked for: its
command line names the design that it loads, and how that wakes up.

The other side is :mod:`.simulation.fork_server`. The environment variable ``COSIM_FORK_SERVER`` is
the number of a socket. A message holds the words of a command line, a folder to run in, and what
``COSIM_SERVER`` says to :mod:`.tb.server`, and brings file descriptors: what the child prints into,
a pipe for its exit code, and those of the server. The answer is the child's number, with a
descriptor that stands for it.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import select
import socket
from typing import Any

from softmax_cosim.tb import lean

__all__ = ["serve"]

_LARGEST, _FILES = 1 << 16, 8
#: What a simulation imports until it plays.
_NEEDED = ("cocotb._init", "cocotb.regression", "softmax_cosim.tb.server", "softmax_cosim.tb.bulk")


def serve() -> None:
    """Fork simulators until the other side closes the socket; returns in these alone."""
    lean.lighten()
    for name in _NEEDED:
        importlib.import_module(name)
    gc.freeze()
    channel = socket.socket(fileno=int(os.environ["COSIM_FORK_SERVER"]))
    children: dict[int, tuple[int, int]] = {}
    waiting = select.poll()
    waiting.register(channel, select.POLLIN)
    while True:
        for ready, _ in waiting.poll():
            if ready != channel.fileno():
                waiting.unregister(ready)
                _tell(ready, *children.pop(ready))
                continue
            message, files, _, _ = socket.recv_fds(channel, _LARGEST, _FILES)
            if not message:
                os._exit(0)
            process = os.fork()
            if process == 0:
                for handle in (*children, *(status for _, status in children.values())):
                    os.close(handle)
                channel.close()
                _become(json.loads(message), *files)
                return
            told, status, *others = files
            for file in (told, *others):
                os.close(file)
            handle = os.pidfd_open(process)
            children[handle] = process, status
            waiting.register(handle, select.POLLIN)
            socket.send_fds(channel, [process.to_bytes(8, "little")], [handle])


def _become(message: dict[str, Any], told: int, status: int, *others: int) -> None:
    """Make of the child what its command line and its server say."""
    os.setpgid(0, 0)
    os.chdir(message["folder"])
    os.close(status)
    for stream in (1, 2):
        os.dup2(told, stream)
    os.close(told)
    setup = message["setup"] | dict(zip(message["files"], others, strict=True))
    os.environ["COSIM_SERVER"] = json.dumps(setup)
    words = [word.encode() for word in message["command"]]
    # The simulation keeps no words of its own.
    ctypes.CDLL(None).softmax_arguments(len(words), (ctypes.c_char_p * len(words))(*words))


def _tell(handle: int, process: int, status: int) -> None:
    """Say how a child ended."""
    os.close(handle)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    with contextlib.suppress(BrokenPipeError):  # perhaps nobody wants to know
        os.write(status, code.to_bytes(4, "little", signed=True))
    os.close(status)
