"""``report.html``: one page that opens anywhere, offline."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from softmax_cosim.report import pictures, plots, text
from softmax_cosim.report.area import nand_nor
from softmax_cosim.report.bars import worst_row
from softmax_cosim.report.clipping import clipping_of, clipping_warnings
from softmax_cosim.report.compiled import Compiled
from softmax_cosim.report.decision import choices, representatives
from softmax_cosim.report.model import AttentionMap, Report, RunResult
from softmax_cosim.report.notes import notes
from softmax_cosim.report.scatter import chart

__all__ = ["environment", "render", "write_html"]

#: Drawings of a kind that a page has at most, whatever the number of its designs.
_MAPS, _WORST_ROWS = 4, 6


def environment(*folders: Path, **drawings: Callable[..., str]) -> jinja2.Environment:
    """Templates, with numbers as people read them and functions that draw.

    Args:
        folders: where templates are, besides this one.
        drawings: by the names that the templates call them.
    """
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader([*folders, Path(__file__).parent]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        bytecode_cache=Compiled(),
    )
    made.globals.update(
        verdict=text.verdict,
        words=text.words,
        drawn=text.drawn,
        amount=_shown(text.amount),
        input_format=text.input_format,
        count=_shown(text.count),
        figure=_shown(text.figure),
        percent=_shown(text.percent),
        seconds=_shown(text.seconds),
        **{name: _drawn(drawing) for name, drawing in drawings.items()},
    )
    return made


def render(report: Report) -> str:
    """The page as text."""
    made = environment(
        chart=chart,
        latencies=plots.latencies,
        distributions=plots.distributions,
        attention=pictures.attention,
        worst_row=worst_row,
    )
    shown = representatives(report.runs, plots.FEW)
    return made.get_template("report.html.j2").render(
        report=report,
        warnings=clipping_warnings(clipping_of(report)),
        choices=choices(report),
        by_error=sorted(report.runs, key=_error),
        area=nand_nor,
        outcome=text.outcome,
        few=plots.FEW,
        shown=shown,
        heads=_heads(shown)[: max(_MAPS // max(len(shown), 1), 1)],
        worst_each=max(_WORST_ROWS // max(len(shown), 1), 1),
        notes=notes(report),
    )


def _error(run: RunResult) -> float:
    return run.total.l1 if math.isfinite(run.total.l1) else math.inf


def _heads(runs: Sequence[RunResult]) -> list[list[tuple[str, AttentionMap]]]:
    """For each head that was kept, each design's name and what became of the head in it."""
    found: dict[tuple[object, ...], list[tuple[str, AttentionMap]]] = {}
    for run in runs:
        for each in run.maps:
            head = (each.trace, each.tensor, each.batch, each.head, run.config.reference)
            found.setdefault(head, []).append((run.name, each))
    return list(found.values())


def write_html(report: Report, path: Path) -> None:
    """Write the page to ``path``."""
    path.write_text(render(report), encoding="utf-8")


def _shown(formatted: Any) -> Any:
    """Wrap a formatter so that the element it writes carries the full value too."""

    def show(value: float | None) -> Markup:
        shown = escape(formatted(value))
        if value is None or not math.isfinite(value):
            return shown
        return Markup('<data value="{}">{}</data>').format(repr(value), shown)

    return show


def _drawn(plot: Any) -> Any:
    return lambda *data: Markup(plot(*data))
