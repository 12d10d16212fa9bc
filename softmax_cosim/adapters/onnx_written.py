"""A softmax of an ONNX graph, as an operator or written out in smaller ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from softmax_cosim.adapters.onnx_scope import Scope, attribute
from softmax_cosim.adapters.onnx_walk import LAYOUT, Constant, Walk

__all__ = ["WEIGHING", "Softmax", "written"]

TINY = 1e-6
"""What may be added to a sum against division by zero."""
UNKNOWN = "written out in a form that is not known"
LATE = "written out, its values weighed before its sum divides them"
WEIGHING = (
    "its exponentials weigh values, and how they are divided by their sum is written in a form "
    "that is not known"
)


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
    late: bool = False
    """Values were weighed before it was complete."""


def written(scope: Scope, constant: Constant) -> Iterator[Softmax]:
    """Every softmax among the nodes of a graph."""
    reader = _Reader(scope, constant)
    ways = {
        "Div": reader.quotient,
        "Mul": reader.quotient,
        "Exp": reader.exponential,
        "LpNormalization": reader.normalisation,
    }
    for number, node in enumerate(scope.nodes):
        if node.domain not in ("", "ai.onnx"):
            continue
        if node.op_type == "Softmax":
            yield Softmax(node.input[0], node.output[0], number, attribute(node, "axis"))
        elif node.op_type in ways and (found := ways[node.op_type](node)) is not None:
            scores, axis, odd = found
            late = odd == LATE
            yield Softmax(scores, node.output[0], number, axis, odd, late=late)
    for number, node in enumerate(scope.nodes):
        if node.domain in ("", "ai.onnx") and reader.is_stray(node):
            name = node.input[node.op_type == "Pow"]
            yield Softmax(name, node.output[0], number, None, WEIGHING)


Found = tuple[str, int | None, str]
"""Scores, axis, and what is odd about it."""


class _Reader:
    """Reads a graph backwards."""

    def __init__(self, scope: Scope, constant: Constant) -> None:
        self._scope, self._constant = scope, constant
        self._back = Walk(scope, constant)
        self._seen: set[str] = set()
        """What goes into the exponentials of what was found."""

    def quotient(self, node: Any) -> Found | None:
        """``exp(z) / sum(exp(z))``, or the same times a reciprocal."""
        for top, bottom in self._fractions(node):
            summed = self._back.sources(bottom, reduced=True)
            common, late = self._back.sources(top) & summed, False
            if not common:
                common, late = self._back.weighed(top) & summed, True
            if not common:
                continue
            self._seen |= common
            total = self._sum(bottom)
            exp = self._back.node(top)
            if late:
                return min(common), None, LATE
            if total is None or exp is None or exp.op_type != "Exp":
                return min(common), None, UNKNOWN
            summed_name, axis = total
            if self._back.name(summed_name) != exp.output[0]:
                return min(common), None, UNKNOWN
            return self._scores(exp.input[0], axis), axis, ""
        return None

    def normalisation(self, node: Any) -> Found | None:
        """``Exp`` and then ``LpNormalization`` of order 1."""
        exp = self._back.node(node.input[0])
        if exp is None or exp.op_type != "Exp" or attribute(node, "p", 2) != 1:
            return None
        self._seen.add(exp.input[0])
        axis = attribute(node, "axis", -1)
        return self._scores(exp.input[0], axis), axis, ""

    def is_stray(self, node: Any) -> bool:
        """Whether a node is an exponential of scores of which nothing was found."""
        if node.op_type not in ("Exp", "Pow") or not self._back.exponentials(node):
            return False
        if self._back.exponentials(node) & self._seen:
            return False
        return self._back.is_scores(node.input[node.op_type == "Pow"])

    def exponential(self, node: Any) -> Found | None:
        """``exp(log_softmax(s))``, or ``exp(z - log(sum(exp(z))))``."""
        inner = self._back.node(node.input[0])
        if inner is None:
            return None
        found: Found | None = None
        if inner.op_type == "LogSoftmax":
            found = inner.input[0], attribute(inner, "axis"), ""
        elif inner.op_type == "Sub":
            z, logarithm = inner.input
            axis = self._logarithm(logarithm, self._back.name(z))
            if axis is not None:
                found = self._scores(z, axis), axis, ""
            elif self._back.sources(logarithm, ("Exp", "ReduceLogSumExp"), reduced=True):
                found = z, None, UNKNOWN
        if found is not None:
            self._seen.add(node.input[0])
        return found

    def _logarithm(self, name: str, z: str) -> int | None:
        """The axis, if the tensor is ``log(sum(exp(z)))``; with the maximum beside it or not."""
        node = self._back.node(name, LAYOUT)
        if node is None:
            return None
        if node.op_type == "ReduceLogSumExp" and self._back.name(node.input[0]) == z:
            return self._axis(node, name)
        if node.op_type == "Log":
            total = self._sum(node.input[0], brought=self._brought(name))
            exp = None if total is None else self._back.node(total[0])
            if total and exp is not None and exp.op_type == "Exp":
                return total[1] if self._back.name(exp.input[0]) == z else None
        if node.op_type == "Add":
            for one, other in (tuple(node.input), tuple(node.input)[::-1]):
                log = self._back.node(other, LAYOUT)
                if log is None or log.op_type != "Log":
                    continue
                total = self._sum(log.input[0], brought=self._brought(name))
                exp = None if total is None else self._back.node(total[0])
                shifted = None if exp is None else self._back.node(exp.input[0])
                if total is None or shifted is None or shifted.op_type != "Sub":
                    continue
                same = self._back.name(shifted.input[0]) == z
                if same and self._back.name(shifted.input[1], LAYOUT) == self._back.name(
                    one, LAYOUT
                ):
                    return total[1]
        return None

    def _fractions(self, node: Any) -> Iterator[tuple[str, str]]:
        """Numerator and denominator, whichever way a division is written."""
        if node.op_type == "Div":
            yield node.input[0], node.input[1]
            return
        for top, other in (tuple(node.input), tuple(node.input)[::-1]):
            inverse = self._back.node(other, LAYOUT)
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
        node = self._back.node(name, LAYOUT)
        while node is not None and node.op_type in ("Add", "Clip", "Max"):
            large = [given for given in node.input if given and not self._tiny(given)]
            if len(large) != 1 or node.attribute or any(node.input[2:]):
                return None
            brought = brought or self._brought(large[0])
            node = self._back.node(large[0], LAYOUT)
        if node is None or node.op_type not in ("ReduceSum", "ReduceL1"):
            return None
        axis = self._axis(node, brought=brought)
        return None if axis is None else (node.input[0], axis)

    def _scores(self, name: str, axis: int) -> str:
        """Without the row's maximum subtracted."""
        node = self._back.node(name)
        if node is not None and node.op_type == "Sub":
            top = self._back.node(node.input[1], LAYOUT)
            if top is not None and top.op_type == "ReduceMax":
                same = self._back.name(top.input[0]) == self._back.name(node.input[0])
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

    def _tiny(self, name: str) -> bool:
        value = self._constant(self._scope, name)
        return value is not None and bool((np.abs(value) <= TINY).all())

    def _is(self, name: str, number: float) -> bool:
        value = self._constant(self._scope, name)
        return value is not None and bool((value == number).all())
