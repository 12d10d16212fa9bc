"""What does the picture say? The PP-OCRv4 recogniser on drawn lines of news text."""

from __future__ import annotations

from typing import Any

import numpy as np

from softmax_cosim.adapters.ocr_onnx import Ocr
from softmax_cosim.engines import Softmax
from softmax_cosim.eval import Metric, Task, mean, ratio
from softmax_cosim.eval.data import edits
from softmax_cosim.eval.tasks.embedding import LEE_SOURCE, documents

LINES, SEED = 240, 0
SHORTEST, LONGEST = 16, 56
"""Characters: a line holds the words that fit a width drawn between these."""
TOGETHER = 8
"""Lines of a forward pass: of about one width, as the model attends its padding."""


def make() -> Task:
    """Set the lines and load the model.

    Raises:
        UsageError: the model or the texts are not installed.
    """
    return Recognition()


class Recognition:
    """See :class:`.eval.Task`. A prediction is the text that was read.

    Most errors of the model are a blank before or after the line, where nobody would miss it; so
    errors are counted with them and without.
    """

    name = "ocr"
    title = "PP-OCRv4: lines of text, read from pictures"
    batch = 24

    def __init__(self) -> None:
        """Set the lines and load the model."""
        self._model = Ocr()
        self.source = f"{self._model.source}; {LINES} lines of the {LEE_SOURCE}, in DejaVu Sans"
        self.lines = set_lines(documents("lee.cor"))
        self.metrics = (
            Metric("character error rate", "lower", "%", self._errors, ratio),
            Metric("the same, outer blanks cut off", "lower", "%", self._trimmed, ratio),
            Metric("lines read exactly", "higher", "%", self._exact, mean),
        )

    def __len__(self) -> int:
        """Lines."""
        return len(self.lines)

    def predict(self, examples: range, softmax: Softmax | None) -> list[str]:
        """Each line as the model reads it."""
        texts: dict[int, str] = {}
        order = sorted(examples, key=lambda i: len(self.lines[i]))
        for start in range(0, len(order), TOGETHER):
            together = order[start : start + TOGETHER]
            batch = self._model.prepare([self.lines[i] for i in together])
            output, _ = self._model.forward(batch, softmax=softmax, tap=False)
            texts.update(zip(together, self._model.read(output), strict=True))
        return [texts[i] for i in examples]

    def agreement(self, ours: str, float_: str) -> tuple[float, float]:
        """Whether both read the same, blanks included."""
        return float(ours == float_), 1

    def _errors(self, example: int, text: Any) -> tuple[float, float]:
        line = self.lines[example]
        return edits(line, text), len(line)

    def _trimmed(self, example: int, text: Any) -> tuple[float, float]:
        return self._errors(example, text.strip())

    def _exact(self, example: int, text: Any) -> tuple[float]:
        return (float(self.lines[example] == text.strip()),)


def set_lines(texts: list[str]) -> list[str]:
    """Some lines, drawn from all that the texts make when broken at drawn widths."""
    random = np.random.default_rng(SEED)
    lines = []
    for text in texts:
        line, width = "", 0
        for word in text.split():
            if line and len(line) + 1 + len(word) <= width:
                line += f" {word}"
                continue
            if line:
                lines.append(line)
            line, width = word, int(random.integers(SHORTEST, LONGEST + 1))
        lines.append(line)
    return [lines[place] for place in random.permutation(len(lines))[:LINES]]
