"""Which kind of error hurts which kind of task: the exact softmax with one error put in.

``python -m benchmarks.kinds`` runs tasks with each of :data:`KINDS` in place of softmax, in every
layer or in some, and writes the tables of ``docs/field.md``. Nothing is quantised: the error that
has a name is the only one.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.written import Part
from benchmarks.written import cell as written
from softmax_cosim.commit import commit
from softmax_cosim.eval import Task, load
from softmax_cosim.eval.statistics import Baseline, Loss
from softmax_cosim.golden.reference import softmax_of_scores
from softmax_cosim.hooks import Floats, Mask, Softmax, current_layer
from softmax_cosim.paths import ROOT

PART = Part(ROOT / "docs" / "field.md", "<!-- python -m benchmarks.kinds -->", "<!-- thus far -->")
Rows = Any
#: Of weights ``e^-d`` with the row's sum, and distances: what comes out.
Kind = Callable[[Rows, Rows], Rows]


def _normal(weights: Rows) -> Rows:
    total = weights.sum(axis=-1, keepdims=True)
    return weights / np.where(total > 0, total, 1)


def _tail(p: Rows) -> Rows:
    return np.where(p < 1 / 510, 0, p)


KINDS: Mapping[str, tuple[str, Kind]] = {
    "sum too high": ("all outputs 0.8 of what they should be", lambda p, d: 0.8 * p),
    "sum too low": ("all outputs 1.25 times what they should be", lambda p, d: 1.25 * p),
    "ties at the top": (
        "distances cut to whole nats, the sum right",
        lambda p, d: _normal(np.where(p > 0, np.exp(-np.floor(d)), 0)),
    ),
    "octave steps": (
        "exponents rounded to powers of two, the sum right",
        lambda p, d: _normal(np.where(p > 0, np.exp2(-np.rint(d / np.log(2))), 0)),
    ),
    "power-of-two outputs": (
        "outputs rounded to powers of two",
        lambda p, d: np.where(p > 0, np.exp2(np.rint(np.log2(np.maximum(p, 1e-300)))), 0),
    ),
    "lost tail": ("outputs below 1/510 are 0", lambda p, d: _tail(p)),
    "lost tail, sum right": ("likewise, the others made up for it", lambda p, d: _normal(_tail(p))),
    "8 bits, nearest": ("outputs rounded to 1/255", lambda p, d: np.rint(p * 255) / 255),
    "8 bits, cut": ("outputs cut to 1/256", lambda p, d: np.floor(p * 256) / 256),
}
#: Task, examples of it, and kinds of its layers by what their names match.
TASKS: Mapping[str, tuple[int, Mapping[str, str]]] = {
    "sentiment-tuned": (96, {}),
    "translation": (32, {"encoder": "_self", "cross-attention": "_context"}),
    "ocr": (40, {}),
    "detection": (100, {}),
}


def erring(kind: Kind, layers: str = "") -> Softmax:
    """A softmax with one error, in layers whose names match; the others keep the model's own."""

    def softmax(scores: Floats, mask: Mask | None) -> Floats | None:
        if not re.search(layers, current_layer.get()):
            return None
        x = np.asarray(scores, np.float64)
        keep = np.broadcast_to(True if mask is None else mask, x.shape) & np.isfinite(x)
        keys = x.shape[-1]
        offsets = np.arange(x.size // keys + 1, dtype=np.int64) * keys
        p = softmax_of_scores(x.reshape(-1), keep.reshape(-1), offsets).reshape(x.shape)
        top = np.where(keep, x, -np.inf).max(axis=-1, keepdims=True)
        d = np.where(keep, np.where(np.isfinite(top), top, 0) - np.where(keep, x, 0), 0)
        return kind(p, d).astype(scores.dtype)

    return softmax


def predicted(task: Task, count: int, softmax: Softmax | None) -> list[Any]:
    """Predictions of the first examples."""
    starts = range(0, count, task.batch)
    parts = [
        task.predict(range(start, min(start + task.batch, count)), softmax) for start in starts
    ]
    return [one for part in parts for one in part]


def cell(loss: Loss, agreement: float) -> str:
    """Loss in points, or in percent of a metric that is none, and agreement."""
    lost = loss.absolute if loss.metric.unit == "%" else loss.relative
    return written(100 * lost, loss.significant, agreement)


def run(name: str, count: int, parts: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Cells of a task: column, then kind."""
    task = load(name)
    count = min(count, len(task))
    base = Baseline(task, predicted(task, count, None))
    figure = base.figures[0]
    scale = 100 if figure.metric.unit == "%" else 1
    columns = {name: ""} | {f"{part} alone": layers for part, layers in parts.items()}
    found: dict[str, dict[str, str]] = {}
    for column, layers in columns.items():
        head = f"{column} ({count}; float: {figure.metric.name} {scale * figure.value:.2f})"
        found[head if not layers else column] = cells = {}
        for kind, (_, function) in KINDS.items():
            answers = predicted(task, count, erring(function, layers))
            cells[kind] = cell(base.losses(answers)[0], base.agreement(answers))
            print(f"{column}: {kind}: {cells[kind]}", flush=True)
    return found


def table(found: Mapping[str, Mapping[str, str]]) -> list[str]:
    """A row a kind, a column a task or a part of one."""
    lines = [
        f"| error | what it is | {' | '.join(found)} |",
        f"| --- | --- {'| ---: ' * len(found)}|",
    ]
    for kind, (what, _) in KINDS.items():
        cells = " | ".join(found[column][kind] for column in found)
        lines.append(f"| {kind} | {what} | {cells} |")
    return lines


def page(commit: str, seconds: float, lines: Sequence[str]) -> list[str]:
    """The lines of :data:`PART`."""
    return [f"Measured at commit `{commit}`, in {seconds:.0f} s on a busy machine.", "", *lines]


def main() -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kinds")
    parser.add_argument("tasks", nargs="*", default=list(TASKS), help=f"of {', '.join(TASKS)}")
    parser.add_argument("--out", type=Path, default=PART.page, help="a page with the two marks")
    args = parser.parse_args()
    begun, found = time.monotonic(), {}
    for name in args.tasks:
        found |= run(name, *TASKS[name])
    PART.write(page(commit(), time.monotonic() - begun, table(found)), args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
