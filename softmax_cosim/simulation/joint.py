"""Where the wrapper meets somebody else's design: what Verilator says of it, in a sentence.

Verilator only warns of an input that nobody drives, and of a port that is wider than what is joined
to it. Here both are errors: what came out would not be the design's.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from softmax_cosim.configs import Config
from softmax_cosim.configs.design import Ports
from softmax_cosim.simulation import toolchain, wrapper

__all__ = ["Joint", "warnings"]

_AT = rf"{re.escape(wrapper.NAME)}:\d+:\d+: "
_NOT_FOUND = re.compile(rf"^%Error-PINNOTFOUND: {_AT}(Pin|Parameter) not found: '(.+?)'", re.M)
_NO_TOP = re.compile(rf"^%Error-MODMISSING: {_AT}.*'(.+?)'", re.M)
_MISSING = re.compile(rf"^%Warning-PINMISSING: {_AT}Instance has missing pin: '(.+?)'", re.M)
_WIDTH = re.compile(
    rf"^%(?:Warning|Error)-WIDTH\w*: {_AT}(?:Input|Output) port connection '(.+?)' expects (\d+) "
    r"bits on the pin connection, but pin connection's .* generates (\d+) bits",
    re.M,
)
_ARRAY = re.compile(
    rf"^%Error: {_AT}Illegal (?:input|output) port connection '(.+?)', mismatch between port "
    r"which is (not )?an array",
    re.M,
)
_PATTERN = re.compile(rf"^%Error: {_AT}(?:Assignment pattern|Illegal assignment).*", re.M)
_WARNING = re.compile(rf"^%Warning\S* (?!{re.escape(wrapper.NAME)}|softmax_tb)", re.M)
_SECONDS = 60.0


@dataclass
class Joint:
    """The joint of one configuration."""

    cfg: Config
    reading: Sequence[str]
    """How Verilator is to read the design: options and files."""
    _declared: dict[str, list[str]] | None = field(default=None, init=False)

    def fault(self, said: str, work: Path) -> str | None:
        """What is wrong with it, from what Verilator said; None if nothing is.

        Args:
            said: all of it.
            work: a folder to work in.
        """
        checks: tuple[Callable[[str, Path], str | None], ...] = (
            self._no_top,
            self._not_found,
            self._undriven,
            self._array,
            self._width,
        )
        return next((found for check in checks if (found := check(said, work))), None)

    @property
    def _ports(self) -> Ports | None:
        return self.cfg.design.ports if self.cfg.design else None

    @property
    def _top(self) -> str:
        assert self.cfg.design is not None
        assert self.cfg.design.rtl is not None
        return self.cfg.design.rtl.top

    def _named(self, port: str) -> str:
        """The port as the configuration has it."""
        names = self._ports.names if self._ports else {}
        for key, name in names.items():
            if port in (Ports.of_lane(name, lane) for lane in range(self.cfg.lanes)):
                return f"ports.{key} = {name!r}"
        return f"ports.tie.{port}" if self._ports else f"the port {port}"

    def _no_top(self, said: str, _: Path) -> str | None:
        found = _NO_TOP.search(said)
        return found and f"top = {found[1]!r}: no source has a module of this name"

    def _not_found(self, said: str, work: Path) -> str | None:
        found = _NOT_FOUND.search(said)
        if not found:
            return None
        there = self._there(work)
        if found[1] == "Parameter":
            known = ", ".join(there.get("parameter", [])) or "none"
            return (
                f"parameters.{found[2]}: module {self._top} has no parameter of this name; "
                f"its parameters are: {known}"
            )
        known = "; ".join(
            f"its {kind}s are: {', '.join(there[kind])}"
            for kind in ("input", "output", "inout")
            if there.get(kind)
        )
        advice = "" if self._ports else "; name its own ports in a table [ports]"
        known = f"; {known}" if known else ""
        return f"{self._named(found[2])}: module {self._top} has no such port{known}{advice}"

    def _undriven(self, said: str, work: Path) -> str | None:
        for name in _MISSING.findall(said):
            if name in self._there(work).get("input", []):
                return (
                    f"module {self._top} has an input {name}, which the configuration does not "
                    "name; say in [ports] what it is, or what it is held at: "
                    f"tie = {{ {name} = 0 }}"
                )
        return None

    def _array(self, said: str, _: Path) -> str | None:
        if found := _ARRAY.search(said):
            layout = "packed" if found[2] else "unpacked"
            return f"{self._named(found[1])} of module {self._top} is {layout}; say so: layout"
        if self._ports and self._ports.layout == "unpacked" and (found := _PATTERN.search(said)):
            return (
                f"ports.in_data or ports.out_data of module {self._top} is no unpacked array of "
                f"{self.cfg.lanes} elements, as layout and lanes say"
            )
        return None

    def _width(self, said: str, _: Path) -> str | None:
        ports, cfg = self._ports, self.cfg
        for name, there, here in _WIDTH.findall(said):
            if ports and (name == ports.in_length or name in ports.tie):
                continue  # a number, as wide as the port
            what = f"{here} bits"
            key = self._named(name).partition(" ")[0]
            if key == "ports.in_data":
                what = f"{here} bits: lanes of {cfg.inputs}"
            elif key == "ports.out_data":
                what = f"{here} bits: lanes of {cfg.outputs}"
            return (
                f"{self._named(name)} of module {self._top} has {there} bits, but the "
                f"configuration says {what}, {cfg.lanes} a beat"
            )
        return None

    def _there(self, work: Path) -> Mapping[str, list[str]]:
        """The ports of the design by direction, and its parameters."""
        if self._declared is None:
            self._declared = _declared(self.reading, self._top, work)
        return self._declared


def warnings(said: str) -> int:
    """How many warnings there are of files that are not ours."""
    return len(_WARNING.findall(said))


def _declared(reading: Sequence[str], top: str, work: Path) -> dict[str, list[str]]:
    """From Verilator's own tree; empty if it cannot read the design."""
    command = [*toolchain.verilator_command(), "--json-only", "--top-module", top]
    found: dict[str, list[str]] = {}
    try:
        with tempfile.TemporaryDirectory(dir=work) as folder:
            subprocess.run(
                [*command, "-Mdir", ".", "--prefix", "Vtop", *reading],
                cwd=folder,
                env=toolchain.build_environment(),
                capture_output=True,
                timeout=_SECONDS,
                check=True,
            )
            text = (Path(folder) / "Vtop.tree.json").read_text(errors="replace")
        tree = json.loads(text)
    except (OSError, subprocess.SubprocessError, ValueError):
        return found
    for module in tree.get("modulesp", []):
        if module.get("type") == "MODULE" and module.get("origName") == top:
            for each in module.get("stmtsp", []):
                if each.get("type") == "VAR":
                    kind = "parameter" if each.get("isGParam") else each["direction"].lower()
                    found.setdefault(kind, []).append(each["origName"])
    return found
