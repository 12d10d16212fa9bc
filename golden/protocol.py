"""What two processes agree on that exchange batches: messages, places in memory, what may go wrong.

It needs no numpy, which takes longer to import than all else that a simulator starts with.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from softmax_cosim.golden.rows import Results

__all__ = [
    "ANSWER",
    "COMMAND",
    "RESULTS",
    "ROWS",
    "Broken",
    "NoProgress",
    "Place",
    "places",
    "size",
]

#: A batch to play: rows, elements, seed, and four numbers each of the stall patterns of source and
#: sink, see :attr:`.Pattern.words`.
COMMAND = struct.Struct("<qqQ4I4I")
#: Its end: simulation time in steps, clock edges so far, bytes of a JSON object that follows if
#: something went wrong.
ANSWER = struct.Struct("<qqq")

ROWS = ("q", "keep", "offsets")
RESULTS = ("y", "error", "exponent", "first_in", "last_in", "first_out", "last_out")

_ALIGNMENT = 64  # bytes: a cache line


class Broken(RuntimeError):
    """The design broke the stream's rules; ``results`` holds what came out before.

    In the simulator's process it may have none, as they lie in the memory.
    """

    results: Results

    def __init__(self, message: str, results: Results | None = None) -> None:
        """Rows that did not come out have ``last_out`` -1 in ``results``."""
        super().__init__(message)
        if results is not None:
            self.results = results

    def __reduce__(self) -> tuple[type[Broken], tuple[str, Results]]:
        """Both go along to another process."""
        return type(self), (str(self), self.results)


class NoProgress(Broken):
    """The design stopped taking or giving data; the message names the row and the handshakes."""


class Place(NamedTuple):
    """Where an array lies."""

    name: str
    """As in :class:`.Rows` and :class:`.Results`."""
    code: str
    """Of its type, as numpy has it; ends in the bytes of an element."""
    length: int
    """In elements."""
    start: int
    """Bytes from the beginning of the memory."""

    @property
    def end(self) -> int:
        """Likewise, behind it."""
        return self.start + int(self.code[-1]) * self.length


def places(rows: int, elements: int, raw: int) -> Iterator[Place]:
    """The arrays of a batch of ``rows`` rows of together ``elements`` elements, in their order.

    ``raw`` is how many bytes a raw output has.
    """
    end = 0
    for name, code, length in (
        ("q", "i4", elements),
        ("keep", "b1", elements),
        ("offsets", "i8", rows + 1),
        ("y", f"u{raw}", elements),
        ("error", "b1", rows),
        ("exponent", "u1", rows),
        ("first_in", "i8", rows),
        ("last_in", "i8", rows),
        ("first_out", "i8", rows),
        ("last_out", "i8", rows),
    ):
        place = Place(name, code, length, -(-end // _ALIGNMENT) * _ALIGNMENT)
        end = place.end
        yield place


def size(rows: int, elements: int, raw: int) -> int:
    """Bytes that a batch takes."""
    return max(place.end for place in places(rows, elements, raw))
