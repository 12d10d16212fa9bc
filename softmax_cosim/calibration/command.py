"""``cosim calibrate``: the command."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from softmax_cosim import configs, console
from softmax_cosim.calibration import proposal
from softmax_cosim.calibration.sample import Sample
from softmax_cosim.calibration.search import Calibration, calibrate
from softmax_cosim.configs import UsageError
from softmax_cosim.files import check_writable, write_texts
from softmax_cosim.names import distinct_files
from softmax_cosim.trace import Trace

__all__ = ["add_arguments", "run"]

ROWS = 4000
"""Rows taken of each trace, unless told otherwise."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``cosim calibrate``."""
    add = parser.add_argument
    add("traces", nargs="+", metavar="TRACE", help="attention-trace files of one model")
    add("--config", required=True, metavar="NAME", help="where to start: method, precision, in_w")
    add("--name", metavar="NAME", help="of the proposal (default: <config>_calibrated)")
    add("--max-rows", type=int, default=ROWS, metavar="N", help=f"of each trace (default: {ROWS})")
    add(
        "--out",
        type=Path,
        default=Path("reports/calibration"),
        metavar="DIR",
        help="where <name>.toml, .json and .html go (default: reports/calibration)",
    )


def run(args: argparse.Namespace) -> int:
    """Calibrate, say what was found, write configuration, figures and page.

    Raises:
        UsageError: bad options, a bad trace, an unwritable folder.
    """
    if args.max_rows < 2:
        raise UsageError(f"--max-rows {args.max_rows} is too few to calibrate on; give 2 or more")
    base = configs.load(args.config)
    paths, twice = distinct_files(args.traces)
    for sentence in twice:
        print(sentence)
    traces = [Trace(path) for path in paths]
    longest = max(trace.longest for trace in traces)
    if longest > configs.MAX_LEN_LIMIT:
        raise UsageError(
            f"rows of {longest} elements are longer than any configuration stores, "
            f"{configs.MAX_LEN_LIMIT}; use shorter inputs"
        )
    base = base.replace(max_len=max(base.max_len, longest))
    name = args.name or f"{base.name}_calibrated"
    sample = Sample.of(traces, args.max_rows)
    for suffix in (".toml", ".json", ".html"):
        check_writable(args.out / f"{name}{suffix}")
    with console.make(stderr=True).status("calibrating"):
        found = calibrate(base, sample)
    from softmax_cosim.calibration import page  # it draws: half a second that --help can do without

    model = ", ".join(dict.fromkeys(trace.model for trace in traces))
    files = {
        f"{name}.toml": proposal.toml(found, model, [trace.path for trace in traces], args.config),
        f"{name}.json": proposal.figures(found, model),
        f"{name}.html": page.render(found, name, model),
    }
    write_texts(args.out, files)
    _print(found, name)
    print(f"wrote {args.out / name}.toml, .json and .html; now try")
    given = " ".join(shlex.quote(str(trace.path)) for trace in traces)
    verb = "score" if base.design else "replay"
    print(f"  cosim {verb} {given} --config {shlex.quote(f'{args.out / name}.toml')}")
    return 0


def _print(found: Calibration, name: str) -> None:
    base, proposed = found.base, found.proposal
    rows = found.sample.rows
    print(f"{len(found.tried)} candidates on {rows:,} rows; on the half that did not choose:")
    for title, candidate in ((base.cfg.name, base), (name, proposed)):
        clipped = (
            f", {100 * candidate.clipped:.3g} % of scores clipped" if candidate.clipped else ""
        )
        print(
            f"  {title}: mean L1 {candidate.l1:.4g}, {candidate.table_bytes} table bytes{clipped}"
        )
    changed = proposal.differences(found)
    words = [f"{key} {old} -> {new}" for key, (old, new) in changed.items()]
    print(f"  {', '.join(words) or 'nothing better was found'}")
    if found.clips:
        print(
            f"  clipping moves the probabilities of {100 * base.moved:.2g} % of the rows with "
            f"{base.cfg.name}, of {100 * proposed.moved:.2g} % with {name}"
        )
