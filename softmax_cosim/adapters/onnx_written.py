"""A softmax of an ONNX graph, as an operator or written out in smaller ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from softmax_cosim.adapters.onnx_scope import Scope, attribute

__all__ = ["Constant", "Softmax", "written"]

#: The value of a name in a scope, None if it is not constant.
Constant = Callable[[Scope, str], npt.NDArray[Any] | None]

SAME = ("Cast", "Identity", "Dropout")
"""What leaves a tensor as it is."""
LAYOUT = (*SAME, "Expand", "Reshape", "Unsqueeze")
"""What brings a row's sum or maximum to its row."""
TINY = 1e-6
"""What may be added to a sum against division by zero."""
REDUCED = ("ReduceSum", "ReduceL1", "ReduceMean", "ReduceLogSum", "ReduceLogSumExp", "MatMul")
ELEMENTWISE = (
    *("Add", "Clip", "Div", "Log", "Max", "Min", "Mul", "Neg", "Reciprocal", "Sub", "Where"),
)
"""What may stand between the parts of a softmax that is written out."""
UNKNOWN = "written out in a form that is not known"


@dataclass(frozen=True)
class Softmax:
    """One softmax."""

    scores: str
    """The tensor that goes in; written out, as it is before the maximum is subtracted."""
    output: str
    node: int
    """Number of the node in its graph that the output comes out of."""
    axis: int | None
    """As the graph says it; None: the operator's default."""
    odd: str = ""
    """Why it cannot be replaced, if that is seen from how it is written."""
    pooling: bool = False
    """It weighs by a multiplication and a sum, along whatever axis."""


def written(scope: Scope, constant: Constant) -> Iterator[Softmax]:
    """Every softmax among the nodes of a graph."""
    reader = _Reader(scope, constant)
    for number, node in enumerate(scope.nodes):
        if node.domain not in ("", "ai.onnx"):
            continue
        if node.op_type == "Softmax":
            yield Softmax(node.input[0], node.output[0], number, attribute(node, "axis"))
            continue
        found = None
        if node.op_type in ("Div", "Mul"):
            found = reader.quotient(node)
        elif node.op_type == "Exp":
            found = reader.exponential(node)
        if found is not None:
            scores, axis, odd = found
            yield Softmax(scores, node.output[0], number, axis, odd)


Found = tuple[str, int | None, str]
"""Scores, axis, and what is odd about it."""


class _Reader:
    """Reads a graph backwards."""

    def __init__(self, scope: Scope, constant: Constant) -> None:
        self._scope, self._constant = scope, constant

    def quotient(self, node: Any) -> Found | None:
        """``exp(z) / sum(exp(z))``, or the same times a reciprocal."""
        for top, bottom in self._fractions(node):
            common = self._sources(top, ("Exp", "Pow"))
            if common:
                common &= self._sources(bottom, ("Exp", "Pow"), reduced=True)
            if not common:
                continue
            total = self._sum(bottom)
            exp = self._back(top)
            if total is None or exp is None or exp.op_type != "Exp":
                return min(common), None, UNKNOWN
            summed, axis = total
            if self._name(summed) != exp.output[0]:
                return min(common), None, UNKNOWN
            return self._scores(exp.input[0], axis), axis, ""
        return None

    def exponential(self, node: Any) -> Found | None:
        """``exp(log_softmax(s))``, or ``exp(z - log(sum(exp(z))))``."""
        inner = self._back(node.input[0])
        if inner is None:
            return None
        if inner.op_type == "LogSoftmax":
            return inner.input[0], attribute(inner, "axis"), ""
        if inner.op_type != "Sub":
            return None
        z, logarithm = inner.input
        axis = self._logarithm(logarithm, self._name(z))
        if axis is not None:
            return self._scores(z, axis), axis, ""
        if self._sources(logarithm, ("Exp", "ReduceLogSumExp"), reduced=True):
            return z, None, UNKNOWN
        return None

    def _logarithm(self, name: str, z: str) -> int | None:
        """The axis, if the tensor is ``log(sum(exp(z)))``; with the maximum beside it or not."""
        node = self._back(name, LAYOUT)
        if node is None:
            return None
        if node.op_type == "ReduceLogSumExp" and self._name(node.input[0]) == z:
            return self._axis(node, name)
        if node.op_type == "Log":
            total = self._sum(node.input[0], brought=self._brought(name))
            exp = None if total is None else self._back(total[0])
            if total and exp is not None and exp.op_type == "Exp":
                return total[1] if self._name(exp.input[0]) == z else None
        if node.op_type == "Add":
            for one, other in (tuple(node.input), tuple(node.input)[::-1]):
                log = self._back(other, LAYOUT)
                if log is None or log.op_type != "Log":
                    continue
                total = self._sum(log.input[0], brought=self._brought(name))
                exp = None if total is None else self._back(total[0])
                shifted = None if exp is None else self._back(exp.input[0])
                if total is None or shifted is None or shifted.op_type != "Sub":
                    continue
                same = self._name(shifted.input[0]) == z
                if same and self._name(shifted.input[1], LAYOUT) == self._name(one, LAYOUT):
                    return total[1]
        return None

    def _fractions(self, node: Any) -> Iterator[tuple[str, str]]:
        """Numerator and denominator, whichever way a division is written."""
        if node.op_type == "Div":
            yield node.input[0], node.input[1]
            return
        for top, other in (tuple(node.input), tuple(node.input)[::-1]):
            inverse = self._back(other, LAYOUT)
            if inverse is None:
                continue
            if inverse.op_type == "Reciprocal":
                yield top, inverse.input[0]
            elif inverse.op_type == "Div" and self._is(inverse.input[0], 1):
                yield top, inverse.input[1]
            elif inverse.op_type == "Pow" and self._is(inverse.input[1], -1):
                yield top, inverse.input[0]

    def _sum(self, name: str, brought: bool = False) -> tuple[str, int] | None:
        """What is summed, and along which axis, if the tensor is no more than a sum of rows."""
        brought = brought or self._brought(name)
        node = self._back(name, LAYOUT)
        while node is not None and node.op_type in ("Add", "Clip", "Max"):
            large = [given for given in node.input if given and not self._tiny(given)]
            if len(large) != 1 or node.attribute or any(node.input[2:]):
                return None
            brought = brought or self._brought(large[0])
            node = self._back(large[0], LAYOUT)
        if node is None or node.op_type not in ("ReduceSum", "ReduceL1"):
            return None
        axis = self._axis(node, brought=brought)
        return None if axis is None else (node.input[0], axis)

    def _scores(self, name: str, axis: int) -> str:
        """Without the row's maximum subtracted."""
        node = self._back(name)
        if node is not None and node.op_type == "Sub":
            top = self._back(node.input[1], LAYOUT)
            if top is not None and top.op_type == "ReduceMax":
                same = self._name(top.input[0]) == self._name(node.input[0])
                if same and self._axis(top, node.input[1]) == axis:
                    return str(node.input[0])
        return name

    def _axis(self, node: Any, name: str = "", brought: bool = False) -> int | None:
        """The one axis that a reduction runs along, if its result stands over its row."""
        if not attribute(node, "keepdims", 1) and not (brought or self._brought(name)):
            return None
        axes = attribute(node, "axes")
        if len(node.input) > 1 and node.input[1]:
            value = self._constant(self._scope, node.input[1])
            axes = None if value is None else [int(axis) for axis in np.ravel(value)]
        return axes[0] if isinstance(axes, list) and len(axes) == 1 else None

    def _brought(self, name: str) -> bool:
        """Whether the layout is changed on the way to this name."""
        node = self._scope.maker(name) if name else None
        while node is not None and node.op_type in LAYOUT:
            if node.op_type in ("Reshape", "Unsqueeze"):
                return True
            node = self._scope.maker(node.input[0])
        return False

    def _back(self, name: str, through: tuple[str, ...] = SAME) -> Any:
        """The node that makes a tensor, but for what only hands it on."""
        return self._scope.maker(self._name(name, through))

    def _name(self, name: str, through: tuple[str, ...] = SAME) -> str:
        node = self._scope.maker(name)
        while node is not None and node.op_type in through:
            name = node.input[0]
            node = self._scope.maker(name)
        return name

    def _sources(self, name: str, kinds: tuple[str, ...], reduced: bool = False) -> set[str]:
        """What goes into the nearest of some operators, back from a tensor element by element.

        With ``reduced``, only what is reduced on the way.
        """
        found, seen = set(), set()
        front = [(name, not reduced)]
        while front:
            here = front.pop()
            node = self._scope.maker(here[0])
            if here in seen or node is None:
                continue
            seen.add(here)
            name, done = here
            kind = node.op_type
            if kind in kinds and (done or kind in REDUCED):
                position = 1 if kind == "Pow" else 0
                if kind != "Pow" or self._constant(self._scope, node.input[0]) is not None:
                    found.add(str(node.input[position]))
            elif kind in REDUCED and not done:
                front += [(name, True) for name in node.input]
            elif kind in ELEMENTWISE or kind in LAYOUT:
                front += [(name, done) for name in node.input]
        return found

    def _tiny(self, name: str) -> bool:
        value = self._constant(self._scope, name)
        return value is not None and bool((np.abs(value) <= TINY).all())

    def _is(self, name: str, number: float) -> bool:
        value = self._constant(self._scope, name)
        return value is not None and bool((value == number).all())
