"""``outputs.safetensors``: what went in and what came out, element by element."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import save_file

from softmax_cosim.golden.rows import Rows

__all__ = ["OutputsWriter"]

_DTYPES = {"q": np.int32, "keep": np.uint8, "golden": None, "rtl": None}


class OutputsWriter:
    """Collects ``<name>/{q,keep,golden,rtl}``, each in the shape of its tensor.

    Rows that were not played are zero. Without a simulator there is no ``rtl``,
    without a golden model no ``golden``.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._arrays: dict[str, npt.NDArray[Any]] = {}

    def add(
        self,
        name: str,
        shape: tuple[int, ...],
        picked: npt.NDArray[np.int64],
        rows: Rows,
        golden: npt.NDArray[np.unsignedinteger[Any]] | None,
        rtl: npt.NDArray[np.unsignedinteger[Any]] | None,
    ) -> None:
        """Add rows of one tensor.

        Args:
            name: ``<config>/<tensor>``, or ``<config>/<trace>/<tensor>`` where there are several.
            shape: of the tensor, [batch, heads, queries, keys].
            picked: numbers of the rows within the tensor, shape [rows].
            rows: the rows as driven.
            golden: outputs of the golden model, shape [elements]; None where there is none.
            rtl: outputs of the hardware, shape [elements]; None without a simulator.
        """
        values = {"q": rows.q, "keep": rows.keep, "golden": golden, "rtl": rtl}
        for kind, value in values.items():
            if value is None:
                continue
            key = f"{name}/{kind}"
            if key not in self._arrays:
                self._arrays[key] = np.zeros(shape, _DTYPES[kind] or value.dtype)
            self._arrays[key].reshape(-1, shape[-1])[picked] = value.reshape(len(picked), -1)

    def write(self, path: Path) -> None:
        """Write the file.

        Raises:
            OSError: that cannot be done.
        """
        try:
            save_file(self._arrays, path)
        except SafetensorError as error:  # it keeps the system's error to itself
            if found := re.search(r"\(os error (\d+)\)", str(error)):
                raise OSError(int(found[1]), os.strerror(int(found[1]))) from None
            raise
