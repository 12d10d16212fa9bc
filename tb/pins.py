"""Drives the five channels of AXI4-Lite, each as eager as it is told to be.

One Python step a cycle: a tenth of what a master of cocotbext-axi takes, whose channels are
coroutines.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from cocotb.triggers import RisingEdge

__all__ = ["CHANNELS", "Access", "Pins"]

CHANNELS = ("aw", "w", "b", "ar", "r")


class Access(NamedTuple):
    """A write, or a read of its address."""

    write: bool
    address: int
    data: int = 0
    strobes: int = 15


class _Offers:
    """The master's side of a channel on which it offers: in order, each until it is taken."""

    def __init__(self, dut: Any, channel: str, payload: Sequence[str]) -> None:
        self._valid = getattr(dut, f"s_axil_{channel}valid")
        self._ready = getattr(dut, f"s_axil_{channel}ready")
        self._payload = [getattr(dut, f"s_axil_{name}") for name in payload]
        self._valid.value = 0
        self._offering = False
        self.waiting = deque[tuple[int, ...]]()

    def step(self, eager: bool, noise: int) -> None:
        """A rising edge; what is on the payload while nothing is offered is noise."""
        taken = self._offering and int(self._ready.value)
        if self._offering and not taken:
            return
        offers = eager and bool(self.waiting)
        if offers or taken:
            values = self.waiting.popleft() if offers else (noise,) * len(self._payload)
            for pin, value in zip(self._payload, values, strict=True):
                pin.value = value & (1 << len(pin)) - 1
        if offers != self._offering:
            self._valid.value = int(offers)
        self._offering = offers


class _Answers:
    """The master's side of a channel on which it is answered."""

    def __init__(self, dut: Any, channel: str) -> None:
        self._valid = getattr(dut, f"s_axil_{channel}valid")
        self._ready = getattr(dut, f"s_axil_{channel}ready")
        self._ready.value = 0
        self._open = False

    def step(self, eager: bool) -> bool:
        """A rising edge; whether an answer was fetched at it."""
        fetched = self._open and bool(int(self._valid.value))
        if eager != self._open:
            self._ready.value = int(eager)
        self._open = eager
        return fetched


class Pins:
    """The bus of ``dut``, idle until something is played."""

    def __init__(self, dut: Any) -> None:
        """Nothing is offered, nothing is fetched."""
        self._edge = RisingEdge(dut.clk_i)
        self._aw = _Offers(dut, "aw", ["awaddr"])
        self._w = _Offers(dut, "w", ["wdata", "wstrb"])
        self._ar = _Offers(dut, "ar", ["araddr"])
        self._b, self._r = _Answers(dut, "b"), _Answers(dut, "r")

    async def play(
        self, accesses: Sequence[Access], eager: Sequence[float], rng: random.Random
    ) -> None:
        """Play accesses until each one is answered; writes and reads pass each other.

        Args:
            accesses: those of a kind come in this order.
            eager: of each of :data:`CHANNELS`, in how many of the cycles it would go on.
            rng: which cycles these are.
        """
        aw, w, b, ar, r = eager
        for access in accesses:
            if access.write:
                self._aw.waiting.append((access.address,))
                self._w.waiting.append((access.data, access.strobes))
            else:
                self._ar.waiting.append((access.address,))
        draw, left = rng.random, len(accesses)
        while left:
            await self._edge
            noise = rng.getrandbits(32)
            self._aw.step(draw() < aw, noise)
            self._w.step(draw() < w, noise)
            self._ar.step(draw() < ar, noise)
            left -= self._b.step(draw() < b)
            left -= self._r.step(draw() < r)
