"""What is synthesised: our core, or a design of the user's own by its own top module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from softmax_cosim.configs import Config
from softmax_cosim.paths import RTL
from softmax_cosim.simulation.build import parameters_of, rtl_sources

__all__ = ["OUR_TOP", "Design", "design_of"]

OUR_TOP = "softmax_top"
#: Parameters of the streams, which a design of the user's own takes.
_STREAMS = ("IN_W", "F", "W", "LANES", "MAX_LEN")


@dataclass(frozen=True)
class Design:
    """RTL and how it is read."""

    name: str
    """Of the configuration."""
    top: str
    files: tuple[Path, ...]
    """In the order in which they are read."""
    folder: Path
    """Where the names of memory files start."""
    parameters: Mapping[str, str | int]
    """Of the top module."""
    include_dirs: tuple[Path, ...] = ()
    defines: Mapping[str, str | int] = field(default_factory=dict)
    language: str = ""
    """Keywords of this standard only, such as ``1364-2001``; empty for all of SystemVerilog."""
    own: bool = False
    """It is our core."""


def design_of(cfg: Config) -> Design:
    """The RTL that a configuration stands for."""
    parameters = parameters_of(cfg)
    if cfg.method != "custom":
        return Design(cfg.name, OUR_TOP, tuple(rtl_sources()), RTL, parameters, own=True)
    taken = {name: parameters[name] for name in _STREAMS}
    return Design(cfg.name, cfg.top, tuple(cfg.source_files), Path(cfg.folder), taken)
