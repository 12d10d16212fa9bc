"""``rows.parquet``: one record a row, written as the rows pass by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from softmax_cosim.report.model import Bools, RowBatch

__all__ = ["FURTHER", "SCHEMA", "RowsWriter"]

ROW_GROUP = 65_536
"""Rows buffered before they go to disk, as one row group."""

_NAMES = ("config", "trace", "model", "tensor")
_CYCLES = ("first_in", "last_in", "first_out", "last_out", "latency")
#: Null where the golden model ran alone.
_PLAYED = ("mismatched", "lost", "error")
#: Fields of errors, null where a row has none; those against the original scores end in _total.
_ERRORS = ("max_lsb", "max_abs", "l1", "kl", "row_sum", "top1")
SCHEMA = pa.schema(
    [(name, pa.string()) for name in _NAMES]
    + [(name, pa.int32()) for name in ("row", "batch", "head", "query", "length", "active")]
    + [(name, pa.int64()) for name in _CYCLES]
    + [(name, pa.int64()) for name in ("predicted_first_out", "predicted_last_out")]
    + [("mismatched", pa.int32()), ("lost", pa.bool_()), ("error", pa.bool_())]
    + [(name, pa.float64()) for name in ("max_lsb", "l1", "kl", "l1_total")]
)
"""Cycles that did not happen are null, as are figures of rows without output or with one that is no
number, and kl where nothing is kept; max_lsb, l1 and kl are the datapath's. Without errors all
figures are null."""

#: Further figures of a row, where all are asked for; ``top1`` is a code of ``golden.metrics``.
FURTHER = pa.schema(
    [(name, pa.float64()) for name in ("max_abs", "row_sum", "max_abs_total", "max_lsb_total")]
    + [("kl_total", pa.float64()), ("top1", pa.uint8()), ("top1_total", pa.uint8())]
)


class RowsWriter:
    """Appends batches to a Parquet file, a row group at a time; memory stays bounded.

    A thread writes a row group while the next one is collected; what goes wrong with it is raised
    by the next call.
    """

    def __init__(
        self,
        path: Path,
        writing: Callable[[], AbstractContextManager[None]] = nullcontext,
        *,
        further: bool = False,
    ) -> None:
        """Open ``path``; :meth:`close` completes it, without that it is no Parquet file.

        Whatever is written, is written within ``writing()``. With ``further`` columns there are
        those of :data:`FURTHER` as well.
        """
        self._fields = [*SCHEMA, *(FURTHER if further else ())]
        self._writing = writing
        integers, floats = (
            [field.name for field in self._fields if is_kind(field.type)]
            for is_kind in (pa.types.is_integer, pa.types.is_floating)
        )
        encodings = dict.fromkeys(integers, "DELTA_BINARY_PACKED")
        # A name is handed over once a group, not once a row.
        name = pa.dictionary(pa.int32(), pa.string())
        self._written = pa.schema(
            [field.with_type(name) if field.name in _NAMES else field for field in self._fields]
        )
        self._writer: Any = pq.ParquetWriter(
            path,
            self._written,
            compression="lz4",
            use_dictionary=list(_NAMES),
            column_encoding=encodings | dict.fromkeys(floats, "BYTE_STREAM_SPLIT"),
            write_statistics=[*_NAMES, *_PLAYED],  # what one picks rows by
            write_batch_size=ROW_GROUP,
            store_schema=False,  # whoever reads it finds strings
        )
        self._waiting: list[dict[str, Any]] = []
        self._rows = 0
        self._thread = ThreadPoolExecutor(1)
        self._under_way: Future[None] | None = None

    def write(self, config: str, batch: RowBatch) -> None:
        """Append the rows of ``batch``, run with the configuration named ``config``."""
        names = {name: getattr(batch, name) for name in _NAMES if name != "config"}
        columns = {
            field.name: _values(field, batch) for field in self._fields if field.name not in _NAMES
        }
        self._waiting.append({"config": config, **names, **columns})
        self._rows += len(batch)
        if self._rows >= ROW_GROUP:
            self._flush()

    def close(self) -> None:
        """Write what is still buffered, and the footer."""
        try:
            self._flush()
            self._wait()
        finally:
            self._thread.shutdown()
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
        """Have a thread write what is buffered; one row group at a time."""
        self._wait()
        if self._waiting:
            self._under_way = self._thread.submit(self._group, self._waiting, self._rows)
        self._waiting, self._rows = [], 0

    def _wait(self) -> None:
        if self._under_way is not None:
            self._under_way.result()

    def _group(self, batches: Sequence[Mapping[str, Any]], rows: int) -> None:
        with self._writing():
            self._writer.write_table(_table(batches, self._written), row_group_size=rows)


def _table(batches: Sequence[Mapping[str, Any]], schema: Any) -> Any:
    """Batches as one table, of each its names and the columns of :func:`_values`."""
    lengths = [len(batch["row"][0]) for batch in batches]

    def column(field: Any) -> Any:
        parts = [batch[field.name] for batch in batches]
        if field.name in _NAMES:
            known = {name: place for place, name in enumerate(dict.fromkeys(parts))}
            places = np.repeat(np.array([known[name] for name in parts], np.int32), lengths)
            return pa.DictionaryArray.from_arrays(places, pa.array(known, pa.string()))
        absent = None
        if any(part is not None for _, part in parts):
            absent = np.concatenate(
                [
                    np.zeros(length, np.bool_) if part is None else part
                    for length, (_, part) in zip(lengths, parts, strict=True)
                ]
            )
        return _array(field.type, [values for values, _ in parts], absent)

    return pa.table([column(field) for field in schema], schema=schema)


def _array(kind: Any, parts: Sequence[Any], absent: Bools | None) -> Any:
    """Parts end to end, null where ``absent``, handed to Arrow as they lie."""
    values = np.concatenate(parts, dtype=kind.to_pandas_dtype(), casting="same_kind")
    held = _bits(values) if kind == pa.bool_() else pa.py_buffer(values)
    present = None if absent is None else _bits(~absent)
    return pa.Array.from_buffers(kind, len(values), [present, held])


def _bits(values: Bools) -> Any:
    return pa.py_buffer(np.packbits(values, bitorder="little"))


def _values(field: Any, batch: RowBatch) -> tuple[Any, Bools | None]:
    """A column of a batch, and where it is null, if it is anywhere; both of shape [rows]."""
    name = field.name
    figure = name.removesuffix("_total")
    if figure in _ERRORS:
        errors = batch.datapath if name == figure else batch.total
        if errors is None:
            return np.zeros(len(batch)), np.ones(len(batch), np.bool_)
        values = getattr(errors, figure)
        absent = ~batch.measured | np.isnan(values)
        if figure == "kl":
            absent |= batch.active == 0
    else:
        values = getattr(batch, name)
        if name in _PLAYED and not batch.played:
            return values, np.ones(len(batch), np.bool_)
        if field.type != pa.int64():
            return values, None
        absent = values < 0
    return values, absent if absent.any() else None
