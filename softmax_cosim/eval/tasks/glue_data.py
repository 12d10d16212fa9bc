"""GLUE's development sets, read from the benchmark's own files.

Wang et al., *GLUE* (ICLR 2019). The files are tab-separated without quoting: a quote is a character
like any other, and often stands alone. Lines end in a line feed, or with a carriage return before
it; other line separators of Unicode stand within sentences. All have a header but CoLA's. MRPC
comes as the benchmark's script divides it, or else as Microsoft's own test set.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from softmax_cosim.configs import UsageError

__all__ = ["TASKS", "Examples", "Layout", "read"]


@dataclass(frozen=True)
class Layout:
    """Where a task's examples stand, and what its labels mean."""

    folder: str
    """Within the benchmark's folder."""
    files: tuple[str, ...]
    """The first that is there is taken."""
    texts: tuple[str, ...]
    """Columns of the sentence or the two sentences."""
    label: str
    """Column of the label."""
    labels: dict[str, str]
    """How the file writes a label, and what it means, in the benchmark's order; empty: a score."""
    columns: tuple[str, ...] = ()
    """Of a file without a header."""


_ENTAILMENT = {name: name for name in ("entailment", "not_entailment")}
_INFERENCE = {name: name for name in ("entailment", "neutral", "contradiction")}
_SENTENCES = ("sentence1", "sentence2")
_MRPC = ("#1 String", "#2 String")
SHOWN = 240
"""Characters of a file that a sentence repeats, at most."""
TOP = 5.0
"""The largest score of STS-B; the least is 0."""

#: By the name that follows ``glue:``.
TASKS = {
    "sst2": Layout(
        "SST-2", ("dev.tsv",), ("sentence",), "label", {"0": "negative", "1": "positive"}
    ),
    "mrpc": Layout(
        "MRPC",
        ("dev.tsv", "msr_paraphrase_test.txt"),
        _MRPC,
        "Quality",
        {"0": "not_equivalent", "1": "equivalent"},
    ),
    "qqp": Layout(
        "QQP",
        ("dev.tsv",),
        ("question1", "question2"),
        "is_duplicate",
        {"0": "not_duplicate", "1": "duplicate"},
    ),
    "stsb": Layout("STS-B", ("dev.tsv",), _SENTENCES, "score", {}),
    "mnli": Layout("MNLI", ("dev_matched.tsv",), _SENTENCES, "gold_label", _INFERENCE),
    "mnli-mm": Layout("MNLI", ("dev_mismatched.tsv",), _SENTENCES, "gold_label", _INFERENCE),
    "qnli": Layout("QNLI", ("dev.tsv",), ("question", "sentence"), "label", _ENTAILMENT),
    "rte": Layout("RTE", ("dev.tsv",), _SENTENCES, "label", _ENTAILMENT),
    "cola": Layout(
        "CoLA",
        ("dev.tsv",),
        ("sentence",),
        "label",
        {"0": "unacceptable", "1": "acceptable"},
        columns=("source", "label", "note", "sentence"),
    ),
}


@dataclass(frozen=True)
class Examples:
    """A task's examples, in the order of its file."""

    path: Path
    texts: list[tuple[str, ...]]
    """One sentence, or two."""
    truth: list[float]
    """The place of the label in the benchmark's order, or the score."""


def read(name: str, data: Path) -> Examples:
    """The examples of a task.

    Args:
        name: one of :data:`TASKS`.
        data: the folder of the benchmark, or of the task.

    Raises:
        UsageError: the file is not there, or is not what it should be, at which line.
    """
    layout = TASKS[name]
    folder = data / layout.folder if (data / layout.folder).is_dir() else data
    found = [folder / file for file in layout.files if (folder / file).is_file()]
    if not found:
        raise UsageError(
            f"there is no {' or '.join(layout.files)} in {folder}; give with --data the folder of "
            f"GLUE or of its {layout.folder}"
        )
    path = found[0]
    lines = _lines(path)
    first = 1
    columns = list(layout.columns)
    if not columns:
        columns = next(lines, "").split("\t")
        first = 2
    for column in (*layout.texts, layout.label):
        if columns.count(column) != 1:
            times = "twice a" if column in columns else "no"
            raise UsageError(
                f"{path}, line 1: there is {times} column {column!r}; the columns are "
                f"{_cut(', '.join(map(repr, columns)))}"
            )
    texts, truth = [], []
    for number, line in enumerate(lines, first):
        values = line.split("\t")
        if len(values) != len(columns):
            raise UsageError(
                f"{path}, line {number}: {len(values)} columns where there should be {len(columns)}"
            )
        row = dict(zip(columns, values, strict=True))
        texts.append(tuple(row[column] for column in layout.texts))
        truth.append(_truth(layout, row[layout.label], f"{path}, line {number}"))
    if not texts:
        raise UsageError(f"{path} has no examples")
    return Examples(path, texts, truth)


def _truth(layout: Layout, label: str, where: str) -> float:
    if layout.labels:
        if label not in layout.labels:
            raise UsageError(
                f"{where}: the {layout.label} is {_cut(repr(label))}; it should be "
                f"{' or '.join(layout.labels)}"
            )
        return list(layout.labels).index(label)
    try:
        score = float(label)
    except ValueError:
        score = -1.0
    if not 0 <= score <= TOP:
        raise UsageError(
            f"{where}: the {layout.label} is {_cut(repr(label))}; it should be a number from 0 to "
            f"{TOP:g}"
        )
    return score


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]} ..."


def _lines(path: Path) -> Iterator[str]:
    """Lines without their ends, and without a byte-order mark; an empty one may be the last."""
    try:
        parts = path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    if not parts[-1]:
        parts.pop()
    for number, part in enumerate(parts, 1):
        try:
            yield part.removesuffix(b"\r").decode("utf-8")
        except UnicodeDecodeError:
            raise UsageError(f"{path}, line {number}: this is not UTF-8 text") from None
