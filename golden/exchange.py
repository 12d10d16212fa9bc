"""The memory through which two processes exchange a batch: rows one way, results the other.

One flat buffer holds every array of :class:`Rows` and :class:`Results` at fixed places, so that
both sides see the same numbers without a copy, a file or a serialised form between them.
"""

from __future__ import annotations

import functools
import mmap
import os
import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from softmax_cosim.golden.rows import Results, Rows

__all__ = [
    "ANSWER",
    "COMMAND",
    "Broken",
    "Exchange",
    "Memory",
    "NoProgress",
    "packed",
    "packed_size",
    "unpacked",
]

#: A batch to play: rows, elements, seed, name of the stall profile padded with NUL.
COMMAND = struct.Struct("<qqQ32s")
#: Its end: simulation time in steps, clock edges so far, bytes of a JSON object that follows if
#: something went wrong.
ANSWER = struct.Struct("<qqq")

_ALIGNMENT = 64  # bytes: a cache line
_ROW_FIELDS = {
    "error": np.bool_,
    "exponent": np.uint8,
    "first_in": np.int64,
    "last_in": np.int64,
    "first_out": np.int64,
    "last_out": np.int64,
}
_ROWS = ("q", "keep", "offsets")
_RESULTS = ("y", *_ROW_FIELDS)


class Broken(RuntimeError):
    """The design broke the stream's rules; ``results`` holds what came out before."""

    def __init__(self, message: str, results: Results) -> None:
        """Rows that did not come out have ``last_out`` -1 in ``results``."""
        super().__init__(message)
        self.results = results

    def __reduce__(self) -> tuple[type[Broken], tuple[str, Results]]:
        """Both go along to another process."""
        return type(self), (str(self), self.results)


class NoProgress(Broken):
    """The design stopped taking or giving data; the message names the row and the handshakes."""


class Memory:
    """Memory behind a file descriptor that both processes have."""

    def __init__(self, descriptor: int, raw: type[np.unsignedinteger[Any]]) -> None:
        """The descriptor of a file that may be empty, and that this process may make longer.

        ``raw`` is the type of a raw output.
        """
        self._descriptor = descriptor
        self._raw = np.dtype(raw)
        self._buffer = mmap.mmap(-1, mmap.PAGESIZE)
        self._last: Exchange | None = None

    def exchange(self, rows: int, elements: int) -> Exchange:
        """The place of a batch of ``rows`` rows of together ``elements`` elements.

        The same object again for the same numbers, as long as nothing else was asked for.
        """
        if self._last is None or self._last.shape != (rows, elements):
            needed = _size(rows, elements, self._raw)
            if os.fstat(self._descriptor).st_size < needed:
                os.ftruncate(self._descriptor, -(-needed // mmap.PAGESIZE) * mmap.PAGESIZE)
            if len(self._buffer) < needed or self._last is None:
                self._buffer = mmap.mmap(self._descriptor, 0)
            self._last = Exchange(self._buffer, rows, elements, self._raw)
        return self._last


class Exchange:
    """The arrays of one batch, as views into shared memory."""

    def __init__(self, buffer: mmap.mmap, rows: int, elements: int, raw: np.dtype[Any]) -> None:
        """Lay the arrays out from the start of the buffer."""
        self.shape = rows, elements
        self._arrays: dict[str, npt.NDArray[Any]] = {}
        end = 0
        for name, dtype, count in _fields(rows, elements, raw):
            start = -(-end // _ALIGNMENT) * _ALIGNMENT
            self._arrays[name] = np.frombuffer(buffer, dtype, count, start)
            end = start + dtype.itemsize * count

    @functools.cached_property
    def rows(self) -> Rows:
        """The batch, as views; the same object for every batch that is written here."""
        return Rows(self._arrays["q"], self._arrays["keep"], self._arrays["offsets"])

    @functools.cached_property
    def results(self) -> Results:
        """Where the results of the batch go, as views."""
        return Results(**{name: self._arrays[name] for name in _RESULTS})

    def write_rows(self, rows: Rows) -> None:
        """Copy a batch in."""
        for name in _ROWS:
            self._arrays[name][:] = getattr(rows, name)

    def write_results(self, results: Results) -> None:
        """Copy the results of the batch in."""
        for name in _RESULTS:
            self._arrays[name][:] = getattr(results, name)

    def read_results(self) -> Results:
        """The results of the batch, copied out."""
        return Results(**{name: self._arrays[name].copy() for name in _RESULTS})


def packed(results: Results) -> bytes:
    """The results of a batch, end to end."""
    return b"".join(getattr(results, name).tobytes() for name in _RESULTS)


def packed_size(rows: int, elements: int, raw: type[np.unsignedinteger[Any]]) -> int:
    """Bytes of :func:`packed`; arguments as of :func:`unpacked`."""
    fields = _fields(rows, elements, np.dtype(raw))
    return sum(dtype.itemsize * count for name, dtype, count in fields if name in _RESULTS)


def unpacked(data: bytes, rows: int, elements: int, raw: type[np.unsignedinteger[Any]]) -> Results:
    """What :func:`packed` packed: of so many rows and elements, raw outputs of type ``raw``."""
    arrays, end = {}, 0
    for name, dtype, count in _fields(rows, elements, np.dtype(raw)):
        if name in _RESULTS:
            arrays[name] = np.frombuffer(data, dtype, count, end)
            end += dtype.itemsize * count
    return Results(**arrays)


def _size(rows: int, elements: int, raw: np.dtype[Any]) -> int:
    """Bytes that are enough for a batch."""
    fields = _fields(rows, elements, raw)
    return sum(dtype.itemsize * count + _ALIGNMENT for _, dtype, count in fields)


def _fields(rows: int, elements: int, raw: np.dtype[Any]) -> list[tuple[str, np.dtype[Any], int]]:
    """Name, type and length of every array of a batch."""
    return [
        ("q", np.dtype(np.int32), elements),
        ("keep", np.dtype(np.bool_), elements),
        ("offsets", np.dtype(np.int64), rows + 1),
        ("y", raw, elements),
        *((name, np.dtype(dtype), rows) for name, dtype in _ROW_FIELDS.items()),
    ]
