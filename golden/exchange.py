"""The memory through which two processes exchange a batch: rows one way, results the other.

One flat buffer holds every array of :class:`Rows` and :class:`Results` at fixed places
(:mod:`.golden.protocol`), so that both sides see the same numbers without a copy, a file or a
serialised form between them.
"""

from __future__ import annotations

import functools
import mmap
import os
from typing import Any

import numpy as np
import numpy.typing as npt

from softmax_cosim.golden.protocol import RESULTS, ROWS, Broken, NoProgress, places, size
from softmax_cosim.golden.rows import Results, Rows

__all__ = ["Broken", "Exchange", "Memory", "NoProgress", "packed", "packed_size", "unpacked"]


class Memory:
    """Memory behind a file descriptor that both processes have."""

    def __init__(self, descriptor: int, raw: type[np.unsignedinteger[Any]]) -> None:
        """The descriptor of a file that may be empty, and that this process may make longer.

        ``raw`` is the type of a raw output.
        """
        self._descriptor = descriptor
        self._raw = np.dtype(raw).itemsize
        self._buffer = mmap.mmap(-1, mmap.PAGESIZE)
        self._last: Exchange | None = None

    def exchange(self, rows: int, elements: int) -> Exchange:
        """The place of a batch of ``rows`` rows of together ``elements`` elements.

        The same object again for the same numbers, as long as nothing else was asked for.
        """
        last = self.known(rows, elements)
        if last is None:
            needed = size(rows, elements, self._raw)
            if os.fstat(self._descriptor).st_size < needed:
                os.ftruncate(self._descriptor, -(-needed // mmap.PAGESIZE) * mmap.PAGESIZE)
            if len(self._buffer) < needed or self._last is None:
                self._buffer = mmap.mmap(self._descriptor, 0)
            self._last = last = Exchange(self._buffer, rows, elements, self._raw)
        return last

    def known(self, rows: int, elements: int) -> Exchange | None:
        """The same, if nothing has to be done for it."""
        last = self._last
        return last if last is not None and last.shape == (rows, elements) else None


class Exchange:
    """The arrays of one batch, as views into shared memory."""

    def __init__(self, buffer: mmap.mmap, rows: int, elements: int, raw: int) -> None:
        """Lay the arrays out from the start of the buffer; a raw output has ``raw`` bytes."""
        self.shape = rows, elements
        self._arrays: dict[str, npt.NDArray[Any]] = {
            place.name: np.frombuffer(buffer, place.code, place.length, place.start)
            for place in places(rows, elements, raw)
        }
        self._questions = [self._arrays[name] for name in ROWS]
        self._answers = [self._arrays[name] for name in RESULTS]

    @functools.cached_property
    def rows(self) -> Rows:
        """The batch, as views; the same object for every batch that is written here."""
        return Rows(*(self._arrays[name] for name in ROWS))

    @functools.cached_property
    def results(self) -> Results:
        """Where the results of the batch go, as views."""
        return Results(*(self._arrays[name] for name in RESULTS))

    def write_rows(self, rows: Rows) -> None:
        """Copy a batch in."""
        q, keep, offsets = self._questions
        q[:], keep[:], offsets[:] = rows.q, rows.keep, rows.offsets

    def write_results(self, results: Results) -> None:
        """Copy the results of the batch in."""
        for name in RESULTS:
            self._arrays[name][:] = getattr(results, name)

    def read_results(self) -> Results:
        """The results of the batch, copied out."""
        return Results(*[array.copy() for array in self._answers])


def packed(results: Results) -> bytes:
    """The results of a batch, end to end."""
    return b"".join(getattr(results, name).tobytes() for name in RESULTS)


def packed_size(rows: int, elements: int, raw: type[np.unsignedinteger[Any]]) -> int:
    """Bytes of :func:`packed`; arguments as of :func:`unpacked`."""
    found = places(rows, elements, np.dtype(raw).itemsize)
    return sum(place.end - place.start for place in found if place.name in RESULTS)


def unpacked(data: bytes, rows: int, elements: int, raw: type[np.unsignedinteger[Any]]) -> Results:
    """What :func:`packed` packed: of so many rows and elements, raw outputs of type ``raw``."""
    arrays, end = {}, 0
    for place in places(rows, elements, np.dtype(raw).itemsize):
        if place.name in RESULTS:
            arrays[place.name] = np.frombuffer(data, place.code, place.length, end)
            end += place.end - place.start
    return Results(**arrays)
