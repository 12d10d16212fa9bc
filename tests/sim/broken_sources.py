"""Cocotb tests that drive the input against its rules; started by ``test_properties.py`` alone."""

from __future__ import annotations

from typing import Any

import cocotb
from cocotb.triggers import RisingEdge

from softmax_cosim.configs import Config
from softmax_cosim.tb.env import Bench


async def _stalled(dut: Any) -> None:
    """Offer a beat in the first cycle after reset, which nobody takes."""
    bench = Bench(dut, "broken source")
    cfg: Config = bench.cfg
    await bench.reset()
    dut.s_axis_tdata.value = 0
    dut.s_axis_tkeep.value = 2**cfg.lanes - 1
    dut.s_axis_tuser.value = 0
    dut.s_axis_tlast.value = 1
    dut.s_axis_tvalid.value = 1
    await RisingEdge(dut.clk_i)


@cocotb.test
async def valid_falls(dut: Any) -> None:
    await _stalled(dut)
    dut.s_axis_tvalid.value = 0
    await RisingEdge(dut.clk_i)
    await RisingEdge(dut.clk_i)


@cocotb.test
async def beat_changes(dut: Any) -> None:
    await _stalled(dut)
    dut.s_axis_tdata.value = 1
    await RisingEdge(dut.clk_i)
    await RisingEdge(dut.clk_i)
