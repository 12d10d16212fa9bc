"""The page of a run: the score of each module, and every survivor with its line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import jinja2

from mutation.equivalent import Equivalent, argued
from mutation.verdict import KILLED, SAME, SURVIVED, UNBUILT, Record

__all__ = ["ARGUED", "score", "standing", "write"]

ARGUED = "argued equivalent"
_COLUMNS = (KILLED, SURVIVED, ARGUED, SAME, UNBUILT)


def standing(record: Record, entries: Iterable[Equivalent]) -> str:
    """A mutant's status; a survivor that the list argues is none."""
    if record.status == SURVIVED and argued(record, entries):
        return ARGUED
    return record.status


def score(counts: Counter[str]) -> str:
    """Killed, of what is not equivalent and does build."""
    tried = counts[KILLED] + counts[SURVIVED]
    return f"{counts[KILLED]}/{tried}" + (f" ({counts[KILLED] / tried:.1%})" if tried else "")


def write(out: Path, records: Sequence[Record], entries: Sequence[Equivalent]) -> None:
    """Write ``index.html`` and ``table.md`` into a folder."""
    groups: dict[str, list[Record]] = {}
    for record in sorted(records, key=lambda record: record.file):
        groups.setdefault(record.file, []).append(record)
    modules = [
        (file, Counter(standing(record, entries) for record in group))
        for file, group in groups.items()
    ]
    total = sum((counts for _, counts in modules), Counter[str]())
    survivors = [r for r in records if standing(r, entries) == SURVIVED]
    survivors.sort(key=lambda record: record.name)
    reasons = [(record, argued(record, entries)) for record in records]
    out.mkdir(parents=True, exist_ok=True)
    template = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    ).get_template("page.html.j2")
    html = template.render(
        modules=[(file, score(counts), counts) for file, counts in modules],
        total=score(total),
        counts=total,
        columns=_COLUMNS,
        survivors=survivors,
        argued=[(r, e) for r, e in reasons if e and r.status == SURVIVED],
        commits=sorted({record.commit for record in records}),
    )
    (out / "index.html").write_text(html, encoding="utf-8")
    (out / "table.md").write_text(_table(modules, total), encoding="utf-8")


def _table(modules: Sequence[tuple[str, Counter[str]]], total: Counter[str]) -> str:
    columns = " | ".join(_COLUMNS)
    lines = [f"| module | score | {columns} |", "| --- |" + " ---: |" * (1 + len(_COLUMNS))]
    for file, counts in [*modules, ("all", total)]:
        figures = " | ".join(str(counts[column]) for column in _COLUMNS)
        lines.append(f"| `{file}` | {score(counts)} | {figures} |")
    return "\n".join(lines) + "\n"
