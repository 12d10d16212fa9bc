"""``summary.json``: the figures of a run, for programs."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

from softmax_cosim.report.model import Merit, Report, RunResult, TensorResult

__all__ = ["MERIT_KEYS", "VERSION", "run_summary", "summary", "write_summary"]

VERSION = 1

#: The figures of merit that the summary carries for each of the two references.
MERIT_KEYS = ("max_lsb", "max_abs", "mean_abs", "l1", "kl", "row_sum_mean", "top1")


def summary(report: Report) -> dict[str, Any]:
    """The summary as plain data; a figure without a finite value is None."""
    return {
        "version": VERSION,
        "commit": report.commit or None,
        "interrupted": report.interrupted,
        "traces": [trace.path for trace in report.traces],
        "sha256": [trace.sha256 for trace in report.traces],
        "runs": [run_summary(run) for run in report.runs],
    }


def write_summary(report: Report, path: Path) -> None:
    """Write the summary to ``path``."""
    text = json.dumps(summary(report), indent=2, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def run_summary(run: RunResult) -> dict[str, Any]:
    """What the summary tells of one run."""
    latency = run.latency
    return {
        "config": run.name,
        "method": run.config.method,
        "precision": run.config.precision,
        "lanes": run.config.lanes,
        "in_w": run.config.in_w,
        "frac": run.config.frac,
        "table_bytes": run.table_bytes,
        "rows": run.rows,
        "elements": run.elements,
        "left_out": [dataclasses.asdict(left) for left in run.left_out],
        "filled_rows": run.filled_rows,
        "added_rows": run.added_rows,
        "input": str(run.config.inputs),
        "output": str(run.config.outputs),
        "promise": run.promise,
        "tolerance": run.config.tolerance if run.config.golden else None,
        "kept": run.exact,
        "mismatched_elements": run.mismatched_elements,
        "lost_rows": run.lost_rows,
        "nonfinite_elements": run.nonfinite,
        "nonfinite_rows": run.nonfinite_rows,
        "latency": {
            "min": latency.min,
            "p50": latency.p50,
            "p99": latency.p99,
            "max": latency.max,
            "formula": None if latency.formula is None else str(latency.formula),
            "prediction_errors": latency.prediction_errors,
        },
        "elements_per_lane_cycle": _finite(run.elements_per_lane_cycle),
        "cycles": run.cycles,
        "wall_s": run.wall_s,
        "clipped": run.clipped,
        "underflow": run.underflow,
        "moved_rows": run.moved,
        "layers": [_layer(tensor) for tensor in sorted(run.tensors, key=_place)],
        "datapath": _merit(run.datapath),
        "total": _merit(run.total),
        **({} if run.power_up is None else {"power_up": dataclasses.asdict(run.power_up)}),
        **({} if run.own is None else {"design": dataclasses.asdict(run.own)}),
    }


def _place(tensor: TensorResult) -> tuple[str, int, str]:
    """Layer 2 before layer 10."""
    return tensor.trace, len(tensor.tensor), tensor.tensor


def _layer(tensor: TensorResult) -> dict[str, Any]:
    return {
        "trace": tensor.trace,
        "tensor": tensor.tensor,
        "rows": tensor.rows,
        "scores": tensor.scores,
        "clipped": tensor.clipped,
        "underflow": tensor.underflow,
        "moved_rows": tensor.moved,
    }


def _merit(merit: Merit) -> dict[str, float | None]:
    return {key: _finite(getattr(merit, key)) for key in MERIT_KEYS}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
