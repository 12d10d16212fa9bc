"""An ONNX model, however large: its graph in memory, its weights where they are.

A graph is at most 2 GB as protobuf writes it, weights included. Weights beside the file stay there,
for onnxruntime to read; those of a larger graph in memory are handed over as they are.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from softmax_cosim.adapters import require
from softmax_cosim.adapters.onnx_scope import subgraphs
from softmax_cosim.configs import UsageError
from softmax_cosim.configs.there import is_file

__all__ = ["OnnxFile"]

LARGEST = 2**31 - 1
"""Bytes of what protobuf writes."""
SMALL = 1024
"""A tensor up to this many bytes stays in the graph."""
BESIDE = "session.model_external_initializers_file_folder_path"
"""The option of onnxruntime that says where the weights of a graph in memory are."""


class OnnxFile:
    """A model that sessions can be made of, whole or in parts."""

    def __init__(self, model: str | os.PathLike[str] | Any) -> None:
        """Read the graph.

        Args:
            model: a file, or an ``onnx.ModelProto``, which is left as it is.

        Raises:
            UsageError: no such file, not ONNX, weights beside it missing or cut short, or a
                model in memory that is too large and whose weights are not its graph's own.
        """
        self._onnx = require("onnx", "onnx")
        self._path = Path(model) if isinstance(model, str | os.PathLike) else None
        self.folder = Path() if self._path is None else self._path.parent
        self._kept: dict[str, Any] = {}
        self.model = self._read(model)

    def value(self, tensor: Any) -> npt.NDArray[Any]:
        """The numbers of a tensor.

        Raises:
            UsageError: its numbers are not what it says of them.
        """
        if tensor.name in self._kept:
            kept: npt.NDArray[Any] = self._kept[tensor.name]
            return kept
        try:
            read: npt.NDArray[Any] = self._onnx.numpy_helper.to_array(tensor, str(self.folder))
        except Exception as error:  # of any kind: a type that there is none of, too few numbers
            reason = " ".join(str(error).split())[:200]
            raise UsageError(
                f"the weights {tensor.name[:80]!r} of an ONNX graph cannot be read: {reason}"
            ) from None
        return read

    def session(self, model: Any) -> Any:
        """A session of the model, or of one made from it.

        On one thread: the sums of a run then have one order.

        Raises:
            UsageError: onnxruntime refuses it.
        """
        runtime = require("onnxruntime", "onnx")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry(BESIDE, str(self.folder.resolve()))
        kept = [t for t in model.graph.initializer if t.name in self._kept]
        value = runtime.OrtValue.ortvalue_from_numpy_with_onnx_type
        if kept:
            options.add_external_initializers(
                [t.name for t in kept], [value(self._kept[t.name], t.data_type) for t in kept]
            )
        try:
            return runtime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's own have no common base
            reason = str(error).splitlines()[0]
            name = self._path or f"the ONNX graph {self.model.graph.name!r}"
            raise UsageError(f"onnxruntime cannot run {name}: {reason}") from None

    @contextmanager
    def whole(self, model: Any) -> Iterator[None]:
        """Within the block, what goes wrong with a graph that breaks the rules of ONNX is that.

        Raises:
            UsageError: it breaks one, and which.
        """
        try:
            yield
        except UsageError:
            raise
        except Exception:  # of what is no graph, anything
            checker = require("onnx.checker", "onnx")
            try:
                checker.check_model(model)
            except Exception as error:  # a rule, or what its own parser raises
                reason = " ".join(str(error).split())[:300]
                raise UsageError(f"{self._whose(model)} breaks a rule of ONNX: {reason}") from None
            raise

    def _whose(self, model: Any) -> str:
        return str(self._path or f"the ONNX graph {model.graph.name!r}")

    def _place(self, tensor: Any, model: Any) -> tuple[Path, int, int]:
        """File, offset and length of weights beside the graph."""
        about = {entry.key: entry.value for entry in tensor.external_data}
        location = about.get("location", "")
        try:
            offset, length = (int(about.get(key, 0)) for key in ("offset", "length"))
            if min(offset, length) < 0 or "\0" in location:
                raise ValueError
        except ValueError:
            raise UsageError(
                f"{self._whose(model)} says of the weights {tensor.name[:80]!r} that they are "
                "nowhere: an offset or length that is no number, or a file that has no name; "
                "export it again"
            ) from None
        return self.folder / location, offset, length

    def _read(self, model: Any) -> Any:
        if self._path is not None:
            model = _load(self._path)
        elif model.ByteSize() > LARGEST:
            model = self._lightened(model)
        with self.whole(model):
            self._check_weights(model)
            if self._path is not None:
                self._fetch_small(model)
            if model.functions:
                model = require("onnx.inliner", "onnx").inline_local_functions(model)
        return model

    def _lightened(self, model: Any) -> Any:
        """A model whose large weights are promised rather than held."""
        helper, graph = self._onnx.helper, model.graph
        light = helper.make_model(
            helper.make_graph(
                *(graph.node, graph.name, graph.input, graph.output),
                [self._promised(tensor) for tensor in graph.initializer],
                value_info=graph.value_info,
                sparse_initializer=graph.sparse_initializer,
            ),
            functions=model.functions,
            opset_imports=model.opset_import,
            ir_version=model.ir_version,
        )
        light.metadata_props.extend(model.metadata_props)
        if light.ByteSize() > LARGEST:
            raise UsageError(
                f"the ONNX graph {model.graph.name!r} is larger than 2 GB in memory without its "
                "weights; save it to a file with its data outside and give that"
            )
        return light

    def _promised(self, tensor: Any) -> Any:
        own = tensor.data_location != tensor.EXTERNAL and tensor.data_type != tensor.STRING
        if tensor.ByteSize() <= SMALL or not own:
            return tensor
        self._kept[tensor.name] = np.ascontiguousarray(self.value(tensor))
        stub = type(tensor)(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
        stub.data_location = tensor.EXTERNAL
        stub.external_data.add(key="location", value="in memory")
        return stub

    def _fetch_small(self, model: Any) -> None:
        """Small tensors into the graph: onnxruntime wants to know axes and shapes at once."""
        load = require("onnx.external_data_helper", "onnx").load_external_data_for_tensor
        for tensor in _tensors(model.graph):
            outside = tensor.data_location == tensor.EXTERNAL
            if outside and self._place(tensor, model)[2] <= SMALL:
                load(tensor, str(self.folder))
                tensor.data_location = tensor.DEFAULT
                del tensor.external_data[:]

    def _check_weights(self, model: Any) -> None:
        """Refuse weights beside the file that are not there."""
        lengths: dict[Path, int] = {}
        for tensor in _tensors(model.graph):
            if tensor.data_location != tensor.EXTERNAL or tensor.name in self._kept:
                continue
            path, offset, length = self._place(tensor, model)
            lengths[path] = max(lengths.get(path, 0), offset + length)
        whose = self._whose(model)
        for path, length in lengths.items():
            if not is_file(path):
                raise UsageError(
                    f"{whose} has its weights in {path}, which is not there; put it there"
                )
            if path.stat().st_size < length:
                raise UsageError(
                    f"{whose} has its weights in {path}, which holds {path.stat().st_size} of "
                    f"{length} bytes; get the whole file"
                )


def _tensors(graph: Any) -> Iterator[Any]:
    """Every constant of a graph and of those within it."""
    yield from graph.initializer
    for node in graph.node:
        for found in node.attribute:
            if found.HasField("t"):
                yield found.t
            yield from found.tensors
        for inner in subgraphs(node):
            yield from _tensors(inner)


def _load(path: Path) -> Any:
    """A model's file, its weights left where they are."""
    try:
        return require("onnx", "onnx").load(path, load_external_data=False)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except require("google.protobuf.message", "onnx").DecodeError:
        raise UsageError(f"{path} is not an ONNX file") from None
