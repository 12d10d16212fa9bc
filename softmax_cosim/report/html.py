"""``report.html``: one page that opens anywhere, offline."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from softmax_cosim.report import plots, text
from softmax_cosim.report.clipping import clipping_of, clipping_warnings
from softmax_cosim.report.model import Report

__all__ = ["environment", "render", "write_html"]

#: Figures of a kind that a page has at most, or one of each configuration if those are more:
#: a page of every configuration still loads at once.
_MAPS, _WORST_ROWS = 8, 24


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
    )
    made.globals.update(
        verdict=text.verdict,
        drawn=text.drawn,
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
        latencies=plots.latencies,
        distributions=plots.distributions,
        attention=plots.attention,
        worst_row=plots.worst_row,
    )
    runs = max(len(report.runs), 1)
    return made.get_template("report.html.j2").render(
        report=report,
        warnings=clipping_warnings(clipping_of(report)),
        map_runs=[run for run in report.runs if run.maps][:_MAPS],
        maps_each=max(_MAPS // runs, 1),
        worst_each=max(_WORST_ROWS // runs, 1),
    )


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
