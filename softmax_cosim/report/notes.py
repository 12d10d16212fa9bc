"""What a reader must know of how a design was driven: sentences, for the terminal and the page."""

from __future__ import annotations

from collections.abc import Iterator

from softmax_cosim.configs import Config
from softmax_cosim.report.model import Report, RunResult
from softmax_cosim.report.text import count

__all__ = ["notes"]


def notes(report: Report) -> list[str]:
    """Of every run: rows left out, filled up, warnings of the build, what could not be tried."""
    return [f"{run.name}: {note}" for run in report.runs for note in _of(run, report)]


def _of(run: RunResult, report: Report) -> Iterator[str]:
    cfg, design = run.config, run.config.design
    for left in run.left_out:
        yield (
            f"{_rows(left.rows)} of {left.trace} {left.tensor} left out: they have "
            f"{left.length} elements, the design takes {cfg.max_len}"
        )
    if run.nonfinite:
        some = "1 output" if run.nonfinite == 1 else f"{count(run.nonfinite)} outputs"
        yield (
            f"{some} NaN or infinite, in {_rows(run.nonfinite_rows)}; the errors are those of the "
            "other rows"
        )
    if run.filled_rows:
        to = f"to {cfg.length} elements" if cfg.length else "to whole beats"
        told = "masked" if cfg.mask else f"with the {_fill(cfg)}"
        yield f"{_rows(run.filled_rows)} filled up {to}, {told}"
    if run.added_rows:
        yield (
            f"{_rows(run.added_rows)} of the {_fill(cfg)} added to fill blocks of "
            f"{cfg.rows_per_block}"
        )
    if run.build_warnings:
        some = "1 warning" if run.build_warnings == 1 else f"{run.build_warnings} warnings"
        yield f"{some} of Verilator about its sources, in {run.build_log}"
    if run.warnings:
        times = sum(number for _, number in run.warnings)
        told = "once" if times == 1 else f"{count(times)} times"
        yield f"the design warned {told} while it ran: {run.warnings[0][0]}"
    if design and design.rtl and report.simulated and not design.backpressure:
        yield "backpressure was not tried: the design has no ready at its output"


def _fill(cfg: Config) -> str:
    return f"score {cfg.fill:g}" if isinstance(cfg.fill, float) else "lowest score"


def _rows(number: int) -> str:
    return "1 row" if number == 1 else f"{count(number)} rows"
