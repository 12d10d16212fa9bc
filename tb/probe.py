"""What every pipeline stage made of a row, read inside the design: where did it go wrong first?

For one row in an otherwise idle core; needs a simulation whose inner signals are visible.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cocotb
import numpy as np
import numpy.typing as npt
from cocotb.triggers import RisingEdge

from softmax_cosim.configs import Config
from softmax_cosim.golden import split
from softmax_cosim.golden.rows import Rows
from softmax_cosim.golden.softmax import PER_ROW, softmax

__all__ = ["Probe"]


@dataclass(frozen=True)
class _Tap:
    """Where a stage's values pass by: signals of ``softmax_top`` or of a generate block in it."""

    value: str
    valid: tuple[str, ...]
    """All high in a cycle that carries a value."""
    live: str = ""
    """One bit a lane, if the stage has a value a lane."""

    def inside(self, block: str) -> _Tap:
        """The same tap, its signals being those of ``block``."""
        value, *valid = (f"{block}.{name}" for name in (self.value, *self.valid))
        return _Tap(value, tuple(valid), f"{block}.{self.live}" if self.live else "")


def _taps(cfg: Config) -> dict[str, _Tap]:
    """The taps of a configuration, by golden stage."""
    if cfg.method == "split":
        core, term = "gen_split.u_core", ("term_valid", "term_ready")
        taps = {
            "o": _Tap("term_octave", term, "term_live"),
            "p": _Tap("term_mantissa", term, "term_live"),
            "sum": _Tap("total", ("total_valid",)),
            "top": _Tap("top", ("info_valid",)),
            "r": _Tap("r", ("info_valid",)),
        }
        return {stage: tap.inside(core) for stage, tap in taps.items()}
    taps = {"sum": _Tap("sum", ("sum_valid",)), "j": _Tap("j", ("j_valid",))}
    if cfg.two_pass:
        taps["k"] = _Tap("out_k", ("out_valid", "out_ready"), "out_live")
        taps["max"] = _Tap("sum_max", ("sum_valid",))
        return {stage: tap.inside("gen_rexp_two_pass.u_core") for stage, tap in taps.items()}
    shared = {
        "k": _Tap("idx_k", ("idx_valid", "idx_ready"), "idx_live"),
        "max": _Tap("max", ("max_valid", "max_last")),
        "s" if cfg.method == "rexp" else "e": _Tap(
            "exp_value", ("exp_valid", "exp_ready"), "exp_live"
        ),
    }
    taps |= {stage: tap.inside("u_exponents") for stage, tap in shared.items()}
    if cfg.method == "lut2d":
        taps["c"] = _Tap("tenth", ("tenth_valid", "tenth_ready"), "tenth_live")
    return {stage: tap.inside(f"gen_{cfg.method}.u_core") for stage, tap in taps.items()}


class Probe:
    """Records the values of one row at every tap, from now on."""

    def __init__(self, dut: Any, cfg: Config) -> None:
        """Start to watch ``dut``, a ``softmax_top`` built for ``cfg``."""
        self._cfg = cfg
        self._seen: dict[str, list[int]] = {}
        self._dut = dut
        for stage, tap in _taps(cfg).items():
            self._seen[stage] = []
            cocotb.start_soon(self._watch(tap, self._seen[stage]))

    def _handle(self, path: str) -> Any:
        handle = self._dut
        for name in path.split("."):
            handle = getattr(handle, name)
        return handle

    async def _watch(self, tap: _Tap, seen: list[int]) -> None:
        edge = RisingEdge(self._dut.clk_i)
        value = self._handle(tap.value)
        live = self._handle(tap.live) if tap.live else None
        valid = [self._handle(path) for path in tap.valid]
        while True:
            await edge
            if not all(int(pin.value) for pin in valid):
                continue
            bits = int(value.value)
            if live is None:
                seen.append(bits)
                continue
            width = len(value) // self._cfg.lanes
            for lane in range(self._cfg.lanes):
                if int(live.value) >> lane & 1:
                    seen.append(bits >> (lane * width) & (2**width - 1))

    def first_difference(self, row: Rows) -> str:
        """Compare with the golden model of the one row that went through.

        Returns:
            The first stage that differs, in the model's order, and both values; ``y`` if
            everything before the output is right. Masked elements say nothing, nor does what is
            found of the kept ones if there are none.
        """
        kept = np.flatnonzero(row.keep)
        for stage, golden in softmax(self._cfg, row).stages.items():
            of_the_kept = stage in {"max", "top", "r"}
            if stage not in self._seen or (of_the_kept and len(kept) == 0):
                continue
            expected = golden.astype(np.int64) if stage in PER_ROW else golden[kept]
            expected = self._as_stored(stage, expected)
            seen = np.array(self._seen[stage], np.int64)
            if len(seen) != len(expected):
                return f"{stage}: expected {len(expected)} values, got {len(seen)}"
            wrong = np.flatnonzero(seen != expected)
            if len(wrong):
                at = int(wrong[0])
                where = "" if stage in PER_ROW else f" of element {kept[at]}"
                return f"{stage}{where}: expected {expected[at]}, got {seen[at]}"
        return "y"

    def _as_stored(self, stage: str, value: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A stage's values as the core holds them."""
        cfg = self._cfg
        if stage == "max":  # offset binary, in two passes without fraction bits
            value = (value + 2 ** (cfg.in_w - 1)) >> (cfg.frac if cfg.two_pass else 0)
        if stage == "p":  # without the leading one
            value = value - 2 ** split.form(cfg).mant
        return value
