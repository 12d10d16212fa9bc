"""What is synthesised: our core, or a design of somebody's own by its own top module."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from softmax_cosim.configs import Config, UsageError
from softmax_cosim.configs.design import Rtl
from softmax_cosim.paths import RTL
from softmax_cosim.simulation import wrapper
from softmax_cosim.simulation.build import literal, parameters_of, rtl_sources

__all__ = ["OUR_TOP", "Unit", "unit_of"]

OUR_TOP = "softmax_top"
#: What a design with the ports of our core takes.
_STREAMS = ("IN_W", "F", "W", "LANES", "MAX_LEN")


@dataclass(frozen=True)
class Unit:
    """RTL, whosever it is."""

    name: str
    """Of the configuration."""
    rtl: Rtl
    """Its parameters are as SystemVerilog writes them."""
    folder: Path
    """Where the names of memory files start."""
    own: bool = False
    """It is our core."""


def unit_of(cfg: Config) -> Unit:
    """The RTL that a configuration stands for.

    Raises:
        UsageError: it is a golden model alone, or a parameter names what is not there.
    """
    ours = {name: literal(value) for name, value in parameters_of(cfg).items()}
    if cfg.design is None:
        files = tuple(map(str, rtl_sources()))
        return Unit(cfg.name, Rtl(OUR_TOP, files, parameters=ours), RTL, own=True)
    rtl = cfg.design.rtl
    if rtl is None:
        raise UsageError(
            f"{cfg.name} is a golden model without RTL; there is nothing to synthesise"
        )
    parameters = wrapper.parameters_of(cfg, rtl)
    if cfg.design.ports is None:
        parameters = {name: ours[name] for name in _STREAMS} | parameters
    rtl = dataclasses.replace(rtl, parameters=parameters)
    return Unit(cfg.name, rtl, cfg.design.folder)
