"""Any ONNX graph: its attention scores recorded, or its attention softmax replaced.

The graph is cut at its attention softmaxes into stages. Each stage is a session of onnxruntime, and
between two of them the softmax is a call of a function on numpy arrays. A softmax that weighs
nothing, as a classifier's last one, stays where it is. An :class:`.account.Account` says what
became of each; one that may be attention and is written in a way that is not known is a warning.

A score that the graph masked with -inf or the lowest finite value is masked for the function as
well; a milder mask, such as -10000, is part of the score.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from softmax_cosim.account import Account
from softmax_cosim.adapters import require
from softmax_cosim.adapters.onnx_file import OnnxFile
from softmax_cosim.adapters.onnx_scope import Scope, inputs_of
from softmax_cosim.adapters.onnx_softmax import survey
from softmax_cosim.adapters.onnx_written import Softmax as Written
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Softmax, apply

__all__ = ["OnnxModel"]

Array = npt.NDArray[Any]

AXIS_LAST = 13
"""The operator set from which the axis of a softmax that names none is the last; before, 1."""


class OnnxModel:
    """An ONNX graph that runs as it is, or with another softmax in its attention."""

    inputs: tuple[str, ...]
    """Names of what the model takes."""
    layers: tuple[str, ...]
    """Names of the tensors that go into the attention softmaxes, in the order in which they run."""
    account: Account
    """What became of every softmax in the last run with a function."""

    def __init__(self, model: str | os.PathLike[str] | Any) -> None:
        """Find the attention.

        Args:
            model: a file, or an ``onnx.ModelProto``, which is left as it is.

        Raises:
            UsageError: not ONNX, weights that are missing, no attention softmax, attention that
                is one fused operator or stands in a branch or loop, or onnx and onnxruntime are
                not installed.
        """
        self._onnx = require("onnx", "onnx")
        require("onnxruntime", "onnx")
        self._file = OnnxFile(model)
        self._model, self._graph = self._file.model, self._file.model.graph
        constant = {tensor.name for tensor in self._graph.initializer}
        self.inputs = tuple(i.name for i in self._graph.input if i.name not in constant)
        with self._file.whole(self._model):
            self._walk()
        if not self._cuts:
            raise UsageError(self._nothing())
        self.layers = tuple(softmax.scores for _, softmax in self._cuts)
        self.account = self._opened()

    def _walk(self) -> None:
        """Find the attention, and where the graph is cut for it."""
        self._survey = survey(self._graph, self._constant)
        self._nodes = list(self._graph.node)
        for number, softmax in self._survey.attention.items():
            self._nodes[number] = self._onnx.helper.make_node(
                "Softmax", [softmax.scores], [softmax.output]
            )
        self._levels, self._cuts = self._leveled()

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
            UsageError: a missing or unknown input, an attention along another axis than the last,
                or a function that answers for some layers only.

        Warns:
            MissedSoftmax: a softmax that may be attention is written in a way that is not known.
        """
        if set(feeds) != set(self.inputs):
            raise UsageError(
                f"the ONNX graph takes {', '.join(self.inputs)}; "
                f"it was given {', '.join(feeds) or 'nothing'}"
            )
        if softmax is None:
            outputs: list[Array] = _ran(self._plain, None, feeds)
            return outputs
        self.account = self._opened()
        outputs = self._staged(feeds, softmax)
        self.account.close(softmax)
        return outputs

    def _staged(self, feeds: Mapping[str, Array], softmax: Softmax) -> list[Array]:
        """The outputs, stage by stage."""
        values = dict(feeds)
        for level, stage in enumerate(self._stages):
            if stage is not None:
                made = _ran(stage, None, {i.name: values[i.name] for i in stage.get_inputs()})
                values.update(zip((o.name for o in stage.get_outputs()), made, strict=True))
            for cut in (cut for there, cut in self._cuts if there == level):
                answer = self._call(softmax, cut, values[cut.scores])
                if answer is None and cut is self._cuts[0][1]:
                    return self._listen(feeds, softmax)
                if answer is None:
                    raise _undecided(cut.scores)
                values[cut.output] = answer
        return [values[output.name] for output in self._graph.output]

    def _listen(self, feeds: Mapping[str, Array], softmax: Softmax) -> list[Array]:
        """The graph as it is; the softmax, which has heard its first layer, hears the others."""
        names = list(dict.fromkeys(self.layers))
        tapped = dict(zip(names, _ran(self._tapped, names, feeds), strict=True))
        for _, cut in self._cuts[1:]:
            if self._call(softmax, cut, tapped[cut.scores]) is not None:
                raise _undecided(cut.scores)
        return self.run(feeds)

    def _call(self, softmax: Softmax, cut: Written, scores: Array) -> Array | None:
        default = -1 if self._version >= AXIS_LAST else 1
        axis = default if cut.axis is None else cut.axis
        last = axis in (-1, scores.ndim - 1)
        if not last and not (cut.pooling and self._version >= AXIS_LAST):
            raise UsageError(
                f"the softmax of {cut.scores} runs along axis {axis} of {scores.ndim}; "
                "only one along the last axis can be replaced"
            )
        rows = np.moveaxis(scores, axis, -1)
        answer = apply(softmax, cut.scores, rows, None, self.account)
        if answer is None:
            return None
        return np.ascontiguousarray(np.moveaxis(answer, -1, axis), dtype=scores.dtype)

    def _opened(self) -> Account:
        """What is known of every softmax before a run."""
        return Account(other=dict(self._survey.other), missed=dict(self._survey.missed))

    def _nothing(self) -> str:
        """Why there is nothing to replace."""
        name, other, missed = self._graph.name, self._survey.other, self._survey.missed
        listed = "; ".join(f"{layer} ({why})" for layer, why in {**other, **missed}.items())
        if missed:
            return (
                f"the ONNX graph {name!r} has no softmax that can be replaced: {listed}; "
                "export its attention as plain operators"
            )
        return (
            f"the ONNX graph {name!r} has no Softmax whose output weighs values"
            f"{f': {listed}' if listed else ''}; export its attention as plain operators"
        )

    def _constant(self, scope: Scope, name: str) -> Array | None:
        found = scope.constant(name)
        if isinstance(found, self._onnx.AttributeProto):
            return np.asarray(self._onnx.helper.get_attribute_value(found))
        return None if found is None else self._file.value(found)

    @cached_property
    def _version(self) -> int:
        """Of the standard operators."""
        versions = {entry.domain: entry.version for entry in self._model.opset_import}
        return int(versions.get("", versions.get("ai.onnx", AXIS_LAST)))

    @cached_property
    def _plain(self) -> Any:
        """A session of the graph as it is."""
        return self._file.session(self._model)

    @cached_property
    def _tapped(self) -> Any:
        """As it is, with the scores of every layer as further outputs."""
        model = type(self._model)()
        model.CopyFrom(self._model)
        names = set(self.layers) - {output.name for output in self._graph.output}
        model.graph.output.extend(self._onnx.ValueInfoProto(name=name) for name in sorted(names))
        return self._file.session(model)

    @cached_property
    def _stages(self) -> list[Any]:
        """A session of each level; None where a level has nothing to compute."""
        known = {value.name: value for value in self._graph.input if value.name in self.inputs}
        stages = []
        for level in range(max(self._levels) + 1):
            stages.append(stage := self._stage(level, known))
            for output in [] if stage is None else stage.get_outputs():
                known[output.name] = self._typed(output.name, output.type)
            for cut in (cut for there, cut in self._cuts if there == level):
                value = self._onnx.ValueInfoProto(name=cut.output)
                kind = known[cut.scores].type.tensor_type.elem_type
                value.type.tensor_type.elem_type = kind
                known[value.name] = value
        return stages

    def _stage(self, level: int, known: Mapping[str, Any]) -> Any:
        """What later levels want of this one, computed from the values known.

        What is constant is computed where it is used: some operators insist on that.
        """
        cut = {softmax.output for _, softmax in self._cuts}
        wanted = {output.name for output in self._graph.output}
        outputs = []
        for node, there in zip(self._nodes, self._levels, strict=True):
            if there > level or node.output[0] in cut:
                wanted |= inputs_of(node)
        for node, there in zip(self._nodes, self._levels, strict=True):
            if there == level and node.output[0] not in cut:
                outputs += [name for name in node.output if name in wanted]
        if not outputs:
            return None
        nodes, used = [], set(outputs)
        for node in reversed(self._nodes):
            if used & set(node.output) - set(known):
                nodes.append(node)
                used |= inputs_of(node)
        graph = self._onnx.helper.make_graph(
            nodes[::-1],
            f"level {level}",
            [value for name, value in known.items() if name in used],
            [self._onnx.ValueInfoProto(name=name) for name in outputs],
            [tensor for tensor in self._graph.initializer if tensor.name in used],
        )
        return self._file.session(
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

    def _leveled(self) -> tuple[list[int], list[tuple[int, Written]]]:
        """The level of each node, and the attention softmaxes with theirs, in order.

        A node has the level of its latest input, a constant one -1, and what comes out of an
        attention softmax is one level later than what went in.
        """
        attention = self._survey.attention
        results = {output.name for output in self._graph.output}
        of = dict.fromkeys((tensor.name for tensor in self._graph.initializer), -1)
        of |= dict.fromkeys(self.inputs, 0)
        levels, cuts = [], []
        for number, node in enumerate(self._nodes):
            level = max((of[name] for name in inputs_of(node)), default=-1)
            if number in attention or results & set(node.output):
                level = max(level, 0)
            if number in attention:
                cuts.append((level, attention[number]))
            levels.append(level)
            of |= dict.fromkeys(node.output, level + (number in attention))
        return levels, sorted(cuts, key=lambda cut: cut[0])


def _ran(session: Any, names: list[str] | None, feeds: Mapping[str, Array]) -> list[Array]:
    """What a session makes of arrays.

    Raises:
        UsageError: onnxruntime refuses them.
    """
    try:
        outputs: list[Array] = session.run(names, dict(feeds))
    except Exception as error:  # onnxruntime's own have no common base
        reason = " ".join(str(error).split())
        raise UsageError(f"onnxruntime cannot run the graph on these inputs: {reason}") from None
    return outputs


def _undecided(layer: str) -> UsageError:
    return UsageError(
        f"the softmax answers for some layers and not for others, such as {layer}; "
        "it must answer for all or none"
    )
