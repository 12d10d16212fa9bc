"""Weights in the format of CTranslate2, read without it.

The format, version 6, little-endian, as ``python/ctranslate2/specs/model_spec.py`` of CTranslate2
writes it: version (uint32), name, revision (uint32); the number of arrays (uint32), and for each
its name, its rank (uint8), its sizes (uint32), its type (uint8), its length in bytes (uint32) and
its bytes; the number of aliases (uint32), and for each its name and the array's. A string is its
length with a closing zero byte (uint16), its characters and that byte.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from softmax_cosim.configs import UsageError

__all__ = ["VERSION", "read"]

VERSION = 6
DTYPES = ("<f4", "<i1", "<i2", "<i4", "<f2")
"""By type number; the next one, bfloat16, numpy has not got."""


def read(path: Path) -> dict[str, npt.NDArray[Any]]:
    """All arrays by name, aliases too.

    Raises:
        UsageError: the file is no such file, of another version, or cut short.
    """
    try:
        file = _File(path.read_bytes())
        if (version := file.number("I")) != VERSION:
            raise UsageError(f"{path} is of CTranslate2 format {version}; {VERSION} can be read")
        file.string(), file.number("I")
        arrays = dict(file.array() for _ in range(file.number("I")))
        aliases = [(file.string(), file.string()) for _ in range(file.number("I"))]
        return arrays | {alias: arrays[name] for alias, name in aliases}
    except (struct.error, ValueError, LookupError) as error:
        raise UsageError(f"{path} is damaged ({error}); install its package again") from None


class _File:
    """The bytes, and how far they are read."""

    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    def number(self, kind: str) -> int:
        (value,) = struct.unpack_from(f"<{kind}", self.data, self.place)
        self.place += struct.calcsize(kind)
        return int(value)

    def string(self) -> str:
        size = self.number("H")
        if self.place + size > len(self.data):
            raise ValueError("it ends early")
        text = self.data[self.place : self.place + size - 1].decode()
        self.place += size
        return text

    def array(self) -> tuple[str, npt.NDArray[Any]]:
        name = self.string()
        shape = [self.number("I") for _ in range(self.number("B"))]
        dtype = np.dtype(DTYPES[self.number("B")])
        size = self.number("I")
        flat = np.frombuffer(self.data, dtype, size // dtype.itemsize, self.place)
        self.place += size
        return name, flat.reshape(shape)
