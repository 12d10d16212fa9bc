"""The softmaxes of an ONNX graph: where they are, however they are written, and what they weigh.

A softmax is attention if its output, through what keeps it a set of weights (types, layouts, a head
mask, quantisation), comes to a product with values. Known are the operator itself, ``Exp`` of a
``LogSoftmax``, and ``Exp`` over its sum; any other form is named as missed rather than guessed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from softmax_cosim.adapters.onnx_scope import Scope, Use
from softmax_cosim.adapters.onnx_walk import PRODUCTS, SUMS, Constant
from softmax_cosim.adapters.onnx_written import WEIGHING, Softmax, written
from softmax_cosim.configs import UsageError

__all__ = ["Survey", "survey"]

WHOLE = (
    *("Cast", "CastLike", "Dropout", "Identity", "Where", "Clip", "Max", "Min"),
    *("Reshape", "Squeeze", "Transpose", "Unsqueeze", "Flatten", "Expand", "Tile"),
    *("Concat", "Gather", "GatherElements", "GatherND", "Pad", "Slice", "Split", "Trilu"),
    *("DequantizeLinear", "DynamicQuantizeLinear", "QuantizeLinear"),
    *("Add", "Div", "Mul", "Sub", "Sum", "Neg"),
)
"""What may stand between softmax and product: it leaves weights weights."""
FIRST_ONLY = (
    *("CastLike", "Clip", "Div", "Expand", "Gather", "GatherElements", "GatherND", "Pad"),
    *("DequantizeLinear", "QuantizeLinear", "Reshape", "Slice", "Split", "Squeeze", "Tile"),
    *("Trilu", "Unsqueeze"),
)
"""Of them those whose other inputs say how."""
ENDS = (
    *("ArgMax", "ArgMin", "TopK", "NonZero", "OneHot", "Multinomial", "Hardmax", "CumSum"),
    *("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not", "IsInf", "IsNaN"),
    *("Log", "LogSoftmax", "Softmax", "NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"),
    *("ReduceL1", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum"),
    *("Shape", "Size", "If", "Loop", "Scan"),
)
"""Weights that go in there do not come out."""
KNOWN_DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")
ROUTERS = ("MoE", "QMoE")
GUESSES = 2
"""Operators that may do anything between a softmax and a product, before one stops looking."""
ELEMENTS = (
    *("Abs", "Ceil", "Celu", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish"),
    *("LeakyRelu", "Mish", "Mod", "PRelu", "Pow", "Reciprocal", "Relu", "Round", "Selu", "Shrink"),
    *("Sigmoid", "Sign", "Softplus", "Softsign", "Sqrt", "Swish", "Tanh", "ThresholdedRelu"),
)
"""They change each element, and leave each where it is: any number of them may be passed."""


@dataclass
class Survey:
    """Every softmax of a graph."""

    attention: dict[int, Softmax] = field(default_factory=dict)
    """By the number of the node that it comes out of."""
    other: dict[str, str] = field(default_factory=dict)
    """Those that weigh nothing, and why one says so, by the name of their scores."""
    missed: dict[str, str] = field(default_factory=dict)
    """Likewise those that may be attention and cannot be replaced."""


def survey(graph: Any, constant: Constant) -> Survey:
    """Find every softmax.

    Args:
        graph: a GraphProto whose local functions are inlined.
        constant: the value of a name in a scope, if it is constant.

    Raises:
        UsageError: attention in a fused operator, a branch or a loop.
        graphlib.CycleError: a tensor hangs on itself.
    """
    found = Survey()
    scopes = list(Scope(graph).all())
    for scope in scopes:
        scope.check_ends()
    for scope in scopes:
        _survey(scope, constant, found)
    return found


def _survey(scope: Scope, constant: Constant, found: Survey) -> None:
    softmaxes = {softmax.node: softmax for softmax in written(scope, constant)}
    for number, node in enumerate(scope.nodes):
        _refuse_fused(scope, node, found)
        if number in softmaxes:
            _sort(scope, number, softmaxes[number], found)
        elif node.op_type == "LogSoftmax":
            known = {softmax.output for softmax in softmaxes.values()}
            _sort_logarithm(scope, node, known, found)


def _sort(scope: Scope, number: int, softmax: Softmax, found: Survey) -> None:
    """Where one softmax belongs."""
    fate = _fate(scope, softmax.output)
    if softmax.late:
        found.missed[softmax.scores] = softmax.odd
    elif softmax.odd == WEIGHING and not fate.product:
        pass  # an exponential that is no softmax's
    elif fate.product and not softmax.odd:
        if scope.parent is not None:
            raise UsageError(
                f"the ONNX graph has attention in a branch or loop ({scope.graph.name}), the "
                f"softmax of {softmax.scores}; export the model without one"
            )
        found.attention[number] = replace(softmax, pooling=not fate.matmul)
    elif fate.product or fate.unsure:
        found.missed[softmax.scores] = softmax.odd or fate.unsure
    else:
        found.other[softmax.scores] = fate.words


def _sort_logarithm(scope: Scope, node: Any, known: set[str], found: Survey) -> None:
    """A LogSoftmax; where an Exp of it is a softmax, that one is sorted on its own."""
    uses = [use for use in _uses(scope, node.output[0]) if use.kind == "Exp"]
    exps = [(use.scope, use.node.output[0]) for use in uses]
    fates = [_fate(where, name) for where, name in exps if name not in known]
    if any(fate.product or fate.unsure for fate in fates):
        found.missed[node.input[0]] = "its LogSoftmax is changed before Exp"
    elif not exps:
        found.other[node.input[0]] = "a logarithm, it weighs no values"


def _refuse_fused(scope: Scope, node: Any, found: Survey) -> None:
    """Operators with a softmax inside."""
    name, kind = node.name or node.output[0], node.op_type
    standard = node.domain in ("", "ai.onnx")
    if kind in ROUTERS:
        found.other[name] = f"a router's, inside {_word(kind)}"
        return
    if standard and kind in ("Softmax", "LogSoftmax"):
        return
    attention = "attention" in kind.lower()
    if "softmax" in kind.lower():
        fate = _fate(scope, node.output[0])
        attention = bool(fate.product or fate.unsure)
        if not attention:
            found.other[node.input[0]] = fate.words
    if attention:
        raise UsageError(
            f"the ONNX node {name!r} is {_word(kind)}, with the softmax inside; "
            "export attention as plain operators"
        )


@dataclass
class _Fate:
    """What becomes of a tensor of weights."""

    product: bool = False
    """It weighs values."""
    matmul: bool = False
    """In one operator."""
    unsure: str = ""
    """Why it might."""
    ends: set[str] = field(default_factory=set)

    @property
    def words(self) -> str:
        """Why it is no attention."""
        return f"it weighs no values, it goes into {', '.join(sorted(self.ends)) or 'nothing'}"


def _fate(scope: Scope, name: str) -> _Fate:
    """Follow a tensor to all its ends."""
    fate = _Fate()
    for use in _uses(scope, name):
        kind = use.kind
        product = any(word in kind for word in PRODUCTS) or (use.multiplied and kind in SUMS)
        if product and not use.through:
            fate.product = True
            fate.matmul |= kind not in SUMS
        elif product:
            fate.unsure = f"it reaches a product through {', '.join(use.through)}"
        elif use.node is not None and use.node.domain not in KNOWN_DOMAINS:
            fate.unsure = f"it goes into {_word(kind)}, and nobody knows what that is"
        elif kind not in WHOLE:
            fate.ends.add(kind)
    return fate


@dataclass(frozen=True)
class _Reached(Use):
    """A use of a tensor, or of what came of it."""

    multiplied: bool = False
    """With something that is computed."""
    through: tuple[str, ...] = ()
    """Operators on the way that may do anything."""

    @property
    def kind(self) -> str:
        """The operator, or that there is none."""
        return "the output" if self.node is None else str(self.node.op_type)


def _uses(scope: Scope, name: str) -> Iterator[_Reached]:
    """Every use of a tensor and of what it becomes, as far as that may be weights."""
    front: list[tuple[Scope, str, bool, tuple[str, ...]]] = [(scope, name, False, ())]
    seen = set()
    while front:
        here, tensor, multiplied, through = front.pop()
        guessed = sum(passed not in ELEMENTS for passed in through)
        if (id(here), tensor, multiplied, guessed, bool(through)) in seen:
            continue
        seen.add((id(here), tensor, multiplied, guessed, bool(through)))
        for use in here.users(tensor):
            if use.node is None and use.scope.parent is not None:
                front += [(s, n, multiplied, through) for s, n in use.scope.leaves(use.position)]
                continue
            yield _Reached(use.scope, use.node, use.position, multiplied, through)
            front += [(s, n, multiplied, through) for s, n in use.scope.enters(use)]
            after = _after(use, through)
            if after is None:
                continue
            times = multiplied or (use.node.op_type == "Mul" and not _by_constant(use))
            front += [(use.scope, output, times, after) for output in use.node.output if output]


def _by_constant(use: Use) -> bool:
    others = [name for position, name in enumerate(use.node.input) if position != use.position]
    return all(use.scope.constant(name) is not None for name in others)


def _after(use: Use, through: tuple[str, ...]) -> tuple[str, ...] | None:
    """The doubtful operators passed once this one is; None where weights end."""
    if use.node is None:
        return None
    kind = use.node.op_type
    if use.position and kind in FIRST_ONLY:
        return None
    if kind in WHOLE:
        return through
    if kind in ENDS or any(word in kind for word in PRODUCTS):
        return None
    if kind in ELEMENTS:
        return through if kind in through else (*through, kind)
    if sum(passed not in ELEMENTS for passed in through) == GUESSES:
        return None
    return (*through, kind)


def _word(kind: str) -> str:
    """An operator's name as it may stand in a sentence."""
    return kind if kind.isprintable() else repr(kind)
