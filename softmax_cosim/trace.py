"""The attention-trace format: the scores of a real model, just before softmax, in one file.

A trace is a safetensors file. For each recorded layer ``i`` it holds

* ``layer.<i>.scores``, shape [batch, heads, queries, keys], float16, float32 or float64: scaled
  scores; ``-inf``, or the lowest finite value of the dtype or of a narrower one that models run in
  (float16, bfloat16, float32), marks a masked element;
* optionally ``layer.<i>.mask``, boolean, broadcastable to the scores: true where a key may be
  attended. A padded batch, for example, has a mask of shape [batch, 1, 1, keys].

Its metadata holds ``format = "attention-trace"``, ``version = "1"``, ``model``, ``source``, and
whatever else the author wants to tell. Other tensors in the file are left alone.

Every row (the last axis) keeps all of its ``keys`` elements on the way to the hardware; masked ones
are flagged, not removed. One layer is in memory at a time.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from softmax_cosim import configs
from softmax_cosim.configs import Config, UsageError
from softmax_cosim.files import atomic_file, stamp
from softmax_cosim.golden.quantise import check_finite, filled, unmasked

__all__ = ["FORMAT", "VERSION", "Layer", "LayerRows", "Trace", "write"]

FORMAT = "attention-trace"
VERSION = "1"

_NAME = re.compile(r"layer\.(0|[1-9]\d{0,8})\.(scores|mask)")
_NEARLY = re.compile(r"layers?\.\d+\.(scores?|masks?)", re.IGNORECASE)
_DTYPES = {"float16": "F16", "float32": "F32", "float64": "F64", "bool": "BOOL"}
_SCORE_DTYPES = ("F16", "F32", "F64")
_LONGEST_HEADER = 100_000_000  # as the library has it
_READ = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "BOOL": "?"}

Shape = tuple[int, ...]


@dataclass(frozen=True)
class LayerRows:
    """The rows of one layer, each with its identity; a row's length is ``keys``."""

    scores: npt.NDArray[np.floating[Any]]
    """As stored, shape [rows, keys]; where ``keep`` is False the value means nothing."""
    keep: npt.NDArray[np.bool_]
    """False where an element is masked, shape [rows, keys]."""
    layer: int
    batch: npt.NDArray[np.int64]
    """Shape [rows], as ``head`` and ``query``."""
    head: npt.NDArray[np.int64]
    query: npt.NDArray[np.int64]

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.scores)


@dataclass(frozen=True)
class Layer:
    """One layer's scores and its mask, as stored."""

    index: int
    scores: npt.NDArray[np.floating[Any]]
    """Shape [batch, heads, queries, keys]; free of NaN and +inf when read from a trace."""
    mask: npt.NDArray[np.bool_] | None = None
    """Broadcastable to ``scores``; True where a key may be attended; None: everywhere."""

    @property
    def name(self) -> str:
        """The tensor's name in the file."""
        return f"layer.{self.index}.scores"

    def starts(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Place in ``scores`` of the first element of rows by number, shape [rows]."""
        starts: npt.NDArray[np.int64] = rows * self.scores.shape[-1]
        return starts

    def places(self, rows: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], ...]:
        """Batch, head and query of rows by number, each of shape [rows]."""
        _, heads, queries, _ = self.scores.shape
        above = rows // queries
        batch = above // heads
        return batch, above - batch * heads, rows - above * queries

    def rows(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.floating[Any]]:
        """Scores of rows by number, as stored, shape [rows, keys]."""
        scores: npt.NDArray[np.floating[Any]] = filled(self.scores).reshape(
            -1, self.scores.shape[-1]
        )[rows]
        return scores

    def flatten(self, rows: npt.NDArray[np.int64] | None = None) -> LayerRows:
        """Rows by number (None: all): query runs fastest, then head, then batch."""
        if rows is None:
            rows = np.arange(math.prod(self.scores.shape[:3]))
        scores = self.rows(rows)
        keep = unmasked(scores)
        b, h, q = self.places(rows)
        if self.mask is not None:
            keep &= np.broadcast_to(self.mask, self.scores.shape)[b, h, q]
        return LayerRows(scores, keep, self.index, b, h, q)


class Trace:
    """A trace on disk. Opening it checks the header; reading a layer checks its numbers.

    Raises:
        UsageError: at construction, for anything that breaks the format.
    """

    path: Path
    metadata: Mapping[str, str]
    shapes: Mapping[int, Shape]
    """Layer index to [batch, heads, queries, keys], by rising index."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Read and check the header."""
        self.path = Path(path)
        self._stamp = stamp(self.path)
        with self._open() as file:
            self.metadata = file.metadata() or {}
            self._check_metadata()
            self._check_names(file.keys())
            found = {
                name: (file.get_slice(name).get_dtype(), tuple(file.get_slice(name).get_shape()))
                for name in file.keys()  # noqa: SIM118 - not a mapping
                if _NAME.fullmatch(name)
            }
        self._masked = {_index(name) for name in found if name.endswith(".mask")}
        self.shapes = self._check_tensors(found)
        self._tensors = found

    @property
    def model(self) -> str:
        """The model's name and revision."""
        return self.metadata["model"]

    @property
    def source(self) -> str:
        """Where the model and its input came from."""
        return self.metadata["source"]

    @property
    def rows(self) -> int:
        """Rows of all layers together."""
        return sum(b * h * q for b, h, q, _ in self.shapes.values())

    @property
    def longest(self) -> int:
        """Elements of the longest row."""
        return max(keys for *_, keys in self.shapes.values())

    def check_layers(self, only: Iterable[int] | None = None) -> list[int]:
        """The layers there are, in rising order; ``only`` these when given.

        Raises:
            UsageError: a layer that the trace has not got.
        """
        chosen = sorted(set(self.shapes if only is None else only))
        for index in chosen:
            if index not in self.shapes:
                there = ", ".join(map(str, self.shapes))
                raise UsageError(f"{self.path} has no layer {index}; it has layers {there}")
        return chosen

    def layers(self, only: Iterable[int] | None = None) -> Iterator[Layer]:
        """Read layer after layer, in rising order; ``only`` these when given.

        Raises:
            UsageError: a layer that the trace has not got; a score that is NaN or +inf; a file
                that has changed.
        """
        chosen = self.check_layers(only)
        try:
            file = self.path.open("rb")
        except OSError as error:
            raise self._unreadable(error) from None
        with file:
            places = self._places(file)
            for index in chosen:
                names = [f"layer.{index}.scores"]
                names += [f"layer.{index}.mask"] * (index in self._masked)
                layer = Layer(index, *(self._tensor(file, name, places[name]) for name in names))
                self.check_same()
                check_finite(layer.scores, f"{self.path}: {layer.name}")
                yield layer

    def _places(self, file: BinaryIO) -> Mapping[str, int]:
        """Where in the file each tensor begins."""
        text = file.read(min(int.from_bytes(file.read(8), "little"), _LONGEST_HEADER))
        self.check_same()  # so it is the header that was checked
        header, begin = json.loads(text), file.tell()
        return {name: begin + header[name]["data_offsets"][0] for name in self._tensors}

    def _tensor(self, file: BinaryIO, name: str, place: int) -> npt.NDArray[Any]:
        """Read a tensor. The library would map the file, and die of one that is cut meanwhile."""
        dtype, shape = self._tensors[name]
        count = math.prod(shape)
        try:
            file.seek(place)
            tensor = np.fromfile(file, _READ[dtype], count)
        except OSError as error:
            raise self._unreadable(error) from None
        if len(tensor) < count:
            raise self._changed()
        return tensor.reshape(shape)

    def check_same(self) -> None:
        """Refuse to go on once the file is another one than that which was opened.

        Raises:
            UsageError: it was written again, or something else put in its place.
        """
        if stamp(self.path) != self._stamp:
            raise self._changed()

    def _changed(self) -> UsageError:
        return UsageError(f"{self.path} changed while it was being read; run it again")

    def _unreadable(self, error: OSError) -> UsageError:
        reason = "it is a folder" if self.path.is_dir() else error.strerror or str(error)
        return UsageError(f"{self.path} cannot be read: {reason}")

    def check_fits(self, cfg: Config) -> None:
        """Refuse a trace with rows longer than a configuration stores.

        Raises:
            UsageError: naming the layer and a configuration that is long enough.
        """
        index = max(self.shapes, key=lambda i: self.shapes[i][-1])
        if self.longest <= cfg.max_len:
            return
        fitting = [n for n in configs.names() if configs.load(n).max_len >= self.longest]
        if fitting:
            remedy = f"these configurations fit: {', '.join(fitting)}"
        elif self.longest <= configs.MAX_LEN_LIMIT:
            remedy = f"none fits; add one with max_len = {self.longest} to configs/"
        else:
            remedy = f"none fits, and max_len ends at {configs.MAX_LEN_LIMIT}; use shorter inputs"
        raise UsageError(
            f"{self.path}: rows of layer.{index}.scores have {self.longest} elements, "
            f"but configuration {cfg.name} stores at most {cfg.max_len}; {remedy}"
        )

    def _open(self) -> Any:
        try:
            return safe_open(self.path, framework="numpy")
        except FileNotFoundError:
            raise UsageError(f"{self.path} does not exist; name a trace file") from None
        except SafetensorError:
            problem = "is truncated or damaged" if self._begins_well() else "is not one"
            raise UsageError(
                f"{self.path} {problem}: a trace is a safetensors file; make it again"
            ) from None
        except OSError as error:
            raise self._unreadable(error) from None

    def _begins_well(self) -> bool:
        """A safetensors file begins with its header's length (8 bytes) and the header, JSON."""
        with self.path.open("rb") as file:
            start = file.read(9)
        return len(start) == 9 and start[8:] == b"{" and int.from_bytes(start[:8], "little") < 1e8

    def _check_metadata(self) -> None:
        for key, right in (("format", FORMAT), ("version", VERSION)):
            if self.metadata.get(key) != right:
                found = f"{self.metadata[key]!r}" if key in self.metadata else "missing"
                raise UsageError(f"{self.path}: metadata {key} is {found}; it must be {right!r}")
        for key in ("model", "source"):
            if not self.metadata.get(key):
                raise UsageError(
                    f"{self.path}: metadata {key} is missing; say which {key} the scores are from"
                )

    def _check_names(self, names: Iterable[str]) -> None:
        """Refuse what is nearly a name of ours: a layer or its mask would be left out."""
        for name in names:
            if _NEARLY.fullmatch(name) and not _NAME.fullmatch(name):
                raise UsageError(
                    f"{self.path}: the tensor {name:.80} is nearly one of ours; call it "
                    "layer.<i>.scores or layer.<i>.mask, without zeros before the number, which is "
                    "below a billion"
                )

    def _check_tensors(self, found: Mapping[str, tuple[str, Shape]]) -> dict[int, Shape]:
        shapes: dict[int, Shape] = {}
        for name in sorted(found, key=lambda name: (_index(name), name)):
            dtype, shape = found[name]
            if name.endswith(".scores"):
                if dtype not in _SCORE_DTYPES:
                    raise UsageError(
                        f"{self.path}: {name} has dtype {dtype}; store one of "
                        + ", ".join(_SCORE_DTYPES)
                    )
                if len(shape) != 4:
                    raise UsageError(
                        f"{self.path}: {name} has rank {len(shape)} (shape {list(shape)}); "
                        "its shape must be [batch, heads, queries, keys]"
                    )
                if 0 in shape:
                    raise UsageError(
                        f"{self.path}: {name} is empty (shape {list(shape)}); leave the layer out"
                    )
                shapes[_index(name)] = shape
                continue
            scores = found.get(name.replace(".mask", ".scores"))
            if scores is None:
                raise UsageError(f"{self.path}: {name} has no layer.{_index(name)}.scores; add it")
            if dtype != "BOOL":
                raise UsageError(f"{self.path}: {name} has dtype {dtype}; a mask is BOOL")
            if len(scores[1]) == 4 and 0 not in scores[1] and not _broadcasts(shape, scores[1]):
                raise UsageError(
                    f"{self.path}: {name} of shape {list(shape)} does not broadcast "
                    f"to the scores' shape {list(scores[1])}"
                )
        if not shapes:
            raise UsageError(
                f"{self.path} has no scores; store each layer as layer.<i>.scores, from layer.0"
            )
        return shapes


def write(
    path: str | os.PathLike[str],
    layers: Iterable[Layer],
    *,
    model: str,
    source: str,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a trace; the file appears whole or not at all, and equal content gives equal bytes.

    What the mask of a ``numpy.ma`` array hides is written as -inf. The container is written here
    because safetensors orders metadata at random.

    Raises:
        UsageError: the folder or file cannot be written.
        ValueError: scores or a mask that the format does not allow.
    """
    tensors: dict[str, npt.NDArray[Any]] = {}
    for layer in layers:
        scores = filled(layer.scores)
        if scores.ndim != 4 or _DTYPES.get(scores.dtype.name) not in _SCORE_DTYPES:
            raise ValueError(f"{layer.name}: {scores.dtype} {scores.shape}")
        tensors[layer.name] = scores
        if layer.mask is not None:
            mask = np.ma.filled(layer.mask, False)
            if mask.dtype != np.bool_ or not _broadcasts(mask.shape, scores.shape):
                raise ValueError(f"layer {layer.index}: mask {mask.dtype} {mask.shape}")
            tensors[f"layer.{layer.index}.mask"] = mask
    about = {**(metadata or {}), "format": FORMAT, "version": VERSION}
    about |= {"model": model, "source": source}
    header: dict[str, Any] = {"__metadata__": dict(sorted(about.items()))}
    # Wide elements first: then every tensor stands aligned.
    order = sorted(tensors, key=lambda name: (-tensors[name].itemsize, _index(name), name))
    end = 0
    for name in order:
        start, end = end, end + tensors[name].nbytes
        shape, dtype = list(tensors[name].shape), _DTYPES[tensors[name].dtype.name]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in order:
            little = tensors[name].dtype.newbyteorder("<")
            file.write(np.ascontiguousarray(tensors[name], dtype=little).data)


def _index(name: str) -> int:
    """The layer index in a tensor's name."""
    return int(name.split(".")[1])


def _broadcasts(mask: Shape, scores: Shape) -> bool:
    try:
        return np.broadcast_shapes(mask, scores) == scores
    except ValueError:
        return False
