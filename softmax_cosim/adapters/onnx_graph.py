"""Any ONNX graph: its attention scores recorded, or its attention softmax replaced.

The graph is cut at its attention softmaxes into stages. Each stage is a session of onnxruntime, and
between two of them the softmax is a call of a function on numpy arrays. A softmax that weighs
nothing, as a classifier's last one, stays where it is.

A score that the graph masked with -inf or the lowest finite value is masked for the function as
well; a milder mask, such as -10000, is part of the score.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy.typing as npt

from softmax_cosim.adapters import require
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Softmax, apply

__all__ = ["OnnxModel"]

Array = npt.NDArray[Any]

PRODUCTS = ("Einsum", "FusedMatMul", "Gemm", "MatMul")
"""What weighs values with probabilities."""
ON_THE_WAY = (
    *("Cast", "Dropout", "Identity", "IsNaN", "Where"),
    *("Reshape", "Squeeze", "Transpose", "Unsqueeze"),
)
"""What may stand between softmax and product: types, guards, layouts."""
AXIS_LAST = 13
"""The operator set from which the axis of a softmax that names none is the last; before, 1."""


class OnnxModel:
    """An ONNX graph that runs as it is, or with another softmax in its attention."""

    inputs: tuple[str, ...]
    """Names of what the model takes."""
    layers: tuple[str, ...]
    """Names of the tensors that go into the attention softmaxes, in the order in which they run."""

    def __init__(self, model: str | os.PathLike[str] | Any) -> None:
        """Find the attention.

        Args:
            model: a file, or an ``onnx.ModelProto``, which is left as it is.

        Raises:
            UsageError: not ONNX, no attention softmax, attention that is one fused operator or
                stands in a branch or loop, or onnx and onnxruntime are not installed.
        """
        self._onnx = require("onnx", "onnx")
        require("onnxruntime", "onnx")
        if isinstance(model, str | os.PathLike):
            model = _load(Path(model))
        if model.functions:
            model = require("onnx.inliner", "onnx").inline_local_functions(model)
        self._model, self._graph = model, model.graph
        _refuse_hidden_attention(self._graph)
        constant = {tensor.name for tensor in self._graph.initializer}
        self.inputs = tuple(i.name for i in self._graph.input if i.name not in constant)
        self._levels, self._cuts = self._leveled()
        if not self._cuts:
            raise UsageError(
                f"the ONNX graph {self._graph.name!r} has no Softmax whose output weighs values in "
                f"one of {', '.join(PRODUCTS)}; export its attention as plain operators"
            )
        self.layers = tuple(node.input[0] for _, node in self._cuts)

    @property
    def metadata(self) -> dict[str, str]:
        """What the file tells about itself."""
        return {entry.key: entry.value for entry in self._model.metadata_props}

    def run(self, feeds: Mapping[str, Array], softmax: Softmax | None = None) -> list[Array]:
        """The graph's outputs.

        Args:
            feeds: an array for each of :attr:`inputs`.
            softmax: computes every attention softmax; None runs the graph as it is, and so does
                one that answers None, as a :class:`.engines.Recorder` on its own.

        Raises:
            UsageError: a missing or unknown input, a softmax along another axis than the last, or
                a function that answers for some layers only.
        """
        if set(feeds) != set(self.inputs):
            raise UsageError(
                f"the ONNX graph takes {', '.join(self.inputs)}; "
                f"it was given {', '.join(feeds) or 'nothing'}"
            )
        if softmax is None:
            outputs: list[Array] = self._plain.run(None, dict(feeds))
            return outputs
        values = dict(feeds)
        for level, stage in enumerate(self._stages):
            if stage is not None:
                made = stage.run(None, {i.name: values[i.name] for i in stage.get_inputs()})
                values.update(zip((o.name for o in stage.get_outputs()), made, strict=True))
            for node in (node for there, node in self._cuts if there == level):
                answer = self._call(softmax, node, values[node.input[0]])
                if answer is None and node is self._cuts[0][1]:
                    return self._listen(feeds, softmax)
                if answer is None:
                    raise _undecided(node.input[0])
                values[node.output[0]] = answer
        return [values[output.name] for output in self._graph.output]

    def _listen(self, feeds: Mapping[str, Array], softmax: Softmax) -> list[Array]:
        """The graph as it is; the softmax, which has heard its first layer, hears the others."""
        tapped = self._tapped.run(list(self.layers), dict(feeds))
        for (_, node), scores in list(zip(self._cuts, tapped, strict=True))[1:]:
            if self._call(softmax, node, scores) is not None:
                raise _undecided(node.input[0])
        return self.run(feeds)

    def _call(self, softmax: Softmax, node: Any, scores: Array) -> Array | None:
        default = -1 if self._version >= AXIS_LAST else 1
        axis = next((a.i for a in node.attribute if a.name == "axis"), default)
        if axis not in (-1, scores.ndim - 1):
            raise UsageError(
                f"the softmax of {node.input[0]} runs along axis {axis} of {scores.ndim}; "
                "only one along the last axis can be replaced"
            )
        answer = apply(softmax, node.input[0], scores, None)
        return None if answer is None else answer.astype(scores.dtype, copy=False)

    @cached_property
    def _version(self) -> int:
        """Of the standard operators."""
        versions = {entry.domain: entry.version for entry in self._model.opset_import}
        return int(versions.get("", versions.get("ai.onnx", AXIS_LAST)))

    @cached_property
    def _plain(self) -> Any:
        """A session of the graph as it is."""
        return _session(self._model)

    @cached_property
    def _tapped(self) -> Any:
        """As it is, with the scores of every layer as further outputs."""
        model = type(self._model)()
        model.CopyFrom(self._model)
        names = set(self.layers) - {output.name for output in self._graph.output}
        model.graph.output.extend(self._onnx.ValueInfoProto(name=name) for name in sorted(names))
        return _session(model)

    @cached_property
    def _stages(self) -> list[Any]:
        """A session of each level; None where a level has nothing to compute."""
        known = {value.name: value for value in self._graph.input if value.name in self.inputs}
        stages = []
        for level in range(max(self._levels) + 1):
            stages.append(stage := self._stage(level, known))
            for output in [] if stage is None else stage.get_outputs():
                known[output.name] = self._typed(output.name, output.type)
            for node in (node for there, node in self._cuts if there == level):
                value = self._onnx.ValueInfoProto(name=node.output[0])
                kind = known[node.input[0]].type.tensor_type.elem_type
                value.type.tensor_type.elem_type = kind
                known[value.name] = value
        return stages

    def _stage(self, level: int, known: Mapping[str, Any]) -> Any:
        """What later levels want of this one, computed from the values known.

        What is constant is computed where it is used: some operators insist on that.
        """
        cut = {node.output[0] for _, node in self._cuts}
        wanted = {output.name for output in self._graph.output}
        outputs = []
        for node, there in zip(self._graph.node, self._levels, strict=True):
            if there > level or node.output[0] in cut:
                wanted |= _inputs(node)
        for node, there in zip(self._graph.node, self._levels, strict=True):
            if there == level and node.output[0] not in cut:
                outputs += [name for name in node.output if name in wanted]
        if not outputs:
            return None
        nodes, used = [], set(outputs)
        for node in reversed(self._graph.node):
            if used & set(node.output) - set(known):
                nodes.append(node)
                used |= _inputs(node)
        graph = self._onnx.helper.make_graph(
            nodes[::-1],
            f"level {level}",
            [value for name, value in known.items() if name in used],
            [self._onnx.ValueInfoProto(name=name) for name in outputs],
            [tensor for tensor in self._graph.initializer if tensor.name in used],
        )
        return _session(
            self._onnx.helper.make_model(
                graph,
                opset_imports=self._model.opset_import,
                ir_version=self._model.ir_version,
            )
        )

    def _typed(self, name: str, kind: str) -> Any:
        """A value of a type as onnxruntime tells it: ``tensor(float)``."""
        if not kind.startswith("tensor("):
            raise UsageError(f"{name} is a {kind} that crosses an attention; only tensors can")
        value = self._onnx.ValueInfoProto(name=name)
        value.type.tensor_type.elem_type = self._onnx.TensorProto.DataType.Value(kind[7:-1].upper())
        return value

    def _leveled(self) -> tuple[list[int], list[tuple[int, Any]]]:
        """The level of each node, and the attention softmaxes with theirs, in order.

        A node has the level of its latest input, a constant one -1, and what comes out of an
        attention softmax is one level later than what went in.
        """
        attention = set(_attention(self._graph))
        results = {output.name for output in self._graph.output}
        of = dict.fromkeys((tensor.name for tensor in self._graph.initializer), -1)
        of |= dict.fromkeys(self.inputs, 0)
        levels, cuts = [], []
        for number, node in enumerate(self._graph.node):
            level = max((of[name] for name in _inputs(node)), default=-1)
            if number in attention or results & set(node.output):
                level = max(level, 0)
            if number in attention:
                cuts.append((level, node))
            levels.append(level)
            of |= dict.fromkeys(node.output, level + (number in attention))
        return levels, sorted(cuts, key=lambda cut: cut[0])


def _attention(graph: Any) -> Iterator[int]:
    """Numbers of the softmax nodes that weigh values: their output goes into a product."""
    users: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    for number, node in enumerate(graph.node):
        if node.op_type != "Softmax":
            continue
        reached, front = set(), list(node.output)
        while front:
            for user in users.get(front.pop(), ()):
                reached.add(user.op_type)
                front += user.output if user.op_type in ON_THE_WAY else ()
        if reached & set(PRODUCTS):
            yield number


def _refuse_hidden_attention(graph: Any, nested: bool = False) -> None:
    """Refuse what would be missed: a softmax inside a fused operator, a branch or a loop."""
    if nested and any(True for _ in _attention(graph)):
        raise UsageError(
            f"the ONNX graph has attention in a branch or loop ({graph.name}); "
            "export the model without one"
        )
    for node in graph.node:
        if node.op_type.endswith("Attention") or node.op_type == "BiasSoftmax":
            raise UsageError(
                f"the ONNX node {node.name or node.output[0]!r} is {node.op_type}, with the "
                "softmax inside; export attention as plain operators"
            )
        for inner in _subgraphs(node):
            _refuse_hidden_attention(inner, nested=True)


def _inputs(node: Any) -> set[str]:
    """Names that a node uses, those of its branches or body included."""
    names = {name for name in node.input if name}
    for graph in _subgraphs(node):
        inner = set().union(*(_inputs(n) for n in graph.node)) | {o.name for o in graph.output}
        own = {name for n in graph.node for name in n.output}
        own |= {value.name for value in (*graph.input, *graph.initializer)}
        names |= inner - own
    return names


def _subgraphs(node: Any) -> Iterator[Any]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _undecided(layer: str) -> UsageError:
    return UsageError(
        f"the softmax answers for some layers and not for others, such as {layer}; "
        "it must answer for all or none"
    )


def _load(path: Path) -> Any:
    """A model's file."""
    try:
        return require("onnx", "onnx").load(path)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except require("google.protobuf.message", "onnx").DecodeError:
        raise UsageError(f"{path} is not an ONNX file") from None


def _session(model: Any) -> Any:
    """One thread: the sums of a run then have one order."""
    runtime = require("onnxruntime", "onnx")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return runtime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
