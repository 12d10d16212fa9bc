"""What is proven: a module of this folder around a part of the RTL, and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from softmax_cosim import configs
from softmax_cosim.simulation.build import parameters_of

__all__ = ["MODES", "PROOFS", "Change", "Proof"]

#: By induction, for ever; without a failure up to a depth; every cover is reached within it.
MODES = {"induction": "prove", "bounded": "bmc", "cover": "cover"}


class Change(NamedTuple):
    """Lines of a file, and what takes their place."""

    file: str
    lines: str
    become: str


class Proof(NamedTuple):
    """A module of this folder, and how its properties are proven, one of :data:`MODES`.

    ``depth`` is the induction's, or counts cycles from the first one.
    """

    top: str
    depth: int
    how: str = "induction"
    parameters: Mapping[str, str | int] = {}
    changes: Sequence[Change] = ()
    registers: str = ""
    """The configuration whose register map the proof reads."""


#: A row store of a few beats is full within a few cycles; how many makes no other difference.
_SMALL = (
    Change("softmax_pkg.sv", "IN_FLIGHT = 14;", "IN_FLIGHT = 2;"),
    Change("softmax_split.sv", "/ LANES + InfoLatency + 1;", "/ LANES + 2;"),
)
#: What holds by induction speaks of the words in a memory, which Yosys allows of a vector alone.
_VECTORS = (Change("ram_1r1w.sv", "logic [W-1:0] mem[DEPTH];", "logic [DEPTH-1:0][W-1:0] mem;"),)


def _flow(core: str) -> Proof:
    return Proof(f"softmax_flow_{core}_proof", 2, "induction", {}, (*_VECTORS, *_SMALL))


def _bounded(top: str, depth: int, method: str, **parameters: int) -> Proof:
    return Proof(top, depth, "bounded", {"METHOD": f'"{method}"', **parameters}, _SMALL)


def _registers(config: str, how: str = "induction", depth: int = 2, **others: int) -> Proof:
    parameters = parameters_of(configs.load(config)) | others
    written = {
        key: f'"{value}"' if isinstance(value, str) else value for key, value in parameters.items()
    }
    return Proof("softmax_regs_proof", depth, how, written, (), config)


_TINY = {"IN_W": 4, "F": 0, "W": 2, "LANES": 1, "MAX_LEN": 2, "XS": 4, "KE": 8}

PROOFS = {
    "stream_reg": Proof("stream_reg_proof", 2),
    "stream_reg, elastic": Proof("stream_reg_proof", 2, "induction", {"ELASTIC": 1}),
    "fall_through_fifo": Proof("fall_through_fifo_proof", 3, "induction", {}, _VECTORS),
    "fall_through_fifo, registered": Proof(
        "fall_through_fifo_proof", 3, "induction", {"FALL_THROUGH": 0}, _VECTORS
    ),
    "row_store": Proof("row_store_proof", 2, "induction", {}, _VECTORS),
    "row_store, registered": Proof(
        "row_store_proof", 2, "induction", {"FALL_THROUGH": 0}, _VECTORS
    ),
    "axil_slave": Proof("axil_slave_proof", 3),
    "axil_slave, what can happen": Proof("axil_slave_proof", 10, "cover"),
    "registers of rexp": _registers("rexp_uint8"),
    "registers of lut2d": _registers("lut2d_int16"),
    "registers of split": _registers("split_uint8"),
    "registers, constant tables": _registers("rexp_uint8", LOADABLE=0),
    "registers of rexp, what can happen": _registers("rexp_uint8", "cover", 10),
    "registers of lut2d, what can happen": _registers("lut2d_int16", "cover", 10),
    "flow of rexp, two passes": _flow("rexp_two_pass"),
    "flow of rexp, three passes": _flow("rexp"),
    "flow of lut2d": _flow("lut2d"),
    "flow of split": _flow("split"),
    "values of rexp": _bounded("softmax_values_proof", 20, "rexp", LANES=1, MAX_LEN=2),
    "values of lut2d": _bounded("softmax_values_proof", 22, "lut2d", LANES=1, MAX_LEN=2),
    "X of rexp": _bounded("softmax_twin_proof", 18, "rexp", **_TINY),
    "X of lut2d": _bounded("softmax_twin_proof", 20, "lut2d", **_TINY),
    "X of split": _bounded("softmax_twin_proof", 20, "split", **_TINY),
}
