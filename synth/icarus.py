"""A second opinion on a netlist: Icarus Verilog, event-driven and four-state, in Verilator's place.

Neither PyPI nor this project has it: ``make fourstate`` unpacks Debian's package into
``build/iverilog``, which needs no root.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cocotb_tools.config import lib_entry

from softmax_cosim.configs import Config, UsageError
from softmax_cosim.paths import ROOT
from softmax_cosim.simulation.build import Build
from softmax_cosim.synth import flows

__all__ = ["FOLDER", "FourState", "compiled", "netlist"]

FOLDER = ROOT / "build" / "iverilog"
_BIN = FOLDER / "usr" / "bin"
#: cocotb's clock needs a unit of time, which a netlist has none of.
_TIME = "+timescale+1ns/1ps\n"


@dataclass(frozen=True)
class FourState(Build):
    """A simulation in which every register is unknown until something is stored in it."""

    def command(
        self, *, draw: str = "1", waves: Path | None = None, plusargs: Sequence[str] = ()
    ) -> list[str]:
        """The command line; there is no power-up draw to choose."""
        library = lib_entry("vpi", "icarus")
        return [str(_BIN / "vvp"), "-M", str(_libraries()), "-m", library, str(self.executable)]

    def environment(self, *given: Any, **options: Any) -> dict[str, str]:
        """As of :class:`Build`; what is written at a clock edge waits until the design saw it."""
        return super().environment(*given, **options) | {"COCOTB_TRUST_INERTIAL_WRITES": "0"}


def netlist(cfg: Config) -> Path:
    """The gates of a configuration, without parameters: Icarus 11 knows none that are strings."""
    return flows.netlist(cfg).with_name("netlist.v")


def compiled(path: Path, folder: Path) -> FourState:
    """A netlist of the core, ready to run.

    Raises:
        UsageError: Icarus is not there, or refuses the netlist.
    """
    if not (_BIN / "iverilog").is_file():
        raise UsageError(f"Icarus Verilog is not in {FOLDER}; run: make fourstate")
    times, log = folder / "times.f", folder / "iverilog.log"
    times.write_text(_TIME)
    executable = folder / "netlist.vvp"
    command = [_BIN / "iverilog", "-B", _libraries(), "-g2012", "-s", "softmax_top"]
    done = subprocess.run(
        [*command, "-f", times, "-o", executable, path], capture_output=True, text=True, check=False
    )
    log.write_text(done.stdout + done.stderr)
    if done.returncode:
        raise UsageError(f"Icarus Verilog refuses {path}: {done.stderr.strip()[-500:]}")
    return FourState(executable, folder, "softmax_top")


def _libraries() -> Path:
    """Where its parts are."""
    found = sorted((FOLDER / "usr" / "lib").glob("**/ivl"))
    if not found:
        raise UsageError(f"{FOLDER} has no folder ivl; remove it, and run: make fourstate")
    return found[0]
