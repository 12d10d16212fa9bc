"""Numbers as people read them, the same in the page and in the terminal."""

from __future__ import annotations

import dataclasses
import math
import re

from softmax_cosim.configs import Config
from softmax_cosim.report.model import Report, RunResult

__all__ = [
    *("amount", "count", "drawn", "figure", "input_format", "outcome", "percent", "seconds"),
    *("verdict", "words"),
]

_NOTHING = "–"


def count(value: int | None) -> str:
    """A count with thousands separators."""
    return _NOTHING if value is None else f"{value:,}"


def figure(value: float | None) -> str:
    """A measured number at three significant digits, without an exponent unless it is tiny."""
    if value is None or math.isnan(value):
        return _NOTHING
    if math.isinf(value):
        return "∞"
    if value == 0:
        return "0"
    if abs(value) < 1e-4:
        return f"{value:.1e}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


def amount(value: float | None) -> str:
    """A count, or a measured number: whichever it is."""
    return count(value) if isinstance(value, int) else figure(value)


def percent(share: float) -> str:
    """A share of one as percent."""
    return _NOTHING if math.isnan(share) else f"{100 * share:.1f} %"


def input_format(config: Config) -> str:
    """How a score's number format is written: ``Q8.8``, or as a configuration names it."""
    name = str(config.inputs)
    return f"{name.upper()}" if name.startswith("q") else name


def seconds(value: float) -> str:
    """A duration."""
    if value < 100:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest:02d} s"


def words(command: str) -> list[str]:
    """A command in pieces between which a line may end: none is cut within quotes."""
    return re.findall(r"(?:'[^']*'|\"[^\"]*\"|\\.|\S)+", command)


def drawn(report: Report) -> str:
    """From which power-up draws rows were played, and how many from all; empty if from none."""
    sentences = []
    for run in report.runs:
        if run.power_up is not None:
            sentence = f"power-up draws {', '.join(run.power_up.draws)}"
            if run.power_up.rows:
                sentence += f", {count(run.power_up.rows)} rows from each"
            sentences.append((sentence, run.name))
    found: dict[str, list[str]] = {}
    for sentence, name in sentences:
        found.setdefault(sentence, []).append(name)
    if len(found) == 1:
        return next(iter(found))
    return "; ".join(f"{sentence} ({', '.join(names)})" for sentence, names in found.items())


def outcome(run: RunResult) -> str:
    """What became of one design, in a word or two."""
    if not run.rows:
        return "no rows"
    if not run.exact:
        return "not exact" if run.promise == "exact" else "promise broken"
    if run.cycles is None:
        return "golden alone"
    return f"within {_tolerance(run.config)}" if run.promise == "tolerance" else run.promise


def verdict(report: Report) -> str:
    """The one line that matters."""
    if report.interrupted:
        finished = dataclasses.replace(report, interrupted=False)
        return f"Interrupted: only {count(report.rows)} rows were finished. {verdict(finished)}"
    if not report.rows:
        return "Nothing was compared: there were no rows"
    if not report.simulated:
        return "Scored: the golden model alone; no hardware was run"
    if report.exact:
        return "; ".join(
            _PROMISES[promise].format(names=_named(report, promise))
            for promise in _PROMISES
            if promise in report.promises
        )
    failures = [
        (report.mismatched_elements, "mismatched elements"),
        (report.lost_rows, "lost rows"),
        (report.flagged_rows, "rows with the error flag"),
        (report.unsettled_rows, "rows that hang on the power-up draw"),
        (report.prediction_errors, "rows in other cycles than predicted"),
        (report.broken, "batches that broke the stream's rules"),
    ]
    found = [f"{count(number)} {what}" for number, what in failures if number]
    empty = [run.name for run in report.runs if not run.rows]
    found += [f"no rows for {name}" for name in empty]
    start = "Not exact" if report.promises == {"exact"} else "Promise broken"
    return f"{start}: " + ", ".join(found)


_PROMISES = {
    "exact": "Exact{names}: every output equals the golden model's",
    "tolerance": "Within tolerance{names}: no output is farther from the golden model's than the "
    "design allows",
    "scored": "Scored against float{names}: no golden model says what is right",
}


def _tolerance(config: Config) -> str:
    return f"{config.tolerance} {config.outputs.step}"


def _named(report: Report, promise: str) -> str:
    """The runs of a promise, where there are others."""
    if len(report.promises) == 1 and promise != "tolerance":
        return ""
    names = [
        f"{run.name}, {_tolerance(run.config)}" if promise == "tolerance" else run.name
        for run in report.runs
        if run.promise == promise
    ]
    return f" ({', '.join(names)})"
