"""``rows.parquet``: one record a row, written as the rows pass by."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from softmax_cosim.report.model import RowBatch

__all__ = ["SCHEMA", "RowsWriter"]

ROW_GROUP = 65_536
"""Rows buffered before they go to disk."""

_NAMES = ("config", "trace", "model", "tensor")
_CYCLES = ("first_in", "last_in", "first_out", "last_out", "latency")
#: Null where the golden model ran alone.
_PLAYED = ("mismatched", "lost", "error")
SCHEMA = pa.schema(
    [(name, pa.string()) for name in _NAMES]
    + [(name, pa.int32()) for name in ("row", "batch", "head", "query", "length", "active")]
    + [(name, pa.int64()) for name in _CYCLES]
    + [(name, pa.int64()) for name in ("predicted_first_out", "predicted_last_out")]
    + [("mismatched", pa.int32()), ("lost", pa.bool_()), ("error", pa.bool_())]
    + [(name, pa.float64()) for name in ("max_lsb", "l1", "kl", "l1_total")]
)
"""Cycles that did not happen are null, as are figures of rows without output or with one that is no
number, and kl where nothing is kept; max_lsb, l1 and kl are the datapath's."""


class RowsWriter:
    """Appends batches to a Parquet file, a row group at a time; memory stays bounded."""

    def __init__(
        self, path: Path, writing: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> None:
        """Open ``path``; :meth:`close` completes it, without that it is no Parquet file.

        Whatever is written, is written within ``writing()``.
        """
        self._writing = writing
        self._writer: Any = pq.ParquetWriter(path, SCHEMA, compression="zstd")
        self._waiting: list[Any] = []
        self._rows = 0

    def write(self, config: str, batch: RowBatch) -> None:
        """Append the rows of ``batch``, run with the configuration named ``config``."""
        self._waiting.append(_table(config, batch))
        self._rows += len(batch)
        if self._rows >= ROW_GROUP:
            self._flush()

    def close(self) -> None:
        """Write what is still buffered, and the footer."""
        self._flush()
        with self._writing():
            self._writer.close()

    def __enter__(self) -> RowsWriter:
        """Return the writer itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()

    def _flush(self) -> None:
        if self._waiting:
            with self._writing():
                self._writer.write_table(pa.concat_tables(self._waiting), row_group_size=ROW_GROUP)
        self._waiting, self._rows = [], 0


def _table(config: str, batch: RowBatch) -> Any:
    names = {"config": config, "trace": batch.trace, "model": batch.model, "tensor": batch.tensor}
    figures = {
        "max_lsb": batch.datapath.max_lsb,
        "l1": batch.datapath.l1,
        "kl": batch.datapath.kl,
        "l1_total": batch.total.l1,
    }

    def column(field: Any) -> Any:
        if field.name in names:
            return pa.repeat(pa.scalar(names[field.name], pa.string()), len(batch))
        if field.name in _PLAYED and not batch.played:
            return pa.nulls(len(batch), field.type)
        values = figures[field.name] if field.name in figures else getattr(batch, field.name)
        absent = np.asarray(values) < 0 if field.type == pa.int64() else None
        if field.name in figures:
            absent = ~batch.measured | np.isnan(values)
        if field.name == "kl":
            absent = absent | (batch.active == 0)
        return pa.array(values, mask=absent).cast(field.type)

    return pa.table([column(field) for field in SCHEMA], schema=SCHEMA)
