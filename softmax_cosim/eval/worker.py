"""One step of an evaluation, in a process that does many of them, one after the other."""

from __future__ import annotations

import dataclasses
import time
from functools import lru_cache

from softmax_cosim import engines
from softmax_cosim.account import Account
from softmax_cosim.configs import Config, UsageError
from softmax_cosim.eval import Source, Task, load
from softmax_cosim.eval.cells import line_of

__all__ = ["step", "task_of"]

_open: dict[tuple[str, Config, str], engines.Engine] = {}
"""The engine of the last step; a worker goes from cell to cell in the order of the plan."""


@lru_cache(maxsize=1)
def task_of(name: str, source: Source | None) -> Task:
    """The task of the last step."""
    return load(name, source)


def _engine(run: str, config: Config, kind: str, simulators: int) -> engines.Engine:
    if (run, config, kind) not in _open:
        while _open:
            _open.popitem()[1].close()
        made = engines.Rtl(config, simulators) if kind == "rtl" else engines.Golden(config)
        _open[run, config, kind] = made
    return _open[run, config, kind]


def step(
    name: str,
    source: Source | None,
    config: Config | None,
    kind: str,
    run: str,
    simulators: int,
    part: range,
) -> str:
    """Compute one step; returns its line.

    Args:
        name: of the task.
        source: its model and data, if the user named them.
        config: what stands in for the model's softmax; None for nothing.
        kind: of the engine.
        run: what tells engines of one configuration apart; empty where nothing does.
        simulators: that the engine may have play at a time.
        part: the examples.

    Raises:
        UsageError: the task does not do what is asked of it.
    """
    task = task_of(name, source)
    softmax = None if config is None else _engine(run, config, kind, simulators)
    count, account = engines.Count(), Account()
    if softmax is not None:
        softmax.count, softmax.account = count, account
    begun = time.perf_counter()
    predictions = task.predict(part, softmax)
    seconds = time.perf_counter() - begun
    if len(predictions) != len(part):
        raise UsageError(
            f"task {name}: {len(predictions)} predictions for the {len(part)} examples from "
            f"{part.start} on; predict must return one an example"
        )
    found = {"start": part.start, "predictions": predictions, "seconds": round(seconds, 4)}
    found |= dataclasses.asdict(count) | {"account": account.as_dict()}
    try:
        return line_of(found)
    except TypeError as error:
        raise UsageError(
            f"task {name}: a prediction cannot be kept as JSON ({error}); "
            "return numbers, text, or lists of them"
        ) from None
