"""A task without a model, whose steps take a moment; each is noted in the file that CALLS names."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from softmax_cosim.engines import Softmax
from softmax_cosim.eval import Metric, mean


class Slow:
    """Where is the largest of eight scores?"""

    name = "slow"
    title = "the largest of eight"
    source = "drawn at random"
    batch = 4

    def __init__(self) -> None:
        """One metric."""
        self.metrics = (Metric("accuracy", "higher", "%", self._correct, mean),)

    def __len__(self) -> int:
        return 40

    def _correct(self, example: int, answer: Any) -> tuple[float, ...]:
        return (float(answer == example % 4),)

    def predict(self, examples: range, softmax: Softmax | None) -> Sequence[Any]:
        """An answer an example."""
        with Path(os.environ["CALLS"]).open("a") as file:
            file.write(f"{examples.start} {softmax is None}\n")
        time.sleep(0.05)
        answers = []
        for example in examples:
            scores = np.random.default_rng(example).normal(0, 2, (1, 8))
            scores[0, example % 4] += 4.5
            weights = scores if softmax is None else np.asarray(softmax(scores, None))
            answers.append(int(np.argmax(weights)))
        return answers

    def agreement(self, ours: Any, float_: Any) -> tuple[float, float]:
        """Whether two answers are one."""
        return float(ours == float_), 1.0


def make() -> Slow:
    """The task."""
    return Slow()
