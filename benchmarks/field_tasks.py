"""Tasks with the field's approximations: the table of ``docs/field.md`` from results of ``eval``.

``python -m benchmarks.field_tasks FOLDER...``, the ``--out`` of runs of ``cosim eval``; of
translation, if it is among them, the README's picture too.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks import field
from benchmarks.written import Part
from benchmarks.written import cell as written
from softmax_cosim.paths import ROOT

PICTURE = ROOT / "docs" / "images" / "field.png"
PART = Part(field.PAGE, "<!-- python -m benchmarks.field_tasks -->", "<!-- up to here -->")
#: Tasks in a table.
ABREAST = 3


def cell(found: dict[str, Any], baseline: dict[str, Any]) -> str:
    """Loss and its interval in points, or in percent of a metric that is none, and agreement."""
    main = found["metrics"][0]
    scale = 100 if baseline["unit"] == "%" else 100 / abs(baseline["value"])
    if main["interval"] is None or None in main["interval"]:  # of a few examples there is none
        return written(scale * main["loss"], False, found["agreement"])
    low, high = (scale * bound for bound in main["interval"])
    return written(scale * main["loss"], low > 0 or high < 0, found["agreement"], (low, high))


def tables(results: Sequence[dict[str, Any]]) -> list[str]:
    """Tables of a few tasks each."""
    tasks = [task for result in results for task in result["tasks"]]
    parts = [table(tasks[n : n + ABREAST]) for n in range(0, len(tasks), ABREAST)]
    return [line for part in parts for line in ("", *part)][1:]


def table(tasks: Sequence[dict[str, Any]]) -> list[str]:
    """A row a configuration, a column a task."""
    heads: list[str] = []
    rows: dict[str, dict[str, str]] = {}
    for task in tasks:
        main = task["baseline"][0]
        scale = 100 if main["unit"] == "%" else 1
        heads.append(
            f"{task['task']} ({task['examples']}; float: {main['metric']} "
            f"{scale * main['value']:.2f})"
        )
        for found in task["cells"]:
            name = found["config"]
            rows.setdefault(name, {})[task["task"]] = cell(found, main)
    lines = [f"|  | {' | '.join(heads)} |", f"| --- {'| ---: ' * len(heads)}|"]
    for name, cells in rows.items():
        shown = " | ".join(cells.get(task["task"], "–") for task in tasks)
        lines.append(f"| `{name}` | {shown} |")
    return lines


def page(results: Sequence[dict[str, Any]]) -> list[str]:
    """The lines of :data:`PART`."""
    commits = ", ".join(dict.fromkeys(f"`{result['commit']}`" for result in results))
    return [f"Measured at commit {commits}.", "", *tables(results)]


def errors(text: str) -> dict[str, float]:
    """Mean L1 on MiniLM's rows of configurations on the equal grid, from the page's own table."""
    first = field.PART.of(text).partition("### On their")[0]
    rows = re.findall(r"^\| `([^`]+)` \| (.*) \|$", first, re.MULTILINE)
    return {name: float(cells.split(" | ")[field.COSTS]) for name, cells in rows}


def picture(l1: dict[str, float], task: dict[str, Any]) -> Figure:
    """Error of a row against the share of answers that are float's."""
    figure = Figure(figsize=(7.2, 4.0), dpi=130, layout="constrained")
    axis = figure.subplots()
    agreement = {found["config"]: 100 * found["agreement"] for found in task["cells"]}
    shown: dict[tuple[float, float], list[str]] = {}
    for name, error in l1.items():
        if (short := name.rpartition("/")[2]) in agreement:
            shown.setdefault((error, agreement[short]), []).append(short)
    taken: list[tuple[float, float]] = []
    for (error, share), names in sorted(shown.items(), key=lambda item: -item[0][1]):
        ours = any(name.startswith(("rexp", "lut2d", "split")) for name in names)
        axis.plot(error, share, "s" if ours else "o", color="#c2410c" if ours else "#2563eb")
        close = sum(abs(error / x - 1) < 0.2 and abs(share - y) < 4 for x, y in taken)
        taken.append((error, share))
        label = ", ".join(name.removesuffix("_16") for name in names)
        axis.annotate(
            label, (error, share), (6, 3 - 11 * close), textcoords="offset points", fontsize=8
        )
    axis.set_xscale("log")
    axis.set_xlim(0.025, 0.5)
    axis.set_ylim(None, 107)
    ticks = [0.03, 0.05, 0.1, 0.2, 0.3]
    axis.set_xticks(ticks, [str(tick) for tick in ticks])
    axis.set_xticks([], minor=True)
    axis.set_xlabel("mean L1 of an attention row (MiniLM), Q8.8 in, 8 bits out")
    axis.set_ylabel(f"translations that are float's, % of {task['examples']}")
    axis.grid(alpha=0.25)
    return figure


def main() -> int:
    """Read and write."""
    found = [json.loads((Path(name) / "results.json").read_text()) for name in sys.argv[1:]]
    PART.write(page(found))
    text = field.PAGE.read_text(encoding="utf-8")
    for task in (task for result in found for task in result["tasks"]):
        if task["task"] == "translation":
            picture(errors(text), task).savefig(PICTURE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
