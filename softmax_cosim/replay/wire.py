"""What a shard gave, as bytes: arrays in the safetensors format, and no object of any language."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load, save

from softmax_cosim.golden.metrics import RowErrors, TableHits
from softmax_cosim.golden.rows import Results
from softmax_cosim.measure import Measured, Slice
from softmax_cosim.replay.shard import Outcome
from softmax_cosim.report import RowBatch

__all__ = ["packed", "unpacked"]

Arrays = dict[str, npt.NDArray[Any]]

_ERRORS = ("datapath", "total")
_COUNTS = ("clipped", "underflow", "moved")
_ROWS = (
    *("length", "active", "predicted_first_out", "predicted_last_out"),
    *("mismatched", "nonfinite", "lost"),
)
_RESULTS = ("first_in", "last_in", "first_out", "last_out", "error")


def packed(outcome: Outcome, warnings: Counter[str]) -> bytes:
    """Everything of an outcome that its rows do not tell; and what the design warned of."""
    measured = outcome.measured
    batch, hits = measured.batch, measured.batch.hits
    arrays = _named("results", measured.results)
    arrays |= {f"batch.{name}": getattr(batch, name) for name in _ROWS}
    for name in _ERRORS:
        if (errors := getattr(batch, name)) is not None:
            arrays |= _named(name, errors)
    about = {name: getattr(batch, name) for name in _COUNTS} | {
        "hits": hits and dataclasses.asdict(hits),
        "broken": outcome.broken,
        "warnings": warnings,
    }
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    return save({name: np.ascontiguousarray(array) for name, array in arrays.items()})


def unpacked(part: Slice, data: bytes) -> tuple[Outcome, Counter[str]]:
    """What :func:`packed` was given, for the same rows.

    Raises:
        ValueError, KeyError, SafetensorError: these are no such bytes.
    """
    arrays: Arrays = load(data)
    about = json.loads(arrays.pop("about").tobytes())
    results = Results(**_fields("results", arrays))
    if len(results.error) != len(part.picked):
        raise ValueError(f"{len(results.error)} rows, not {len(part.picked)}")
    values: dict[str, Any] = part.identity | _fields("batch", arrays)
    values |= {name: getattr(results, name) for name in _RESULTS}
    values |= {name: about[name] for name in _COUNTS}
    for name in _ERRORS:
        errors = _fields(name, arrays)
        values[name] = RowErrors(**errors) if errors else None
    values["hits"] = TableHits(**about["hits"]) if about["hits"] else None
    batch = RowBatch(**values, detail=partial(part.detail, results))
    measured = Measured(part, part.answers, results, batch)
    return Outcome.of(measured, about["broken"]), Counter(about["warnings"])


def _named(prefix: str, values: Any) -> Arrays:
    fields = dataclasses.fields(values)
    return {f"{prefix}.{field.name}": getattr(values, field.name) for field in fields}


def _fields(prefix: str, arrays: Arrays) -> Arrays:
    return {
        name.partition(".")[2]: array
        for name, array in arrays.items()
        if name.startswith(f"{prefix}.")
    }
