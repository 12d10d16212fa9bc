"""What is fuzzed: a reader, and inputs for it by number."""

from __future__ import annotations

import json
import random
import shutil
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fuzz import mutate
from softmax_cosim import configs
from softmax_cosim.paths import PACKAGE, ROOT
from softmax_cosim.trace import Layer, Trace, write

__all__ = ["TARGETS", "Target"]


@dataclass(frozen=True)
class Target:
    """A reader and what it is given; made in a folder of its own."""

    make: Callable[[random.Random], bytes]
    read: Callable[[bytes], None]
    """Raises :class:`.configs.UsageError`, or nothing."""


def _trace_file(folder: Path) -> bytes:
    rng = np.random.default_rng(3)
    scores = rng.normal(0, 3, (1, 2, 2, 3)).astype(np.float32)
    mask = np.ones((1, 1, 2, 3), np.bool_)
    layers = [Layer(0, scores, mask), Layer(1, scores.astype(np.float16))]
    path = folder / "seed.safetensors"
    write(path, layers, model="m", source="s", metadata={"text": "a word"})
    return path.read_bytes()


def _read_trace(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    trace = Trace(path)
    if sum(np.prod(shape, dtype=object) for shape in trace.shapes.values()) < 10**5:
        for layer in trace.layers():
            layer.flatten()


def _traces(folder: Path) -> Target:
    """The description of the tensors changed, the container right."""
    seed = _trace_file(folder)
    length = int.from_bytes(seed[:8], "little")
    header, rest = json.loads(seed[8 : 8 + length]), seed[8 + length :]

    def make(rng: random.Random) -> bytes:
        changed = header
        for _ in range(rng.choice((1, 1, 2, 4))):
            changed = mutate.tree(changed, rng)
        text = json.dumps(changed, ensure_ascii=rng.random() < 0.5).encode(errors="replace")
        numbers = bytearray(rest)
        if rng.random() < 0.3:
            numbers[rng.randrange(len(numbers))] = rng.choice((0x7F, 0xFF, 0x80, 0x7C))
        return len(text).to_bytes(8, "little") + text + bytes(numbers)

    return Target(make, partial(_read_trace, folder / "fuzzed.safetensors"))


def _headers(folder: Path) -> Target:
    """Bytes of the container changed."""
    seed = _trace_file(folder)
    return Target(
        lambda rng: mutate.data(seed, rng), partial(_read_trace, folder / "fuzzed.safetensors")
    )


def _configurations(folder: Path) -> Target:
    """Ours, those of others, and Python files with one inside."""
    paths = [*PACKAGE.glob("configs/*.toml"), *PACKAGE.glob("configs/field/*.toml")]
    for example in sorted((ROOT / "examples").iterdir()):
        if example.is_dir():
            shutil.copytree(example, folder, dirs_exist_ok=True)
            paths += example.glob("*.toml")
    seeds = [(".toml", path.read_bytes()) for path in sorted(paths)]
    seeds.append((".py", b'# /// cosim\n# input = "q8.8"\n# output = "unorm8"\n# ///\n'))

    def make(rng: random.Random) -> bytes:
        suffix, seed = rng.choice(seeds)
        if rng.random() < 0.5:
            return f"{suffix}\n".encode() + mutate.data(seed, rng)
        lines = seed.decode().splitlines()
        place = rng.randrange(len(lines))
        key, equals, _ = lines[place].partition("=")
        value = rng.choice(mutate.NASTY)
        text = json.dumps(value) if not isinstance(value, dict) else "{ a = 1 }"
        if rng.random() < 0.02:
            text = "[" * 5_000 + "]" * 5_000
        lines[place] = f"{key}{equals}{text if rng.random() < 0.9 else value}"
        return f"{suffix}\n".encode() + "\n".join(lines).encode(errors="replace")

    def read(data: bytes) -> None:
        suffix, _, text = data.partition(b"\n")
        path = folder / f"fuzzed{suffix.decode()}"
        path.write_bytes(text)
        configs.load(str(path))

    return Target(make, read)


def _graphs(folder: Path) -> Target:
    """A small attention in ONNX, its nodes, names, attributes and shapes changed."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    from softmax_cosim.adapters.onnx_graph import OnnxModel

    def tensor(name: str, *shape: int) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    def weight(name: str, *shape: int) -> Any:
        return numpy_helper.from_array(np.ones(shape, np.float32), name)

    node = helper.make_node
    nodes = [
        node("MatMul", ["x", "wq"], ["q"]),
        node("MatMul", ["x", "wk"], ["k"]),
        node("Transpose", ["k"], ["kt"], perm=[0, 2, 1]),
        node("MatMul", ["q", "kt"], ["qk"]),
        node("Div", ["qk", "root"], ["scaled"]),
        node("Softmax", ["scaled"], ["p"], axis=-1),
        node("MatMul", ["p", "x"], ["mixed"]),
        node("Exp", ["qk"], ["e"]),
        node("ReduceSum", ["e", "axes"], ["s"], keepdims=1),
        node("Div", ["e", "s"], ["written"]),
        node("MatMul", ["written", "mixed"], ["y"]),
    ]
    axes = numpy_helper.from_array(np.array([-1], np.int64), "axes")
    weights = [weight("wq", 4, 4), weight("wk", 4, 4), weight("root"), axes]
    graph = helper.make_graph(nodes, "g", [tensor("x", 1, 3, 4)], [tensor("y", 1, 3, 4)], weights)
    seed = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()
    operators = (
        *("Softmax", "LogSoftmax", "Exp", "Mul", "Sub", "Reshape", "If", "Loop", "Where"),
        *("ReduceMax", "ReduceSum", "Identity", "Cast", "Attention", "Einsum", "Constant"),
    )
    names = ("", "x", "wq", "q", "k", "kt", "qk", "scaled", "p", "mixed", "e", "s", "written", "y")

    def make(rng: random.Random) -> bytes:
        if rng.random() < 0.2:
            return mutate.data(seed, rng)
        model = onnx.ModelProto.FromString(seed)
        for _ in range(rng.choice((1, 1, 2, 4))):
            _change(model, rng, operators, names)
        return bytes(model.SerializeToString())

    path = folder / "fuzzed.onnx"

    def read(data: bytes) -> None:
        path.write_bytes(data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            OnnxModel(path)

    return Target(make, read)


def _change(model: Any, rng: random.Random, operators: Any, names: Any) -> None:
    """Something of a model, in place."""
    from onnx import helper

    graph = model.graph
    if not graph.node:
        return
    node, how = rng.choice(graph.node), rng.randrange(10)
    if how == 0:
        node.op_type = rng.choice(operators)
    elif how == 1 and node.input:
        node.input[rng.randrange(len(node.input))] = rng.choice(names)
    elif how == 2 and node.output:
        node.output[rng.randrange(len(node.output))] = rng.choice(names)
    elif how == 3:
        graph.node.remove(node)
    elif how == 4:
        graph.node.append(node)
    elif how == 5:
        name = rng.choice(("axis", "perm", "keepdims", "to", "equation", "value", "then_branch"))
        value = rng.choice((0, -1, 5, 2**40, 0.5, [0, 1], [], "x", [1.5], graph))
        if value != []:
            node.attribute.append(helper.make_attribute(name, value))
    elif how == 6:
        del node.input[:]
    elif how == 7 and graph.initializer:
        weight = rng.choice(graph.initializer)
        weight.dims.append(rng.choice((0, -1, 3, 2**40)))
        if rng.random() < 0.5:
            weight.data_location = weight.EXTERNAL
            key = rng.choice(("location", "length", "offset"))
            weight.external_data.add(key=key, value=str(rng.choice(mutate.NASTY)))
    elif how == 8 and graph.initializer:
        rng.choice(graph.initializer).data_type = rng.choice((0, 1, 7, 8, 16, 99))
    else:
        model.opset_import[0].version = rng.choice((0, 1, 8, 12, 13, 22, 2**31, -1))


#: By name, each made in a folder.
TARGETS: Mapping[str, Callable[[Path], Target]] = {
    "trace": _traces,
    "safetensors": _headers,
    "configuration": _configurations,
    "onnx": _graphs,
}
