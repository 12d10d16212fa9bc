"""Switching activity: what a simulation counts of nets, in SAIF.

Verilator takes long to record thousands of names, so the nets stand in words, beside the netlist.
All that is counted adds up over time, so two recordings are added net by net.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from softmax_cosim.files import atomic_file

__all__ = ["Activity", "Net", "read", "recorded", "write"]

_WIDTH = 64
_WORD = "activity_"
#: ``(activity_3\\[7\\] (T0 5) (T1 3) (TZ 0) (TX 0) (TB 0) (TC 2))``
_BIT = re.compile(rf"\s*\({_WORD}(\d+)\\\[(\d+)\\\] \(T0 \d+\) \(T1 (\d+)\) .*\(TC (\d+)\)\)")


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


def recorded(text: str, nets: Sequence[str], ports: Collection[str]) -> str:
    """A netlist of one module of which Verilator records these nets, and nothing else.

    Args:
        text: in Verilog.
        nets: names; ``name[3]`` is a bit of a port, or the whole name.
        ports: of more than one bit.
    """
    module, end, _ = text.rpartition("endmodule")
    lines = ["/* verilator tracing_off */", module, "/* verilator tracing_on */"]
    for start in range(0, len(nets), _WIDTH):
        word = [_reference(net, ports) for net in nets[start : start + _WIDTH]]
        word += ["1'b0"] * (_WIDTH - len(word))
        bits = ", ".join(reversed(word))
        lines.append(f"wire [{_WIDTH - 1}:0] {_WORD}{start // _WIDTH} = {{{bits}}};")
    return "\n".join([*lines, end, ""])


def _reference(net: str, ports: Collection[str]) -> str:
    """A net in Verilog."""
    port, bracket, place = net.rpartition("[")
    return f"\\{port} [{place}" if bracket and port in ports else f"\\{net} "


def read(path: Path, nets: Sequence[str], clock: str) -> Activity:
    """What Verilator recorded of a batch (``tb/dpi/main.cpp``).

    It begins and ends right after a rising edge of the clock. Each net is taken to have been 0
    before: a change too many of those that were 1, which ``<path>.start`` knows.

    Args:
        path: of the recording.
        nets: as for :func:`recorded`.
        clock: one of them.
    """
    start = {place: net.toggles for place, net in _bits(path.with_name(f"{path.name}.start"))}
    found = {place: Net(net.high, net.toggles - start[place]) for place, net in _bits(path)}
    named = {net: found[place] for place, net in enumerate(nets)}
    cycles = named[clock].toggles // 2
    return Activity(named, cycles, 2 * named[clock].high // cycles)


def _bits(path: Path) -> Iterator[tuple[int, Net]]:
    """Each bit of the words, by its place among the nets."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if found := _BIT.match(line):
                word, bit, high, toggles = map(int, found.groups())
                yield word * _WIDTH + bit, Net(high, toggles)


def write(path: Path, activity: Activity, top: str) -> None:
    """Write it with the nets' own names, for power tools; ``top`` is the module.

    Raises:
        UsageError: it cannot be written.
    """
    duration = activity.cycles * activity.period
    lines = ["(SAIFILE", '(SAIFVERSION "2.0")', '(DIRECTION "backward")', f'(DESIGN "{top}")']
    lines += ["(DIVIDER / )", "(TIMESCALE 1 ps)", f"(DURATION {duration})", f"(INSTANCE {top}"]
    lines.append("  (NET")
    for name, net in activity.nets.items():
        escaped = re.sub(r"(\W)", r"\\\1", name)
        times = f"(T0 {duration - net.high}) (T1 {net.high}) (TX 0)"
        lines.append(f"    ({escaped} {times} (TC {net.toggles}) (IG 0))")
    lines += ["  )", ")", ")", ""]
    with atomic_file(path) as target:
        target.write_text("\n".join(lines), encoding="utf-8")
