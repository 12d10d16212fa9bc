"""The simulator's side of :mod:`cosim.simulator`: a cocotb test that plays batches on command.

The environment variable ``COSIM_SERVER`` says, as JSON, which configuration and transport this
process has, and the numbers of two inherited file descriptors: a socket for commands (one JSON
object a line, each answered by one) and the memory that holds the arrays. The end of the socket,
also because the other process was killed, ends the simulation.
"""

from __future__ import annotations

import importlib
import json
import os
import socket
import traceback
from typing import Any, Protocol

import cocotb
from cocotb.handle import HierarchyObject
from cocotb.utils import get_sim_time

from configs import Config
from configs.stalls import StallProfile, profile
from golden.exchange import Broken, Exchange, Memory
from golden.rows import Results, Rows

#: Transport by name: module and class.
TRANSPORTS = {"signal": ("tb.signal", "Signal"), "bulk": ("tb.bulk", "Bulk")}


class Transport(Protocol):
    """What carries rows to the design and results back."""

    def __init__(self, dut: HierarchyObject, config: Config, patience: int) -> None:
        """``patience``: cycles without a beat in either direction that are called a hang."""

    async def run(self, rows: Rows, stalls: StallProfile, seed: int) -> Results:
        """Reset the design, play the rows, wait for every result.

        Raises:
            NoProgress: the design stopped taking or giving data.
            Broken: the design gave something that no row accounts for.
        """


@cocotb.test
async def serve(dut: HierarchyObject) -> None:
    """Play batches until the other side closes the socket."""
    setup = json.loads(os.environ["COSIM_SERVER"])
    module, name = TRANSPORTS[setup["transport"]]
    transport: Transport = getattr(importlib.import_module(module), name)(
        dut, Config(**setup["config"]), setup["patience"]
    )
    memory = Memory(setup["memory"])
    with socket.socket(fileno=setup["socket"]) as channel, channel.makefile("rwb") as stream:
        answer: dict[str, Any] = {}
        while True:
            try:
                stream.write(json.dumps(answer).encode() + b"\n")
                stream.flush()
                line = stream.readline()
            except ConnectionError:
                return
            if not line.endswith(b"\n"):
                return
            command = json.loads(line)
            batch = memory.exchange(command["rows"], command["elements"])
            answer = await _play(transport, batch, profile(command["stalls"]), command["seed"])


async def _play(
    transport: Transport, batch: Exchange, stalls: StallProfile, seed: int
) -> dict[str, Any]:
    """Play one batch in place; the answer says how it ended."""
    answer: dict[str, Any] = {}
    try:
        batch.write_results(await transport.run(batch.rows, stalls, seed))
    except Broken as broken:
        batch.write_results(broken.results)
        answer = {"broken": type(broken).__name__, "message": str(broken)}
    except Exception:
        answer = {"failed": traceback.format_exc()}
    return answer | {"time": get_sim_time("step"), "edges": getattr(transport, "edges", 0)}
