"""The simulator's side of :mod:`.simulation.simulator`: a cocotb test that plays batches.

The environment variable ``COSIM_SERVER`` says, as JSON, which transport this process has, what that
has to know of the configuration, and the numbers of four inherited file descriptors: pipes for
commands and for their answers, one each (see :mod:`.golden.protocol`), the memory that holds the
arrays, and a pipe that closes when the other process is no more. The end of the commands ends the
simulation.
"""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import signal
import traceback
from io import FileIO
from typing import Any, Protocol

import cocotb
from cocotb.handle import HierarchyObject
from cocotb.utils import get_sim_time

from softmax_cosim.golden.protocol import ANSWER, COMMAND, Broken

#: Transport by name: module and class.
TRANSPORTS = {
    "signal": ("softmax_cosim.tb.signal", "Served"),
    "bulk": ("softmax_cosim.tb.bulk", "Bulk"),
}


class Transport(Protocol):
    """What carries rows to the design and results back."""

    edges: int
    """Rising clock edges of all batches so far, if it counts them."""

    def __init__(self, dut: HierarchyObject, setup: dict[str, Any]) -> None:
        """``setup`` is what ``COSIM_SERVER`` says."""

    async def run(self, rows: int, elements: int, seed: int, stalls: tuple[int, ...]) -> bool:
        """Reset the design, play the rows of a batch in the memory, fill in every result.

        ``stalls`` are four numbers each of source and sink, as :attr:`.Pattern.words` has them.
        A transport may answer itself, and go on with the batches that are asked for next. Returns
        whether the last one's answer is still to be given.

        Raises:
            NoProgress: the design stopped taking or giving data; the results hold what came before.
            Broken: the design gave something that no row accounts for; likewise.
        """

    def end(self) -> None:
        """Called when all is played; returns, or ends the process."""


@cocotb.test
async def serve(dut: HierarchyObject) -> None:
    """Play batches until the other side closes the pipe of commands."""
    setup = json.loads(os.environ["COSIM_SERVER"])
    module, name = TRANSPORTS[setup["transport"]]
    transport: Transport = getattr(importlib.import_module(module), name)(dut, setup)
    _die_with(setup["lifeline"])
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # a closed pipe is an error, and the end
    with FileIO(setup["commands"]) as commands, FileIO(setup["answers"], "w") as answers:
        answer = ANSWER.pack(0, 0, 0)
        while command := _asked(commands, answers, answer):
            answer = await _play(transport, *COMMAND.unpack(command))
    transport.end()


def _asked(commands: FileIO, answers: FileIO, answer: bytes) -> bytes:
    """The command that follows an answer; empty when there is nobody any more."""
    try:
        while answer:
            answer = answer[answers.write(answer) :]
    except BrokenPipeError:
        return b""
    return commands.read(COMMAND.size)


def _die_with(lifeline: int) -> None:
    """Have the kernel end this process, even within a batch, when the other end of a pipe closes.

    A thread would not do: the simulator holds Python's lock while it runs.
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)


async def _play(transport: Transport, rows: int, elements: int, seed: int, *stalls: int) -> bytes:
    """Play one batch in place; returns its answer, or nothing if that was given."""
    wrong = {}
    try:
        if not await transport.run(rows, elements, seed, stalls):
            return b""
    except Broken as broken:
        wrong = {"broken": type(broken).__name__, "message": str(broken)}
    except Exception:
        wrong = {"failed": traceback.format_exc()}
    text = json.dumps(wrong).encode() if wrong else b""
    return ANSWER.pack(get_sim_time("step"), transport.edges, len(text)) + text
