"""Latency of a row as its designer writes it: ``"3*B + 26"``, ``"2*L + clog2(N) + 7"``.

``B`` is the row's beats, ``L`` its elements as driven, ``N`` the lanes of a beat. There are ``+``,
``-``, ``*``, ``/`` (which must come out even), ``//``, ``%``, parentheses, ``min``, ``max``,
``ceil`` of a division, and ``clog2``.
"""

from __future__ import annotations

import ast
import functools
import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

from softmax_cosim.configs.errors import UsageError

__all__ = ["Formula"]

_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "min": min,
    "max": max,
    "ceil": math.ceil,
    "clog2": lambda n: (math.ceil(n) - 1).bit_length(),
}


@dataclass(frozen=True)
class Formula:
    """Cycles from a row's first input beat to its last output beat."""

    text: str

    @classmethod
    def parse(cls, text: str, what: str) -> Self:
        """Read a formula.

        Raises:
            UsageError: ``what`` is no formula.
        """
        formula = cls(text)
        try:
            formula(1, 1, 1)
        except (SyntaxError, ValueError, TypeError, ArithmeticError, KeyError) as error:
            raise UsageError(
                f"{what} = {text!r} is no formula of B (beats), L (elements) and N (lanes): {error}"
            ) from None
        return formula

    def __call__(self, beats: int, length: int, lanes: int) -> int:
        """Cycles.

        Raises:
            ValueError: they are no whole number.
        """
        values = {"B": Fraction(beats), "L": Fraction(length), "N": Fraction(lanes)}
        cycles = Fraction(_value(_parsed(self.text), values))
        if cycles.denominator != 1:
            raise ValueError(f"{self.text} is {float(cycles)} for B={beats}, L={length}, N={lanes}")
        return int(cycles)

    def __str__(self) -> str:
        """As it was written."""
        return self.text


@functools.cache
def _parsed(text: str) -> ast.expr:
    return ast.parse(text.strip(), mode="eval").body


def _value(node: ast.expr, values: dict[str, Fraction]) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return Fraction(str(node.value))
    if isinstance(node, ast.Name):
        if node.id not in values:
            raise ValueError(f"{node.id} is unknown")
        return values[node.id]
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_value(node.left, values), _value(node.right, values))
    if isinstance(node, ast.UnaryOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_value(node.operand, values))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        if node.func.id not in _FUNCTIONS:
            raise ValueError(f"{node.func.id} is unknown")
        return _FUNCTIONS[node.func.id](*(_value(each, values) for each in node.args))
    raise ValueError(f"{ast.unparse(node)} is not understood")
