"""A broken line of the RTL, and the property that must fail."""

from __future__ import annotations

from typing import NamedTuple

from formal.proofs import Change

__all__ = ["Mutant"]


class Mutant(NamedTuple):
    """What is broken, and which property of which proof must fail within ``depth`` cycles."""

    proof: str
    property: str
    change: Change
    depth: int
