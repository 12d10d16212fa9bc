"""The simulator's side of :mod:`.simulation.simulator`: a cocotb test that plays batches.

The environment variable ``COSIM_SERVER`` says, as JSON, which configuration and transport this
process has, and the numbers of three inherited file descriptors: a socket for commands, each of
which gets one answer (see :mod:`.golden.exchange`), the memory that holds the arrays, and a pipe
that closes when the other process is no more. The end of the socket ends the simulation.
"""

from __future__ import annotations

import fcntl
import functools
import importlib
import json
import os
import signal
import socket
import traceback
from typing import Protocol

import cocotb
from cocotb.handle import HierarchyObject
from cocotb.utils import get_sim_time

from softmax_cosim.configs import Config
from softmax_cosim.configs.stalls import StallProfile, profile
from softmax_cosim.golden.exchange import ANSWER, COMMAND, Broken, Exchange, Memory

#: Transport by name: module and class.
TRANSPORTS = {
    "signal": ("softmax_cosim.tb.signal", "Signal"),
    "bulk": ("softmax_cosim.tb.bulk", "Bulk"),
}


class Transport(Protocol):
    """What carries rows to the design and results back."""

    def __init__(self, dut: HierarchyObject, config: Config, patience: int) -> None:
        """``patience``: cycles without a beat in either direction that are called a hang."""

    async def run(self, batch: Exchange, stalls: StallProfile, seed: int) -> None:
        """Reset the design, play the rows of a batch, fill in every result.

        Raises:
            NoProgress: the design stopped taking or giving data; the results hold what came before.
            Broken: the design gave something that no row accounts for; likewise.
        """


@cocotb.test
async def serve(dut: HierarchyObject) -> None:
    """Play batches until the other side closes the socket."""
    setup = json.loads(os.environ["COSIM_SERVER"])
    module, name = TRANSPORTS[setup["transport"]]
    config = Config(**setup["config"])
    transport: Transport = getattr(importlib.import_module(module), name)(
        dut, config, setup["patience"]
    )
    memory = Memory(setup["memory"], config.raw)
    _die_with(setup["lifeline"])
    stalls_of = functools.cache(profile)
    with socket.socket(fileno=setup["socket"]) as channel:
        answer = ANSWER.pack(0, 0, 0)
        while True:
            try:
                channel.sendall(answer)
                command = channel.recv(COMMAND.size, socket.MSG_WAITALL)
            except ConnectionError:
                return
            if len(command) < COMMAND.size:
                return
            rows, elements, seed, name = COMMAND.unpack(command)
            batch, stalls = memory.exchange(rows, elements), stalls_of(name.rstrip(b"\0").decode())
            wrong = await _play(transport, batch, stalls, seed)
            edges = getattr(transport, "edges", 0)
            answer = ANSWER.pack(get_sim_time("step"), edges, len(wrong)) + wrong


def _die_with(lifeline: int) -> None:
    """Have the kernel end this process, even within a batch, when the other end of a pipe closes.

    A thread would not do: the simulator holds Python's lock while it runs.
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)


async def _play(transport: Transport, batch: Exchange, stalls: StallProfile, seed: int) -> bytes:
    """Play one batch in place; returns what went wrong, as JSON, or nothing."""
    try:
        await transport.run(batch, stalls, seed)
    except Broken as broken:
        return json.dumps({"broken": type(broken).__name__, "message": str(broken)}).encode()
    except Exception:
        return json.dumps({"failed": traceback.format_exc()}).encode()
    return b""
