"""GLUE's tasks, with any sequence classifier of the user's own: ``glue:sst2`` and so on.

The examples are those of the benchmark's development set, whose labels are known, in a drawn order:
some of the files are sorted by origin. Metrics are the benchmark's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from softmax_cosim.adapters import pretrained, sha256
from softmax_cosim.adapters.sequence_classifier import LONGEST, SequenceClassifier
from softmax_cosim.configs import UsageError
from softmax_cosim.engines import Softmax
from softmax_cosim.eval import Metric, Source, Task, mean
from softmax_cosim.eval.figures import f1, matthews, outcome, pearson, spearman
from softmax_cosim.eval.tasks.glue_data import TASKS, read

SEED = 0
"""Of the order in which the examples are taken."""
CLOSE = 0.1
"""Two scores that are no further apart agree."""
ALIKE = {
    "neg": "negative",
    "pos": "positive",
    "paraphrase": "equivalent",
    "not_paraphrase": "not_equivalent",
    "contradictory": "contradiction",
    "entailed": "entailment",
}
"""Other words for the benchmark's labels."""


def make(source: Source) -> Task:
    """Read the examples and load the model.

    Raises:
        UsageError: no such task; a file is missing or not what it should be; the model is not whole
            or has other labels.
    """
    if source.variant not in TASKS:
        raise UsageError(
            f"unknown task glue:{source.variant}; there are: "
            f"{', '.join(f'glue:{name}' for name in TASKS)}"
        )
    return Glue(source)


class Glue:
    """See :class:`.eval.Task`. A prediction is a label's place in GLUE's order, or a score."""

    batch = 64

    def __init__(self, source: Source) -> None:
        """Read the examples and load the model."""
        self._examples = read(source.variant, source.data)
        self._folder = pretrained.find(source.model, hub=source.hub)
        self._model = SequenceClassifier(self._folder)
        self._layout = TASKS[source.variant]
        names = list(self._layout.labels.values())
        self._order, said = place_labels(self._model.labels, names, f"glue:{source.variant}")
        self._model.check(self._examples.texts)
        path = self._examples.path
        self.name = f"glue-{source.variant}"
        folder = Path(source.model)
        model = folder.resolve().name if folder.is_dir() else source.model
        self.title = f"{model}: {self._layout.folder} of GLUE"
        self.source = (
            f"{model}, a {self._model.kind}, {said}; {self._layout.folder}/{path.name} of GLUE, in "
            f"a drawn order, up to {LONGEST} tokens each"
        )
        count = len(self._examples.texts)
        self._drawn = np.random.default_rng(SEED).permutation(count).tolist()
        self.metrics = _metrics(source.variant, self._terms)

    @cached_property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of the model's files and of the examples'."""
        path = self._examples.path
        examples = {f"data/{self._layout.folder}/{path.name}": sha256(path)}
        return pretrained.hashes(self._folder) | examples

    def __len__(self) -> int:
        """Examples."""
        return len(self._drawn)

    def predict(self, examples: range, softmax: Softmax | None) -> list[float]:
        """The label or the score of each example."""
        texts = [self._examples.texts[self._drawn[place]] for place in examples]
        logits = self._model.logits(texts, softmax)
        if not self._layout.labels:
            scores: list[float] = logits[:, 0].tolist()
            return scores
        return [self._order[place] for place in logits.argmax(axis=1)]

    def agreement(self, ours: float, float_: float) -> tuple[float, float]:
        """Whether both say the same, or scores within 0.1."""
        return float(abs(ours - float_) <= (0 if self._layout.labels else CLOSE)), 1

    def _terms(self, example: int, prediction: Any) -> tuple[float, float]:
        """What was said, and what is true."""
        return prediction, self._examples.truth[self._drawn[example]]


def _metrics(name: str, pair: Callable[[int, Any], tuple[float, float]]) -> Sequence[Metric]:
    """The benchmark's, its first one first."""

    def right(example: int, prediction: Any) -> tuple[float]:
        said, true = pair(example, prediction)
        return (float(said == true),)

    def counted(example: int, prediction: Any) -> Sequence[float]:
        said, true = pair(example, prediction)
        return outcome(bool(said), bool(true))

    accuracy = Metric("accuracy", "higher", "%", right, mean)
    if name in ("mrpc", "qqp"):
        return (Metric("F1", "higher", "%", counted, f1), accuracy)
    if name == "cola":
        return (Metric("Matthews correlation", "higher", "", counted, matthews), accuracy)
    if name == "stsb":
        return (
            Metric("Pearson correlation", "higher", "", pair, pearson),
            Metric("Spearman correlation", "higher", "", pair, spearman),
        )
    return (accuracy,)


def place_labels(
    model: Sequence[str], benchmark: Sequence[str], task: str
) -> tuple[list[int], str]:
    """Which of the benchmark's labels each of the model's logits stands for.

    A model's own order may be another one; its labels' names tell, if it has any.

    Args:
        model: the names of the model's logits.
        benchmark: the benchmark's names, in its order; none where the answer is a score.
        task: for the sentence.

    Returns:
        The place in the benchmark's order for each logit, and in words where it comes from.

    Raises:
        UsageError: another number of labels, or names that are not the benchmark's.
    """
    if len(model) != max(1, len(benchmark)):
        wanted = ", ".join(benchmark) or "one score"
        raise UsageError(
            f"the model has {len(model)} labels ({', '.join(model)}), {task} wants {wanted}; "
            "give a model that was fine-tuned to this task"
        )
    if not benchmark:
        return [0], "one score"
    numbers = [re.sub(r"^LABEL_", "", name) for name in model]
    if sorted(numbers) == [str(place) for place in range(len(model))]:
        return [int(number) for number in numbers], (
            f"whose labels have no names: taken in GLUE's order, {', '.join(benchmark)}"
        )
    plain = [re.sub(r"[\s-]+", "_", name.strip().lower()) for name in model]
    known = [ALIKE.get(name, name) for name in plain]
    if sorted(known) != sorted(benchmark):
        raise UsageError(
            f"the model's labels are {', '.join(model)}, those of {task} {', '.join(benchmark)}; "
            "name them so in the model's config.json (id2label, label2id)"
        )
    return [list(benchmark).index(name) for name in known], f"labels {', '.join(model)}"
