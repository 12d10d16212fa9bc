"""``elements.cpp``, compiled once and loaded."""

from __future__ import annotations

import ctypes
import functools
import math
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from softmax_cosim.configs import UsageError
from softmax_cosim.paths import build_folder
from softmax_cosim.simulation import toolchain
from softmax_cosim.simulation.cache import Read, kept
from softmax_cosim.simulation.commands import run

__all__ = ["Confirmed", "call", "ready"]

_SOURCE = Path(__file__).with_name("elements.cpp")
_NAME = "elements.so"
#: A loop's sums may be split into lanes where the source says so; every other operation on doubles
#: is that of numpy, in its order.
_FLAGS = (
    *("-std=c++17", "-O3", "-march=native", "-fopenmp-simd", "-ffp-contract=off"),
    *("-fno-math-errno", "-fno-trapping-math", "-shared", "-fPIC"),
)


@functools.cache
def _library() -> ctypes.CDLL | None:
    """None where nothing can be compiled."""

    def make(work: Path) -> Read:
        run([[*toolchain.compiler(), *_FLAGS, str(_SOURCE), "-o", _NAME]], work, _NAME)
        return Read([str(_SOURCE)])

    try:
        key = _FLAGS, toolchain.fingerprint()
        folder = kept(build_folder("compiled"), "elements", key, make)
        return ctypes.CDLL(str(folder / _NAME))
    except (OSError, UsageError):
        return None


class Confirmed:
    """Which rows of its batches ``golden`` computes too: a hundredth of all elements, and more of
    the first batch.

    A call costs as much as thousands of elements. So it is many of one batch, and then none of
    the next ones. For threads.
    """

    _SHARE, _AT_ONCE = 0.01, 1 << 14  # elements

    def __init__(self) -> None:
        """There was no batch yet."""
        self._owed, self._lock = float(self._AT_ONCE), Lock()

    def of(self, rows: int, elements: int) -> slice:
        """Those of the next batch, of so many rows of together so many elements; perhaps none."""
        with self._lock:
            self._owed += self._SHARE * elements
            if self._owed < self._AT_ONCE or not elements:
                return slice(0, 0)
            count = min(rows, math.ceil(self._owed * rows / elements))
            self._owed -= count * elements / rows
        start = (rows - count) // 2
        return slice(start, start + count)


def ready() -> bool:
    """Whether the compiled functions are there; the first call may compile them.

    Where they are not, for want of a compiler or of a place to build in, ``golden`` does the work.
    """
    return _library() is not None


def call(name: str, *arguments: Any) -> int:
    """Call a function of ``elements.cpp``; other threads run meanwhile.

    Arrays go by their address, and must be of the element type that it expects.
    """
    result: int = _function(name)(*map(_passed, arguments))
    return result


@functools.cache
def _function(name: str) -> Any:
    function = getattr(_library(), name)
    function.restype = ctypes.c_int64
    return function


def _passed(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        if not value.flags.c_contiguous:
            raise TypeError("an array is not contiguous")
        return ctypes.c_void_p(value.ctypes.data)
    if isinstance(value, float):
        return ctypes.c_double(value)
    if isinstance(value, int):
        return ctypes.c_int64(value)
    return value
