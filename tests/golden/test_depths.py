"""The row stores have room for what arrives while a row's info is under way, and no more."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

from softmax_cosim.configs import LANES, PRECISIONS, Config
from softmax_cosim.golden import timing

PACKAGE = Path(__file__).resolve().parents[2] / "rtl" / "softmax_pkg.sv"


def test_beats_in_flight_are_as_many_as_the_slowest_core_needs() -> None:
    """rexp and lut2d share one number: cycles from a row's last push to its info, and one."""
    (stated,) = re.findall(r"IN_FLIGHT = (\d+);", PACKAGE.read_text())
    slowest = 0
    for precision, lanes, index in itertools.product(PRECISIONS, LANES, ("distance", "msb")):
        ingress = 1
        passes = timing.passes(Config("c", "rexp", precision, lanes=lanes, index=index))
        slowest = max(slowest, passes.gaps[0] - ingress)
        if passes.count == 3:  # the second store is behind register, index and exponent
            slowest = max(slowest, passes.gaps[1] - 3)
        passes = timing.passes(Config("c", "lut2d", precision, lanes=lanes))
        slowest = max(slowest, passes.gaps[0] - ingress, passes.gaps[1] - 4)
    assert int(stated) == slowest + 1
