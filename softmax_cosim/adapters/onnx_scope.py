"""Names in an ONNX graph and in the graphs within it: who makes a tensor, and who uses it."""

from __future__ import annotations

import graphlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["Scope", "Use", "attribute", "inputs_of", "subgraphs"]


@dataclass(frozen=True)
class Use:
    """A tensor goes into a node, or out of a graph."""

    scope: Scope
    node: Any
    """None: it is an output of the scope's graph."""
    position: int
    """Among the inputs of the node, or the outputs of the graph."""


class Scope:
    """One graph, seen with those around and within it."""

    def __init__(self, graph: Any, parent: Scope | None = None, owner: Any = None) -> None:
        """Look at a graph; ``owner`` is the node of the parent that holds it."""
        self.graph, self.parent, self.owner = graph, parent, owner
        self.inner: list[Scope] = []
        self.nodes = list(graph.node)
        self._makers: dict[str, Any] = {n: node for node in self.nodes for n in node.output if n}
        self._constants = {tensor.name: tensor for tensor in graph.initializer}
        self._given = {value.name for value in graph.input} | set(self._constants)
        self._users: dict[str, list[Use]] = {}
        for node in self.nodes:
            for position, name in enumerate(node.input):
                self._use(name, Use(self, node, position))
            self.inner += [Scope(inner, self, node) for inner in subgraphs(node)]
        for position, value in enumerate(graph.output):
            self._use(value.name, Use(self, None, position))

    def all(self) -> Iterator[Scope]:
        """This one and all within."""
        yield self
        for scope in self.inner:
            yield from scope.all()

    def check_ends(self) -> None:
        """See that no tensor hangs on itself: every way back through the graph has an end.

        Raises:
            graphlib.CycleError: one does.
        """
        before: dict[int, set[int]] = {}
        for name, uses in self._users.items():
            if (maker := self._makers.get(name)) is not None:
                for use in uses:
                    if (user := self._holder(use)) is not None:
                        before.setdefault(id(user), set()).add(id(maker))
        graphlib.TopologicalSorter(before).prepare()

    def _holder(self, use: Use) -> Any:
        """The node of this scope that a use is in."""
        scope, node = use.scope, use.node
        while scope is not self:
            assert scope.parent is not None
            scope, node = scope.parent, scope.owner
        return node

    def home(self, name: str) -> Scope:
        """The scope that a name belongs to."""
        if self.parent is None or name in self._makers or name in self._given:
            return self
        return self.parent.home(name)

    def maker(self, name: str) -> Any:
        """The node that makes a tensor, None for what is given."""
        return self.home(name)._makers.get(name)

    def users(self, name: str) -> list[Use]:
        """Who uses a tensor of this scope, within it or in the graphs inside."""
        return self.home(name)._users.get(name, [])

    def constant(self, name: str) -> Any:
        """The TensorProto that stands for a name, None if that is computed or given.

        Of a constant that is written as a number or some numbers, the AttributeProto.
        """
        home = self.home(name)
        maker = home._makers.get(name)
        if maker is not None and maker.op_type == "Constant":
            found = next(iter(maker.attribute), None)
            return found.t if found is not None and found.name == "value" else found
        return home._constants.get(name)

    def fixed(self, name: str) -> bool:
        """Whether a tensor hangs on constants alone."""
        maker = self.maker(name)
        if maker is None:
            return not name or self.constant(name) is not None
        return all(self.fixed(given) for given in maker.input) and not any(subgraphs(maker))

    def enters(self, use: Use) -> Iterator[tuple[Scope, str]]:
        """As what tensors an input of a loop goes on in its body."""
        for scope in self.inner:
            if scope.owner is use.node and use.position < len(scope.graph.input):
                yield scope, scope.graph.input[use.position].name

    def leaves(self, position: int) -> Iterator[tuple[Scope, str]]:
        """As what tensors an output of a branch or body goes on."""
        assert self.parent is not None
        kind, node = self.owner.op_type, self.owner
        first = 1 if kind == "Loop" else 0  # a Loop's body says first whether to go on
        if 0 <= position - first < len(node.output) and node.output[position - first]:
            yield self.parent, node.output[position - first]
        carried = len(self.graph.input) - attribute(node, "num_scan_inputs", 0)
        if kind in ("Loop", "Scan") and first <= position < carried - first:
            yield self, self.graph.input[position + first].name

    def _use(self, name: str, use: Use) -> None:
        if name:
            self.home(name)._users.setdefault(name, []).append(use)


def attribute(node: Any, name: str, default: Any = None) -> Any:
    """An integer or list of integers of a node."""
    for found in node.attribute:
        if found.name == name:
            return list(found.ints) if found.ints else found.i
    return default


def inputs_of(node: Any) -> set[str]:
    """Names that a node uses, those of its branches or body included."""
    names = {name for name in node.input if name}
    for graph in subgraphs(node):
        inner = set().union(*(inputs_of(n) for n in graph.node)) | {o.name for o in graph.output}
        own = {name for n in graph.node for name in n.output}
        own |= {value.name for value in (*graph.input, *graph.initializer)}
        names |= inner - own
    return names


def subgraphs(node: Any) -> Iterator[Any]:
    """Branches or body of a node."""
    for found in node.attribute:
        if found.HasField("g"):
            yield found.g
        yield from found.graphs
