"""``cosim calibrate``: propose the parameters of a configuration from a model's own traces.

Rows are taken evenly from the traces. Half of them choose: one parameter after the other takes the
cheapest value whose error is within :data:`SLACK` of the best, until nothing changes; at last the
narrowest input that still is. Where the configuration clips scores so that probabilities move,
recentring is tried too, and of what is as good as the best comes first what moves the fewest
rows. The other half, unseen, says what the proposal is worth beside the
configuration it came from. Error is the mean L1 of a row against float64 softmax, by the golden
model.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from softmax_cosim import configs, console
from softmax_cosim.configs import Config, UsageError
from softmax_cosim.files import check_writable, write_texts
from softmax_cosim.golden import reference, tables
from softmax_cosim.golden.quantise import Clipping, quantise
from softmax_cosim.golden.rows import Rows
from softmax_cosim.golden.softmax import softmax
from softmax_cosim.names import distinct_files, ends
from softmax_cosim.selection import Selection
from softmax_cosim.trace import Trace

__all__ = ["SLACK", "Calibration", "Candidate", "Sample", "add_arguments", "calibrate", "run"]

Floats = npt.NDArray[np.float64]

SLACK = 0.01
"""A value is as good as the best if its error is larger by no more than this share."""
ROWS = 4000
"""Rows taken of each trace, unless told otherwise."""
_XS = (4, 8, 16, 32, 60, 128, 256, 512)
_KE = (12, 29, 40, 60, 80, 101, 128)
_NARROWEST = 4


@dataclass(frozen=True)
class Part:
    """Some rows of one layer."""

    scores: npt.NDArray[np.floating[Any]]
    """Shape [rows, keys]."""
    keep: npt.NDArray[np.bool_]
    """Shape [rows, keys]; every row keeps something."""
    p: Floats
    """Float64 softmax, shape [rows, keys]."""


class Sample:
    """Rows of some traces."""

    def __init__(self, parts: Sequence[Part]) -> None:
        """Of parts that are not empty."""
        self.parts = list(parts)
        self.rows = sum(len(part.scores) for part in parts)

    @classmethod
    def of(cls, traces: Sequence[Trace], max_rows: int) -> Sample:
        """At most ``max_rows`` rows of each trace, evenly; rows with nothing kept are left out.

        Raises:
            UsageError: a damaged trace, a score that is NaN or +inf, or no row left.
        """
        parts = []
        for trace in traces:
            picked = Selection(max_rows=max_rows).of(trace)
            for layer in trace.layers(picked):
                flat = layer.flatten(picked[layer.index])
                full = flat.keep.any(axis=1)
                scores, keep = flat.scores[full], flat.keep[full]
                if len(scores):
                    offsets = np.arange(len(scores) + 1, dtype=np.int64) * scores.shape[1]
                    p = reference.softmax_of_scores(scores.reshape(-1), keep.reshape(-1), offsets)
                    parts.append(Part(scores, keep, p.reshape(scores.shape)))
        if not parts:
            names = ", ".join(str(trace.path) for trace in traces)
            raise UsageError(f"{names}: every row is masked whole; give a trace with scores")
        return cls(parts)

    def halves(self) -> tuple[Sample, Sample]:
        """Every other row, from the first and from the second.

        Raises:
            UsageError: fewer than two rows.
        """
        halves = [
            [
                Part(part.scores[start::2], part.keep[start::2], part.p[start::2])
                for part in self.parts
                if len(part.scores) > start
            ]
            for start in (0, 1)
        ]
        if not halves[1]:
            raise UsageError("one row a layer is too few to calibrate on; give a larger trace")
        return Sample(halves[0]), Sample(halves[1])

    def distances(self) -> Floats:
        """Of every kept element from its row's maximum, in nats, shape [elements]."""
        return np.concatenate(
            [(_top(part) - np.float64(part.scores))[part.keep] for part in self.parts]
        )

    def sums(self) -> Floats:
        """Of the exponentials of each row, its maximum counting 1, shape [rows]."""
        return np.concatenate([1 / part.p.max(axis=1) for part in self.parts])

    def magnitudes(self) -> Floats:
        """Of every kept score, shape [elements]."""
        return np.concatenate([np.abs(np.float64(part.scores[part.keep])) for part in self.parts])

    def measure(self, cfg: Config) -> Candidate:
        """What a configuration does to these rows."""
        l1, clipping = 0.0, Clipping()
        for part in self.parts:
            codes = quantise(part.scores, part.keep, cfg)
            offsets = np.arange(len(part.p) + 1, dtype=np.int64) * part.p.shape[1]
            golden = softmax(cfg, Rows(codes.q.reshape(-1), codes.keep.reshape(-1), offsets))
            lsb = np.ldexp(1 / cfg.m, -golden.exponent.astype(np.int32))
            l1 += float(np.abs(golden.y.reshape(part.p.shape) * lsb[:, None] - part.p).sum())
            clipping.add(codes.clipping)
        kept, rows = clipping.scores, self.rows
        shares = clipping.clipped / kept, clipping.underflow / kept, clipping.moved / rows
        return Candidate(cfg, l1 / rows, *shares)


@dataclass(frozen=True)
class Candidate:
    """A configuration and what it does to the rows it was measured on."""

    cfg: Config
    l1: float
    """Mean over rows of the sum of absolute errors, as probability."""
    clipped: float
    """Share of kept scores that the input could not hold, but for those of :attr:`underflow`."""
    underflow: float
    """Likewise of those that float32 softmax makes 0 as well."""
    moved: float
    """Share of rows in which that moves a probability by half a step of the output or more."""

    @property
    def table_bytes(self) -> int:
        """Bytes of its tables."""
        found = tables.table_bytes(self.cfg)
        assert found is not None  # a method of ours
        return found


@dataclass(frozen=True)
class Calibration:
    """What was proposed, and from what."""

    sample: Sample
    base: Candidate
    """The configuration to start from, on the unseen rows."""
    proposal: Candidate
    """Likewise what came of it."""
    tried: tuple[Candidate, ...]
    """Every candidate, on the rows that chose, in the order of the search."""
    clips: bool
    """The configuration to start from clips scores so that probabilities move, in either half."""


def calibrate(base: Config, sample: Sample) -> Calibration:
    """Search near a configuration; its method, precision and widest input stay.

    Raises:
        UsageError: too few rows, or a design of somebody's own, whose parameters we do not know.
    """
    if base.design is not None:
        raise UsageError(
            f"{base.name} is a design of your own; calibrate knows the parameters of "
            f"{', '.join(configs.METHODS)} only"
        )
    choosing, unseen = sample.halves()
    heal = sample.measure(base).moved > 0
    measured: dict[Config, Candidate] = {}

    def error(cfg: Config) -> Candidate:
        if cfg not in measured:
            measured[cfg] = choosing.measure(cfg)
        return measured[cfg]

    def settle(cfg: Config) -> Candidate:
        before = None
        while cfg != before:
            before = cfg
            for values in _knobs(cfg, heal):
                cfg = _cheapest([error(cfg.replace(**value)) for value in values], heal).cfg
        return error(cfg)

    widths = range(base.in_w, _NARROWEST - 1, -2)
    settled = [settle(base.replace(in_w=w, frac=min(base.frac, w - 1))) for w in widths]
    chosen = _good(settled, heal)[-1]
    return Calibration(
        sample, unseen.measure(base), unseen.measure(chosen.cfg), tuple(measured.values()), heal
    )


def _knobs(cfg: Config, heal: bool) -> Iterator[list[dict[str, Any]]]:
    """For each parameter the method has, the values to try, the present one among them."""
    if heal:
        yield [
            {"recentre": recentre, "frac": frac}
            for recentre in (False, True)
            for frac in range(cfg.in_w)
        ]
    else:
        yield [{"frac": frac} for frac in range(cfg.in_w)]
    if cfg.method in tables.LOADABLE:
        yield [{"sum_index": mode} for mode in configs.SUM_INDEX_MODES]
        yield [{"xs": xs} for xs in sorted({*_XS, cfg.xs})]
    if cfg.method == "lut2d":
        yield [{"ke": ke} for ke in sorted({*_KE, cfg.ke})]


def _good(candidates: Sequence[Candidate], heal: bool) -> list[Candidate]:
    """Those as good as the best; with ``heal`` only those of them that move the fewest rows."""
    best = min(candidate.l1 for candidate in candidates)
    good = [candidate for candidate in candidates if candidate.l1 <= best * (1 + SLACK)]
    fewest = min(candidate.moved for candidate in good)
    return [candidate for candidate in good if not heal or candidate.moved == fewest]


def _cheapest(candidates: Sequence[Candidate], heal: bool) -> Candidate:
    """The fewest table bytes, then without recentring, then the least error, of the good ones."""
    return min(
        _good(candidates, heal),
        key=lambda candidate: (candidate.table_bytes, candidate.cfg.recentre, candidate.l1),
    )


def _top(part: Part) -> Floats:
    top: Floats = np.where(part.keep, part.scores, -np.inf).max(axis=1, keepdims=True)
    return top.astype(np.float64)


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
    from softmax_cosim.report import calibration as page

    model = ", ".join(dict.fromkeys(trace.model for trace in traces))
    files = {
        f"{name}.toml": _toml(found, model, [trace.path for trace in traces]),
        f"{name}.json": _json(found, model),
        f"{name}.html": page.render(found, name, model),
    }
    write_texts(args.out, files)
    _print(found, name)
    print(f"wrote {args.out / name}.toml, .json and .html; now try")
    given = " ".join(shlex.quote(str(trace.path)) for trace in traces)
    print(f"  cosim replay {given} --config {shlex.quote(f'{args.out / name}.toml')}")
    return 0


def _print(found: Calibration, name: str) -> None:
    base, proposal = found.base, found.proposal
    rows = found.sample.rows
    print(f"{len(found.tried)} candidates on {rows:,} rows; on the half that did not choose:")
    for title, candidate in ((base.cfg.name, base), (name, proposal)):
        clipped = (
            f", {100 * candidate.clipped:.3g} % of scores clipped" if candidate.clipped else ""
        )
        print(
            f"  {title}: mean L1 {candidate.l1:.4g}, {candidate.table_bytes} table bytes{clipped}"
        )
    changed = _differences(base.cfg, proposal.cfg)
    words = [f"{key} {old} -> {new}" for key, (old, new) in changed.items()]
    print(f"  {', '.join(words) or 'nothing better was found'}")
    if found.clips:
        print(
            f"  clipping moves the probabilities of {100 * base.moved:.2g} % of the rows with "
            f"{base.cfg.name}, of {100 * proposal.moved:.2g} % with {name}"
        )


def _differences(old: Config, new: Config) -> dict[str, tuple[Any, Any]]:
    """The fields that changed, with both values."""
    pairs = {
        field.name: (getattr(old, field.name), getattr(new, field.name))
        for field in dataclasses.fields(Config)
    }
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _toml(found: Calibration, model: str, traces: Sequence[Path]) -> str:
    """The proposal as a configuration file; what is at its default stays out, but for the knobs."""
    cfg = found.proposal.cfg
    plain = Config(name=cfg.name, method=cfg.method, precision=cfg.precision)
    keys = ["method", "precision", "in_w", "frac"]
    keys += [field.name for field in dataclasses.fields(Config) if field.name not in keys]
    lines = [
        f"# Proposed by cosim calibrate for {model}",
        f"# from {found.sample.rows:,} rows of {', '.join(ends(traces))}.",
        f"# Mean L1 of a row, unseen rows: {found.proposal.l1:.4g}; "
        f"{found.base.cfg.name}: {found.base.l1:.4g}.",
    ]
    for key in keys:
        value = getattr(cfg, key)
        if key in ("method", "precision", "in_w", "frac") or (
            key != "name" and value != getattr(plain, key)
        ):
            lines.append(f"{key} = {json.dumps(value)}")
    return "\n".join(lines) + "\n"


def _json(found: Calibration, model: str) -> str:
    def told(candidate: Candidate) -> dict[str, Any]:
        keys = ("in_w", "frac", "recentre", "xs", "ke", "sum_index")
        parameters = {key: getattr(candidate.cfg, key) for key in keys}
        figures = {
            name: getattr(candidate, name) for name in ("l1", "clipped", "underflow", "moved")
        }
        return parameters | figures | {"table_bytes": candidate.table_bytes}

    return (
        json.dumps(
            {
                "model": model,
                "rows": found.sample.rows,
                "base": {"name": found.base.cfg.name} | told(found.base),
                "proposal": told(found.proposal),
                "tried": [told(candidate) for candidate in found.tried],
            },
            indent=1,
        )
        + "\n"
    )
