"""A limit, as ``--fail-on`` takes it: a figure that must not be so.

::

    total.l1 > 0.02                  any design's total L1 error is above 0.02
    split_uint8: latency.p99 >= 300  of this design alone
    delta total.l1 > 0.001           it grew by more than that        (cosim compare)
    total.l1 > 1.05x                 it is more than 1.05 times A's   (cosim compare)
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from softmax_cosim.configs import UsageError

__all__ = ["Limit", "parse"]

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
_LIMIT = re.compile(
    rf"""
    (?: (?P<design> .*\S ) \s* : )? \s*
    (?: (?P<delta> delta ) \s+ )?
    (?P<figure> \w [\w.-]* ) \s*
    (?P<operator> {"|".join(_OPERATORS)} ) \s*
    (?P<number> [+-]? (?: \d+\.?\d* | \.\d+ ) (?: [eE] [+-]? \d+ )? )
    (?: \s* (?P<factor> x ) )?
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class Limit:
    """A figure, and what it must not be."""

    figure: str
    """By its name in the JSON file, dots between the levels: ``latency.p99``."""
    operator: str
    number: float
    design: str = ""
    """The only one that it speaks of; empty: all."""
    kind: Literal["value", "delta", "factor"] = "value"
    """What is compared with the number: the figure, its change, or how many times it is A's."""

    @property
    def change(self) -> bool:
        """It speaks of two reports."""
        return self.kind != "value"

    def broken(self, value: float, before: float = math.nan) -> bool:
        """Whether the figure is what it must not be; ``before`` is A's, for a change."""
        bound = self.number * before if self.kind == "factor" else self.number
        reached = value - before if self.kind == "delta" else value
        return _OPERATORS[self.operator](reached, bound)

    def __str__(self) -> str:
        """As :func:`parse` reads it."""
        design = f"{self.design}: " if self.design else ""
        delta = "delta " if self.kind == "delta" else ""
        factor = "x" if self.kind == "factor" else ""
        number = repr(self.number).removesuffix(".0")
        return f"{design}{delta}{self.figure} {self.operator} {number}{factor}"


def parse(text: str) -> Limit:
    """The limit that ``--fail-on`` was given.

    Raises:
        UsageError: it is none.
    """
    found = _LIMIT.fullmatch(text.strip())
    number = float(found["number"]) if found else math.nan
    if found is None or not math.isfinite(number) or (found["delta"] and found["factor"]):
        raise UsageError(
            f"--fail-on {text!r} is no limit; write it as 'total.l1 > 0.02', with one of "
            f"{' '.join(_OPERATORS)}, or of one design as 'split_uint8: total.l1 > 0.02'; "
            "of two reports also 'delta total.l1 > 0.001' or 'total.l1 > 1.05x'"
        )
    return Limit(
        figure=found["figure"],
        operator=found["operator"],
        number=number,
        design=found["design"] or "",
        kind="delta" if found["delta"] else "factor" if found["factor"] else "value",
    )
