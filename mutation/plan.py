"""Which tests can see a mutant that is judged by pytest, the cheapest first."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatch

__all__ = ["simulated", "stages"]

#: One small parameter set a method, and what else a set may have.
_RTL = (
    "tests/sim/test_rtl.py",
    "-k",
    "rexp_uint2-lanes1-indexmsb or lut2d_uint4-lanes4 or split_uint8-lanes4",
)
_REGISTERS = ("tests/sim/test_registers.py", "-k", "test_registers")
_BULK = ("tests/sim/test_bulk.py",)
_HANG = ("tests/sim/test_hang.py",)
_BROKEN = ("tests/sim/test_mutants.py", "tests/sim/test_properties.py")
_GOLDEN = ("tests/golden",)
#: Three seconds of processor time, and what sees most.
_VECTORS = (
    "tests/golden/test_vectors.py",
    "tests/golden/test_tables.py",
    "tests/golden/test_render.py",
)
_FRAMES = ("tests/golden/test_framing.py",)
_TB = ("tests/tb",)
_FORKED = ("tests/cosim/test_fork_server.py", "tests/cosim/test_simulator.py")
_OWN = ("tests/cosim/test_own.py", "tests/configs")
_REPLAY = ("tests/cosim/test_replay.py", "tests/cosim/test_replay_results.py")
_REPORT = ("tests/cosim/test_report.py", "tests/cosim/compare")

#: The first pattern counts.
_STAGES: Sequence[tuple[str, Sequence[Sequence[str]]]] = (
    ("tb/dpi/transactor.*", (("tests/tb/test_transactor.py",), _BULK, _HANG)),
    ("tb/dpi/*", (_BULK, _HANG)),
    ("golden/regist*", (("tests/golden/test_register_map.py",), _REGISTERS)),
    ("golden/render*", (("tests/golden/test_render.py", "tests/golden/test_register_map.py"),)),
    ("golden/metrics.py", (("tests/golden/test_metrics.py",), _REPORT, _REPLAY)),
    ("golden/quantise.py", (("tests/golden/test_quantise.py",), _OWN, _REPLAY)),
    ("golden/reference.py", (("tests/golden/test_reference.py",), _GOLDEN)),
    ("golden/split*", (("tests/golden/test_split.py",), _GOLDEN, _RTL)),
    ("golden/timing.py", (_FRAMES, _TB, _RTL, _REPLAY)),
    ("golden/protocol.py", (_BULK, _HANG, _FORKED, _REPLAY)),
    ("golden/rows.py", (_TB, _GOLDEN, _REPLAY)),
    ("golden/framing.py", (_FRAMES, _TB, _OWN, _RTL)),
    ("golden/drawn.py", (("tests/golden/test_drawn.py",), _GOLDEN, _OWN)),
    ("golden/softmax.py", (_VECTORS, ("tests/golden/test_softmax.py",), _GOLDEN, _RTL)),
    ("golden/*2d.py", (_VECTORS, ("tests/golden/test_softmax.py",), _GOLDEN, _RTL)),
    ("golden/rexp.py", (_VECTORS, ("tests/golden/test_softmax.py",), _GOLDEN, _RTL)),
    ("golden/tables.py", (_VECTORS, _GOLDEN, _RTL)),
    ("golden/shell.py", (_VECTORS, _GOLDEN, _RTL)),
    ("golden/*", (_GOLDEN, _OWN, _REPLAY)),
    ("tb/pack.py", (("tests/tb/test_pack.py",), _TB, _RTL)),
    ("tb/axil.py", (_REGISTERS, ("tests/sim/test_registers.py",))),
    ("tb/bulk.py", (("tests/tb/test_transactor.py",), _BULK, _HANG)),
    ("tb/fork_server.py", (_FORKED,)),
    ("tb/lean.py", (_FORKED, _BULK)),
    ("tb/server.py", (_BULK, _HANG, _FORKED)),
    ("tb/hang.py", (_HANG,)),
    ("tb/*", (_TB, _RTL, _HANG, _BROKEN)),
    ("softmax_cosim/replay/*", (_REPLAY, ("tests/cosim/test_replay_failures.py",))),
    ("softmax_cosim/report/*", (_REPORT, _REPLAY)),
)


def simulated(file: str) -> bool:
    """Whether a file is of the RTL, which is judged by its simulations and not by pytest."""
    return file.startswith("rtl/")


def stages(file: str) -> Sequence[Sequence[str]]:
    """Arguments of pytest, one run after the other.

    Raises:
        KeyError: nothing is known of the file.
    """
    for pattern, found in _STAGES:
        if fnmatch(file, pattern):
            return found
    raise KeyError(file)
