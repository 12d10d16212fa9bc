"""Models in the loop: does a model's own task survive the softmax?

A task is a model, examples whose answers are known, and metrics. It is run once with the model's
own float softmax and once with each configuration in its place; :mod:`.eval.run` does that,
:mod:`.eval.statistics` says what is loss and what is noise. Heavy packages and models belong
in the adapters; data is read from installed packages.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from softmax_cosim.configs import UsageError
from softmax_cosim.configs.there import is_file

if TYPE_CHECKING:
    from softmax_cosim.engines import Softmax

__all__ = [
    "BY_NAME",
    "TASKS",
    "Metric",
    "Source",
    "Task",
    "hashes",
    "load",
    "mean",
    "named",
    "ratio",
]

Floats = npt.NDArray[np.float64]

#: Name to ``module:factory``.
TASKS = {
    name: f"softmax_cosim.eval.tasks.{name}:make"
    for name in (
        "sentiment",
        "similarity",
        "retrieval",
        "ocr",
        "language",
        "speech",
        "solubility",
        "translation",
        "detection",
    )
}
TASKS["detection-dc5"] = "softmax_cosim.eval.tasks.detection:make_dilated"
TASKS["sentiment-tuned"] = "softmax_cosim.eval.tasks.sentiment_tuned:make"
TASKS["translation-pten"] = "softmax_cosim.eval.tasks.translation:make_pten"
#: Tasks whose model and data the user names, to ``module:factory``; factories take a `Source`.
BY_NAME = {
    "detection": "softmax_cosim.eval.tasks.detection_by_name:make",
    "translation": "softmax_cosim.eval.tasks.translation_by_name:make",
    "glue": "softmax_cosim.eval.tasks.glue:make",
}
#: Of these, tasks that want a variant, ``glue:sst2``, and that may have one, ``translation:en-de``.
WITH_VARIANT = ("glue",)
MAY_HAVE_VARIANT = ("translation",)


@dataclass(frozen=True)
class Source:
    """A model and data of the user's own."""

    model: str
    """A folder, or a name on the hub."""
    data: Path
    """A folder, as the data are published."""
    hub: bool = False
    """The model may be downloaded."""
    variant: str = ""
    """What stands behind the colon of the task's name."""


@dataclass(frozen=True)
class Metric:
    """One figure of a task: numbers of each example, and what is made of the numbers of many.

    A bootstrap draws examples with repetition, so ``value`` sees rows of ``terms`` in any order
    and number, while ``terms`` is called once an example::

        Metric("accuracy", "higher", "%", lambda i, answer: (answer == truth[i],), mean)
        Metric("character errors", "lower", "%", lambda i, text: (edits(i, text), length[i]), ratio)
    """

    name: str
    better: Literal["higher", "lower"]
    unit: Literal["%", ""]
    """With "%" the value is a share of one, and is shown as percent."""
    terms: Callable[[int, Any], Sequence[float]]
    """Numbers of one example, given its index and its prediction; as many for every example."""
    value: Callable[[Floats], float]
    """The figure of some examples, given their terms, shape [examples, terms]."""
    resampled: Callable[[Floats, npt.NDArray[np.int64]], Floats] | None = None
    """Figures of many draws, given terms and numbers of examples [draws, examples]: ``value`` of
    each, where that can be had more quickly."""


def mean(terms: Floats) -> float:
    """Mean of the first term."""
    return float(terms[:, 0].mean())


def ratio(terms: Floats) -> float:
    """Sum of the first term over the sum of the second."""
    first, second = terms[:, :2].sum(axis=0)
    return float(first / second)


class Task(Protocol):
    """A model and labelled examples.

    Making one is quick, and says what is missing: it reads the data and looks for the packages. A
    model that takes long to load is loaded by the first :meth:`predict`.
    """

    name: str
    title: str
    """Half a line: what is asked of which model."""
    source: str
    """Where model and data come from, their versions and licences."""
    batch: int
    """Examples of a step. A step is computed whole or not at all, always from the same examples."""

    @property
    def metrics(self) -> Sequence[Metric]:
        """The first is the main one."""
        ...

    def __len__(self) -> int:
        """The number of examples, the unit of resampling; any first few are a fair sample."""
        ...

    def predict(self, examples: range, softmax: Softmax | None) -> list[Any]:
        """Predictions of one step, one an example, that JSON can hold.

        They depend on nothing but the arguments. With ``softmax`` None the model computes its own.
        """
        ...

    def agreement(self, ours: Any, float_: Any) -> tuple[float, float]:
        """How far two predictions of one example agree: so many, out of so many."""
        ...


def load(name: str, source: Source | None = None) -> Task:
    """Make a task: one of :data:`TASKS`, one of :data:`BY_NAME`, or the user's own.

    Args:
        name: a name, or ``module:factory``, or ``file.py:factory``; the factory takes nothing.
        source: model and data of a task of :data:`BY_NAME`, whose name may go on after a colon.

    Raises:
        UsageError: there is no such task, or what it needs is not installed; model and data are
            not what the task wants.
    """
    kind, _, variant = name.partition(":")
    fits = kind in MAY_HAVE_VARIANT or bool(variant) == (kind in WITH_VARIANT)
    by_name = kind in BY_NAME and fits
    if source is not None and not by_name:
        raise UsageError(
            f"task {name} takes no model and data; those that do: {', '.join(named())}"
        )
    if source is None and kind in BY_NAME and name not in TASKS:
        raise UsageError(
            f"task {name} needs a model and data: cosim eval {name} --model FOLDER --data FOLDER"
        )
    place = TASKS.get(name, name) if source is None else BY_NAME[kind]
    module, colon, factory = place.rpartition(":")
    if not colon:
        raise UsageError(
            f"unknown task {name!r}; there are: {', '.join(TASKS)}, "
            "or give your own as file.py:factory or module:factory"
        )
    make = getattr(_module(module, name), factory, None)
    if not callable(make):
        raise UsageError(f"task {name!r}: {module} has no function {factory}")
    task: Task = make() if source is None else make(replace(source, variant=variant))
    return task


def hashes(task: Task) -> dict[str, str]:
    """SHA-256 of each file of weights and data, by name, where the task tells.

    A task of the user's model and data has them in an attribute of this name; those of packages
    name the versions in their ``source`` instead.
    """
    return dict(getattr(task, "hashes", {}))


def named() -> list[str]:
    """How each task of :data:`BY_NAME` is written."""
    return [f"{kind}:NAME" if kind in WITH_VARIANT else kind for kind in BY_NAME]


def _module(module: str, name: str) -> ModuleType:
    """Import a module by name, or from a file."""
    if module.endswith(".py"):
        path = Path(module)
        spec = importlib.util.spec_from_file_location(f"own_task_{path.stem}", path)
        if not is_file(path) or spec is None or spec.loader is None:
            raise UsageError(f"task {name!r}: there is no file {path}")
        loaded = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = loaded  # dataclasses look there
        try:
            spec.loader.exec_module(loaded)
        except Exception as error:
            raise UsageError(f"task {name!r}: {path} failed: {error!r}") from error
        return loaded
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UsageError(f"task {name!r}: cannot import {module} ({error})") from None
