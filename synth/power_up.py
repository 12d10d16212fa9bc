"""A cocotb test in four states: nothing unknown leaves the core after one edge of reset.

It comes before all others, and lets a step go by first: what Icarus 11 is given before its own
first step can get stuck half-way.
"""

from __future__ import annotations

from typing import Any

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge, Timer

from softmax_cosim.tb.env import Bench
from softmax_cosim.tb.stimulus import LENGTHS, rows

_HANDSHAKE = ("s_axis_tready", "m_axis_tvalid")
_BEAT = ("m_axis_tdata", "m_axis_tkeep", "m_axis_tuser", "m_axis_tlast")


@cocotb.test
async def nothing_unknown(dut: Any) -> None:
    """From power-up, where no register is known: both handshakes always, a beat while it is valid.

    The reset lasts one edge; the monitors of the bench look at the edges, this at all that follows.
    """
    await Timer(1, "step")
    bench = Bench(dut, "power_up.nothing_unknown")
    first = [str(getattr(dut, name).value) for name in _HANDSHAKE]
    await bench.reset(1)
    assert "x" in first[1].lower(), f"m_axis_tvalid is {first[1]} at power-up: not four states"
    watching = cocotb.start_soon(_watch(dut))
    for length in LENGTHS:
        drawn = [min(n, bench.cfg.max_len) for n in LENGTHS[length](bench.cfg, bench.rng)]
        await bench.play(rows(bench.cfg, bench.rng, drawn), "light")
    await bench.finish()
    assert not watching.done()
    watching.cancel()


async def _watch(dut: Any) -> None:
    edge, settled, cycle = RisingEdge(dut.clk_i), ReadOnly(), 0
    while True:
        await settled
        names = [*_HANDSHAKE, *(_BEAT if dut.m_axis_tvalid.value == 1 else ())]
        for name in names:
            value = getattr(dut, name).value
            assert value.is_resolvable, f"{name} is {value} in cycle {cycle} after reset"
        await edge
        cycle += 1
