"""Tasks with the field's approximations: the table of ``docs/field.md`` from results of ``eval``.

``python -m benchmarks.field_tasks FOLDER...``, the ``--out`` of runs of ``cosim eval``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import field
from softmax_cosim.files import atomic_file

BEGIN, END = "<!-- python -m benchmarks.field_tasks -->", "<!-- up to here -->"


def cell(found: dict[str, Any], unit: str) -> str:
    """Loss in points, or in percent of a metric that is none, and agreement."""
    main = found["metrics"][0]
    low, high = main["interval"] or (0, 0)
    loss = 100 * (main["loss"] if unit == "%" else main["relative_loss"])
    text = f"{loss:+.2f}".replace("-0.00", "+0.00")
    if low > 0 or high < 0:
        text = f"**{text}**"
    return f"{text} ({100 * found['agreement']:.0f} %)"


def table(results: Sequence[dict[str, Any]]) -> list[str]:
    """A row a configuration, a column a task."""
    tasks = [task for result in results for task in result["tasks"]]
    heads, rows = [], {}
    for task in tasks:
        main = task["baseline"][0]
        scale = 100 if main["unit"] == "%" else 1
        heads.append(
            f"{task['task']} ({task['examples']}; float: {main['metric']} "
            f"{scale * main['value']:.2f})"
        )
        for found in task["cells"]:
            name = found["config"]
            rows.setdefault(name, {})[task["task"]] = cell(found, main["unit"])
    lines = [f"|  | {' | '.join(heads)} |", f"| --- {'| ---: ' * len(heads)}|"]
    for name, cells in rows.items():
        shown = " | ".join(cells.get(task["task"], "–") for task in tasks)
        lines.append(f"| `{name}` | {shown} |")
    return lines


def page(before: str, results: Sequence[dict[str, Any]]) -> str:
    """The page with another table."""
    start, _, rest = before.partition(BEGIN)
    commits = ", ".join(dict.fromkeys(f"`{result['commit'][:7]}`" for result in results))
    lines = [f"Measured at commit {commits}.", "", *table(results)]
    return "\n".join([f"{start}{BEGIN}", "", *lines, "", f"{END}{rest.partition(END)[2]}"])


def main() -> int:
    """Read and write."""
    found = [json.loads((Path(name) / "results.json").read_text()) for name in sys.argv[1:]]
    text = page(field.PAGE.read_text(encoding="utf-8"), found)
    with atomic_file(field.PAGE) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
