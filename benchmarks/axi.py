"""The rows of a benchmark through cocotbext-axi's stream source and sink, inside the simulator."""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.handle import Immediate
from cocotb.triggers import RisingEdge
from cocotb.utils import get_sim_time
from cocotbext.axi import (
    AxiStreamBus,
    AxiStreamFrame,
    AxiStreamSink,
    AxiStreamSource,
)

from softmax_cosim.tb.clock import PERIOD_NS


@cocotb.test
async def play(dut: Any) -> None:
    """Play the rows of ``BENCH_ROWS`` (an .npz file) and write what it took to ``BENCH_OUT``."""
    rows = np.load(os.environ["BENCH_ROWS"])
    logging.getLogger(f"cocotb.{dut._name}").setLevel(logging.WARNING)
    dut.rst_ni.set(Immediate(0))
    Clock(dut.clk_i, PERIOD_NS, "ns").start()
    streams = {
        side: cls(AxiStreamBus.from_prefix(dut, side), dut.clk_i, dut.rst_ni, False)
        for side, cls in (("s_axis", AxiStreamSource), ("m_axis", AxiStreamSink))
    }
    for _ in range(4):
        await RisingEdge(dut.clk_i)
    dut.rst_ni.value = 1
    await RisingEdge(dut.clk_i)
    mask = (1 << int(rows["in_w"])) - 1
    scores = np.split(rows["q"] & mask, rows["offsets"][1:-1])
    begun, start = time.process_time(), get_sim_time("ns")
    for row in scores:
        await streams["s_axis"].send(AxiStreamFrame(row.tolist(), tuser=0))
    y = [(await streams["m_axis"].recv()).tdata for _ in scores]
    seconds = time.process_time() - begun
    edges = round((get_sim_time("ns") - start) / PERIOD_NS)
    out = {"edges": edges, "seconds": seconds, "y": [list(row) for row in y]}
    Path(os.environ["BENCH_OUT"]).write_text(json.dumps(out))
