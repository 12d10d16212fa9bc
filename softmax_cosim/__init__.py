"""Everything outside the simulator: build, run, traces, evaluation, reports, command line."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from softmax_cosim.account import Account, MissedSoftmax
    from softmax_cosim.engines import Float64, Golden, Recorder, Rtl, Softmax, engine
    from softmax_cosim.simulation.function import RtlSoftmax
    from softmax_cosim.trace import Trace

__all__ = [
    "Account",
    "Float64",
    "Golden",
    "MissedSoftmax",
    "Recorder",
    "Rtl",
    "RtlSoftmax",
    "Softmax",
    "Trace",
    "engine",
]

_HOMES = {
    "Account": "softmax_cosim.account",
    "MissedSoftmax": "softmax_cosim.account",
    "RtlSoftmax": "softmax_cosim.simulation.function",
    "Trace": "softmax_cosim.trace",
}


def __getattr__(name: str) -> Any:
    """Load the public names on first use, so that the command line starts fast."""
    if name in __all__:
        return getattr(importlib.import_module(_HOMES.get(name, "softmax_cosim.engines")), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
