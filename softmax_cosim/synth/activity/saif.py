"""Switching activity: what a simulation counted of each net, in SAIF, as power tools read it.

All that is counted adds up over time, so two recordings are added net by net.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Activity", "Net", "read"]

#: ``(name (T0 5) (T1 3) (TZ 0) (TX 0) (TB 0) (TC 2))``
_NET = re.compile(r"\s*\((\S+) \(T0 \d+\) \(T1 (\d+)\) .*\(TC (\d+)\)\)")
_INSTANCE = re.compile(r"\s*\(INSTANCE (\S+)")


@dataclass(frozen=True)
class Net:
    """What a net did."""

    high: int
    """Time that it was 1."""
    toggles: int
    """How often it changed."""


@dataclass(frozen=True)
class Activity:
    """What the nets of a module did."""

    nets: Mapping[str, Net]
    cycles: int
    """Rising edges of the clock."""
    period: int
    """Of the clock, in steps of the simulation."""

    def enabled(self, net: str) -> int:
        """Rising edges at which a net, or a constant, was 1."""
        if net in ("0", "1", "x"):
            return self.cycles if net == "1" else 0
        return self.nets[net].high // self.period

    def toggles(self, net: str) -> int:
        """How often a net changed; a constant does not."""
        return 0 if net in ("0", "1", "x") else self.nets[net].toggles

    def __add__(self, more: Activity) -> Activity:
        """Both, one after the other."""
        nets = {
            name: Net(net.high + more.nets[name].high, net.toggles + more.nets[name].toggles)
            for name, net in self.nets.items()
        }
        return Activity(nets, self.cycles + more.cycles, self.period)


def read(path: Path, instance: str, clock: str) -> Activity:
    """What Verilator recorded of a batch (``tb/dpi/main.cpp``).

    It begins and ends right after a rising edge of the clock. Each net is taken to have been 0
    before: a change too many of those that were 1, which ``<path>.start`` knows.

    Args:
        path: of the recording.
        instance: of the module; its nets are read, not those of instances within.
        clock: its net.
    """
    start = dict(_nets(path.with_name(f"{path.name}.start"), instance))
    nets = {
        name: Net(net.high, net.toggles - start[name].toggles)
        for name, net in _nets(path, instance)
    }
    cycles = nets[clock].toggles // 2
    return Activity(nets, cycles, 2 * nets[clock].high // cycles)


def _nets(path: Path, instance: str) -> Iterator[tuple[str, Net]]:
    """The nets of an instance."""
    inside = False
    with path.open(encoding="utf-8") as file:
        for line in file:
            if opened := _INSTANCE.match(line):
                inside = opened[1] == instance
            elif inside and (found := _NET.match(line)):
                yield found[1].replace("\\", ""), Net(int(found[2]), int(found[3]))
