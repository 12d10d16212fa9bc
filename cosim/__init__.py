"""Everything outside the simulator: build, run, traces, evaluation, reports, command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cosim.function import RtlSoftmax

__all__ = ["RtlSoftmax"]


def __getattr__(name: str) -> Any:
    """Load the public names on first use, so that the command line starts fast."""
    if name in __all__:
        from cosim import function

        return getattr(function, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
