"""What changed from one report to another, as a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from softmax_cosim.compare.changes import Comparison
from softmax_cosim.compare.limit import Limit
from softmax_cosim.report.html import environment

__all__ = ["render"]


def render(compared: Comparison, limits: Sequence[Limit], broken: Sequence[str]) -> str:
    """The page as text: the limits that do not hold first, each by a sentence of ``broken``."""
    page = environment(Path(__file__).parent).get_template("compare.html.j2")
    return page.render(compared=compared, changed=compared.changed(), limits=limits, broken=broken)
