"""Which cases there are for a design, and which are left out."""

from __future__ import annotations

import dataclasses
import fnmatch
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from softmax_cosim.configs import Config, UsageError
from softmax_cosim.simulation import toolchain

__all__ = ["POWER_UP", "PREFIX", "Case", "catalogue", "chosen"]

_MODULE = "softmax_cosim.tb.catalogue"
PREFIX = "softmax_cosim.tb.cases."
#: The case that every simulation plays, to be compared between power-up draws.
POWER_UP = "power_up.from_every_draw"


@dataclass(frozen=True)
class Case:
    """One case of ``tb/cases``."""

    name: str
    """As in ``streams.lengths/length=one``."""
    left_out: str
    """Why it is none for the design; empty if it is one."""
    place: int
    """Among all cases, whatever is chosen of them."""


def catalogue(cfg: Config) -> list[Case]:
    """Every case, asked of the testbench in a process of its own, as it needs cocotb."""
    environment = toolchain.run_environment((), "softmax_top")
    done = subprocess.run(
        [sys.executable, "-m", _MODULE],
        input=json.dumps(dataclasses.asdict(cfg)),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{_MODULE} ended with {done.returncode}: {done.stderr}")
    pairs = json.loads(done.stdout)
    return [
        Case(name.removeprefix(PREFIX), reason, place) for place, (name, reason) in enumerate(pairs)
    ]


def chosen(cases: Sequence[Case], patterns: Sequence[str]) -> list[Case]:
    """The cases of these names, or of whole modules and bodies, or of patterns with ``*``.

    Raises:
        UsageError: a pattern fits no case.
    """
    found: set[Case] = set()
    for pattern in patterns:
        fits = {case for case in cases if _fits(case.name, pattern)}
        if not fits:
            raise UsageError(f"there is no case {pattern!r}; cosim verify DESIGN --list has all")
        found |= fits
    return sorted(found, key=lambda case: case.place)


def _fits(name: str, pattern: str) -> bool:
    begins = name.startswith((f"{pattern}.", f"{pattern}/"))
    return begins or name == pattern or fnmatch.fnmatchcase(name, pattern)
