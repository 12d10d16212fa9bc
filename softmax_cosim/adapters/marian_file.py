"""Marian's files: a model with its matrices as int8, and a shortlist of the words that may come.

Both are little endian. A model is u64 version and u64 count; for each item u64 length of its name,
type, rank and bytes; the names, ended by NUL; the dimensions as i32; u64 and so many bytes of
padding; the items' contents, back to back. An int8 matrix has one float32 behind its values, by
which they are to be divided.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from softmax_cosim.adapters import Float
from softmax_cosim.configs import UsageError

__all__ = ["Shortlist", "read"]

VERSION = 1
FLOAT32, INT8, TEXT = 0x0404, 0x4101, 0x0101
SHORTLIST = 0xF11A48D5013417F5
"""The first eight bytes of a shortlist."""
EMBEDDINGS = "Wemb"
"""The one int8 matrix that is not stored transposed."""


def read(path: Path) -> dict[str, Float]:
    """The matrices of a model, as float32, by name; int8 ones times their scale.

    Raises:
        UsageError: the file is cut short or is not of this kind.
    """
    data = path.read_bytes()
    try:
        version, count = struct.unpack_from("<2Q", data)
        if version != VERSION:
            raise ValueError(f"version {version}, not {VERSION}")
        items = list(struct.iter_unpack("<4Q", data[16 : 16 + 32 * count]))
        place = 16 + 32 * count
        names = []
        for length, *_ in items:
            names.append(data[place : place + length - 1].decode())
            place += length
        shapes = []
        for _, _, rank, _ in items:
            shapes.append(struct.unpack_from(f"<{rank}i", data, place))
            place += 4 * rank
        place += 8 + struct.unpack_from("<Q", data, place)[0]
        arrays = {}
        for name, shape, (_, kind, _, size) in zip(names, shapes, items, strict=True):
            if place + size > len(data):
                raise ValueError(f"{name} is cut short")
            if kind == FLOAT32:
                arrays[name] = np.frombuffer(data, "<f4", np.prod(shape), place).reshape(shape)
            elif kind == INT8:
                arrays[name] = _scaled(data[place : place + size], name, shape)
            elif kind != TEXT:
                raise ValueError(f"{name} is of an unknown type {kind:#x}")
            place += size
    except (struct.error, ValueError) as error:
        raise UsageError(f"{path} is no Marian model that can be read: {error}") from None
    return arrays


def _scaled(data: bytes, name: str, shape: tuple[int, ...]) -> Float:
    """An int8 matrix [rows, columns] as float32."""
    count = int(np.prod(shape))
    (scale,) = struct.unpack_from("<f", data, count)
    values = np.frombuffer(data, np.int8, count).astype(np.float32) / np.float32(scale)
    return values.reshape(shape) if name == EMBEDDINGS else values.reshape(shape[::-1]).T


class Shortlist:
    """The words that may come in the translation of a word."""

    def __init__(self, path: Path) -> None:
        """Read the file: six u64, offsets as u64, word numbers as u32.

        Raises:
            UsageError: the file is cut short or is not of this kind.
        """
        data = path.read_bytes()
        try:
            magic, _, self._first, _, offsets, words = struct.unpack_from("<6Q", data)
            if magic != SHORTLIST:
                raise ValueError(f"it begins with {magic:#x}")
            self._offsets: npt.NDArray[Any] = np.frombuffer(data, "<u8", offsets, 48)
            self._words: npt.NDArray[Any] = np.frombuffer(data, "<u4", words, 48 + 8 * offsets)
        except (struct.error, ValueError) as error:
            raise UsageError(f"{path} is no shortlist that can be read: {error}") from None

    def candidates(self, tokens: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Numbers of all words that may come when these came in, in order."""
        lists = [self._words[self._offsets[t] : self._offsets[t + 1]] for t in set(tokens.tolist())]
        return np.unique(np.concatenate([np.arange(self._first), *lists])).astype(np.int64)
