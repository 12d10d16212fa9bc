"""What the JSON files of reports tell of each design: figures and words, by dotted names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

__all__ = ["Subject", "of_results", "of_summary", "replayed", "task_figures"]

#: What a task measures of a metric, and what of a configuration as a whole.
_OF_METRIC = ("value", "loss", "relative_loss", "interval.low", "interval.high")
_OF_CELL = (
    *("table_bytes", "agreement", "rows", "elements", "cycles", "mismatches"),
    *("scores", "clipped", "underflow", "moved_rows", "seconds"),
)


@dataclass(frozen=True)
class Subject:
    """A design, in a task if there are tasks."""

    design: str
    figures: Mapping[str, float | None]
    """None where a figure is not known."""
    words: Mapping[str, str]
    """What else may change: a formula, the SHA-256 of a source."""
    task: str = ""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Other names of figures, to those that the figures go by."""

    def __contains__(self, name: str) -> bool:
        """Whether there is such a figure, known or not."""
        return name in self.figures or name in self.aliases

    def __getitem__(self, name: str) -> float | None:
        """A figure by any of its names; None where it is not known."""
        return self.figures[self.aliases.get(name, name)]

    @property
    def key(self) -> tuple[str, str]:
        """What it is the same subject by in another report."""
        return self.design, self.task

    def __str__(self) -> str:
        """As a sentence names it."""
        return f"{self.design} in {self.task}" if self.task else self.design


def of_summary(found: Mapping[str, Any]) -> list[Subject]:
    """Of ``summary.json``, a subject a run."""
    subjects = []
    for run in found["runs"]:
        leaves = dict(_leaves({key: run[key] for key in run if key not in ("config", "layers")}))
        figures = {name: leaf for name, leaf in leaves.items() if not isinstance(leaf, str)}
        words = {name: leaf for name, leaf in leaves.items() if isinstance(leaf, str)}
        subjects.append(Subject(run["config"], dict.fromkeys(replayed()) | figures, words))
    return subjects


def of_results(found: Mapping[str, Any]) -> list[Subject]:
    """Of the ``results.json`` of ``cosim eval``, a subject a task and configuration, and float."""
    subjects = []
    for task in found["tasks"]:
        name = task["task"]
        metrics = _metrics(task["baseline"])
        aliases = _aliases(name, metrics)
        subjects.append(Subject("float", _named(metrics), {}, name, aliases))
        for cell in task["cells"]:
            metrics = _metrics(cell["metrics"])
            figures = {key: cell.get(key) for key in _OF_CELL} | _named(metrics)
            aliases = _aliases(name, metrics, _OF_CELL)
            leaves = _leaves(cell.get("parameters", {}))
            words = {key: str(leaf) for key, leaf in leaves if leaf is not None}
            subjects.append(Subject(cell["config"], figures, words, name, aliases))
    return subjects


def _metrics(found: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, float | None]]:
    """By metric; the float model's own have a value alone."""
    figures = {}
    for each in found:
        low, high = each["interval"]
        known = {**each, "interval.low": low, "interval.high": high}
        figures[_word(each["metric"])] = {key: known[key] for key in _OF_METRIC if key in known}
    return figures


@lru_cache
def replayed() -> tuple[str, ...]:
    """The names of the figures of a replay: those of one without rows."""
    from softmax_cosim import configs
    from softmax_cosim.report import Formula, Tally
    from softmax_cosim.report.summary import run_summary

    cfg = configs.load("split_uint8")
    tally = Tally(cfg, table_bytes=None, formula=Formula(0, 0, 1), draws=("zeros",))
    run = run_summary(tally.result(cycles=0, wall_s=0.0))
    return tuple(name for name, leaf in _leaves(run) if not isinstance(leaf, str))


def task_figures(metrics: Mapping[str, Iterable[str]]) -> list[str]:
    """The names of the figures of tasks, given the names of each task's metrics."""
    names: dict[str, None] = dict.fromkeys(_OF_CELL)
    for task, of_task in metrics.items():
        known = {_word(metric): dict.fromkeys(_OF_METRIC) for metric in of_task}
        names |= dict.fromkeys((*_aliases(task, known, _OF_CELL), *_named(known)))
    return list(names)


Metrics = Mapping[str, Mapping[str, float | None]]


def _named(metrics: Metrics) -> dict[str, float | None]:
    return {f"{metric}.{key}": of[key] for metric, of in metrics.items() for key in of}


def _aliases(task: str, metrics: Metrics, own: Sequence[str] = ()) -> dict[str, str]:
    """``loss`` is that of the task's first metric; each name also with the task before it."""
    first = next(iter(metrics), "")
    bare = {key: f"{first}.{key}" for key in metrics.get(first, {})}
    whole = dict.fromkeys((*own, *_named(metrics)))
    full = {name: name for name in whole} | bare
    return bare | {f"{task}.{name}": to for name, to in full.items()}


def _word(metric: str) -> str:
    """The name of a metric as a part of that of a figure."""
    return re.sub(r"[^\w-]+", "_", metric).strip("_-") or "metric"


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Numbers, words and None in nested data, with their dotted names."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _leaves(part, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for place, part in enumerate(value):
            yield from _leaves(part, f"{name}.{place}")
    elif isinstance(value, bool):
        yield name, str(value).lower()
    else:
        yield name, value
