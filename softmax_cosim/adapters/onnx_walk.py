"""Backwards through an ONNX graph: what a tensor is made of, element by element."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy.typing as npt

from softmax_cosim.adapters.onnx_scope import Scope

__all__ = ["LAYOUT", "PRODUCTS", "SUMS", "Constant", "Walk"]

#: The value of a name in a scope, None if it is not constant.
Constant = Callable[[Scope, str], npt.NDArray[Any] | None]

PRODUCTS = ("Einsum", "Gemm", "MatMul")
"""Parts of the names of what weighs values with probabilities."""
SUMS = ("ReduceMean", "ReduceSum")
"""After a multiplication with values, a product."""
SAME = ("Cast", "Identity", "Dropout")
"""What leaves a tensor as it is."""
LAYOUT = (*SAME, "Expand", "Reshape", "Unsqueeze")
"""What brings a row's sum or maximum to its row."""
REDUCED = (
    *("ReduceSum", "ReduceL1", "ReduceL2", "ReduceMean", "ReduceSumSquare", "ReduceLogSum"),
    *("ReduceLogSumExp", "CumSum", "AveragePool", "GlobalAveragePool", "Conv", *PRODUCTS),
)
ELEMENTWISE = (
    *("Abs", "Add", "Clip", "Div", "Log", "Max", "Min", "Mul", "Neg", "Pow", "Reciprocal", "Sqrt"),
    *("Sub", "Sum", "Where", "Concat", "Gather", "Slice", "Split", "Squeeze", "Tile", "Transpose"),
)
"""What may stand between the parts of a softmax that is written out."""


class Walk:
    """Ways back from the tensors of a scope."""

    def __init__(self, scope: Scope, constant: Constant) -> None:
        """Know the graph."""
        self._scope, self._constant = scope, constant

    def node(self, name: str, through: tuple[str, ...] = SAME) -> Any:
        """The node that makes a tensor, but for what only hands it on."""
        return self._scope.maker(self.name(name, through))

    def name(self, name: str, through: tuple[str, ...] = SAME) -> str:
        """What a tensor was called before it was only handed on."""
        node = self._scope.maker(name)
        while node is not None and node.op_type in through:
            name = node.input[0]
            node = self._scope.maker(name)
        return name

    def sources(
        self, name: str, kinds: tuple[str, ...] = ("Exp", "Pow"), reduced: bool = False
    ) -> set[str]:
        """What goes into the nearest exponentials, back from a tensor element by element.

        With ``reduced``, only what is reduced on the way.
        """
        found: set[str] = set()
        seen = set()
        front = [(name, not reduced)]
        while front:
            here = front.pop()
            node = self._scope.maker(here[0])
            if here in seen or node is None:
                continue
            seen.add(here)
            name, done = here
            kind = node.op_type
            inputs = self.exponentials(node) if kind in ("Exp", "Pow") else set(node.input[:1])
            if kind in kinds and inputs and (done or kind in REDUCED):
                found |= inputs
            elif kind in REDUCED and not done:
                front += [(name, True) for name in node.input]
            elif kind in ELEMENTWISE or kind in LAYOUT:
                front += [(name, done) for name in node.input]
        return found

    def weighed(self, name: str) -> set[str]:
        """What goes into exponentials that have weighed what stands in a tensor."""
        node = self.node(name, LAYOUT)
        weighs = node is not None and (
            node.op_type in SUMS or any(word in node.op_type for word in PRODUCTS)
        )
        given = list(node.input) if weighs else []
        return set().union(*(self.sources(each) for each in given))

    def exponentials(self, node: Any) -> set[str]:
        """What a node raises a constant to the power of."""
        if node.op_type == "Exp":
            return {str(node.input[0])}
        constant = self._constant(self._scope, node.input[0]) is not None
        return {str(node.input[1])} if constant else set()

    def is_scores(self, name: str) -> bool:
        """Whether a tensor comes, element by element, from a product of two that are computed."""
        seen, front = set(), [name]
        while front:
            name = front.pop()
            node = self._scope.maker(name)
            if name in seen or node is None:
                continue
            seen.add(name)
            if any(word in node.op_type for word in PRODUCTS):
                factors = [each for each in node.input[:2] if not self._scope.fixed(each)]
                if len(factors) == 2:
                    return True
            elif node.op_type in ELEMENTWISE or node.op_type in LAYOUT:
                front += list(node.input)
        return False
