"""What is measured: of the regression, the parameter sets that together have every part of the RTL.

One set of each method plays all cases, the others those that look into the arithmetic. Wider and
longer sets would cost more, and reach nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from softmax_cosim.configs import Config
from softmax_cosim.tb.axil import BUILT_LOADABLE
from softmax_cosim.tb.catalogue import PREFIX, listed, of_registers
from tests.sim.parameter_sets import PARAMETER_SETS, REGISTER_SETS

__all__ = ["Measured", "measured"]

_WHOLE = (
    "rexp_int16-lanes8-frac0-max_len256",
    "lut2d_uint8-lanes1-in_w8-frac4-max_len50-sum_indexfloor",
    "split_uint8-lanes4-in_w8-frac0-row_expTrue-max_len90",
)
_IN_PART = (
    "split_uint8-lanes16-row_expTrue-max_len1500",
    "rexp_uint8-lanes16-in_w8-frac4-max_len200-xs16",
    "rexp_uint4-lanes16-in_w4-frac0-max_len1000-sum_indexfloor",
    "rexp_uint2-lanes1-indexmsb-in_w5-frac2-max_len33",
    "lut2d_int16-lanes2-max_len128-xs512-ke128",
    "lut2d_uint4-lanes16-in_w4-frac0-max_len300",
    "lut2d_uint2-lanes8-max_len7-ke2",
    "split_uint8-lanes1-frac15-max_len50",
    "split_uint8-lanes8-in_w8-frac4",
    "split_uint8-lanes8-base2True",
    "split_int16-lanes4-base2True-frac6-max_len500",
    "split_int16-lanes2-frac0-max_len128",
    "split_uint4-lanes2-in_w4-frac2-max_len1",
    "split_uint2-lanes16-row_expTrue-in_w5-frac1-max_len300",
)
_PART = ("latency.", "malformed.every_kind", "power_up.", "streams.")


@dataclass(frozen=True)
class Measured:
    """A parameter set under a top module."""

    cfg: Config
    top: str = "softmax_top"
    loadable: bool = False
    """Of ``softmax_axil``: whether tables can be loaded."""
    part: tuple[str, ...] = ("",)
    """How the names of the cases begin that are played."""

    @property
    def cases(self) -> Sequence[str]:
        """Full names."""
        if self.top == "softmax_axil":
            return of_registers()
        names = [case for case, left_out in listed(self.cfg) if not left_out]
        return [case for case in names if case.removeprefix(PREFIX).startswith(self.part)]

    @property
    def parameters(self) -> Mapping[str, int]:
        """Of the top, beside those of the set."""
        return {"LOADABLE": int(self.loadable)} if self.top == "softmax_axil" else {}

    @property
    def further(self) -> Mapping[str, str]:
        """Variables of the tests' environment."""
        return {BUILT_LOADABLE: str(int(self.loadable))} if self.top == "softmax_axil" else {}


def measured() -> list[Measured]:
    """All that ``make cov`` plays."""
    core = {cfg.name: cfg for cfg in PARAMETER_SETS}
    axil = [
        Measured(cfg, "softmax_axil", loadable)
        for cfg, loadable in REGISTER_SETS.values()
        if loadable
    ]
    whole = [Measured(core[name]) for name in _WHOLE]
    return [*axil, *whole, *(Measured(core[name], part=_PART) for name in _IN_PART)]
