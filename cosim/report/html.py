"""``report.html``: one page that opens anywhere, offline."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from cosim.report import plots, text
from cosim.report.model import Report

__all__ = ["render", "write_html"]


def render(report: Report) -> str:
    """The page as text."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        verdict=text.verdict,
        count=_shown(text.count),
        figure=_shown(text.figure),
        percent=_shown(text.percent),
        seconds=_shown(text.seconds),
        latencies=_drawn(plots.latencies),
        distributions=_drawn(plots.distributions),
        attention=_drawn(plots.attention),
        worst_row=_drawn(plots.worst_row),
    )
    return environment.get_template("report.html.j2").render(report=report)


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
