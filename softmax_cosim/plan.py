"""What a replay is asked for: designs, traces, and a name for each that no other one has.

Results are kept under these names: in tables, in ``rows.parquet`` and ``summary.json``, as names of
tensors and waveforms.
"""

from __future__ import annotations

import argparse
import hashlib
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from softmax_cosim import configs
from softmax_cosim.arguments import spans
from softmax_cosim.configs import Config, UsageError
from softmax_cosim.golden import own
from softmax_cosim.golden.framing import check_length
from softmax_cosim.kept import Kept
from softmax_cosim.names import distinct_files, ends
from softmax_cosim.report.model import LeftOut
from softmax_cosim.selection import Picked, Selection, slices
from softmax_cosim.trace import Trace

__all__ = ["Design", "Plan", "Planned"]


#: Bytes of what designs share, in all: what comes first stays.
SHARED = 1 << 26
LONGEST = 200
"""Bytes of a name that one of a file is made of: file systems have names of 255."""


@dataclass(frozen=True)
class Design:
    """A configuration of the run."""

    cfg: Config
    given: str
    """As ``--config`` takes it."""
    name: str
    """The configuration's own, with as many folders as tell it from the others."""
    verb: str
    """``replay`` or ``score``."""
    options: str
    """How it is played: ``--lanes`` and whatever is not at its default."""

    def command(
        self, trace: Trace, layer: int, rows: Iterable[int], *, draws: Sequence[str] = ()
    ) -> str:
        """What plays these rows of a layer; from these power-up draws when given."""
        power_up = f" --power-up {','.join(draws)}" if draws else ""
        path = str(trace.path)
        path = f"./{path}" if path.startswith("-") else path  # or it would be an option
        return (
            f"cosim {self.verb} {shlex.quote(path)} "
            f"--config {shlex.quote(self.given)} {self.options}{power_up} "
            f"--layers {layer} --rows {spans(rows)}"
        )

    @property
    def file(self) -> str:
        """The name as that of a file; of a very long one the end, and what tells it from others."""
        name = self.name.replace("%", "%25").replace("/", "%2F")
        end = name.encode(errors="surrogateescape")[-LONGEST:].decode(errors="ignore")
        if end == name:
            return name
        return f"{hashlib.sha256(name.encode()).hexdigest()[:12]}-{end}"


@dataclass(frozen=True)
class Planned:
    """A trace of the run."""

    trace: Trace
    name: str
    """The file's own without suffix, likewise."""
    picked: Picked
    kept: Kept = field(default_factory=Kept, compare=False)
    """What was computed of its rows and may serve another design."""

    def fitting(self, cfg: Config) -> list[int]:
        """The layers whose rows a design takes; rows of a layer are of one length."""
        shapes = self.trace.shapes
        return [layer for layer in self.picked if shapes[layer][-1] <= cfg.max_len]

    def left_out(self, cfg: Config) -> list[LeftOut]:
        """What it is asked to play and does not take."""
        return [
            LeftOut(str(self.trace.path), f"layer.{layer}.scores", len(rows), length)
            for layer, rows in self.picked.items()
            if len(rows) and (length := self.trace.shapes[layer][-1]) > cfg.max_len
        ]

    def slices(self, layer: int) -> Iterator[npt.NDArray[np.int64]]:
        """The rows of a layer to play, in bounded pieces."""
        return slices(self.picked[layer], self.trace.shapes[layer][-1])


@dataclass(frozen=True)
class Plan:
    """All of them."""

    designs: tuple[Design, ...]
    traces: tuple[Planned, ...]
    again: tuple[str, ...]
    """What was given twice under two names, and is played once: sentences."""

    @classmethod
    def of(cls, args: argparse.Namespace, *, simulate: bool) -> Plan:
        """What the options of ``cosim replay`` or ``cosim score`` ask for.

        Raises:
            UsageError: what cannot be played.
        """
        configured, twice = distinct_files(args.config, configs.path_of)
        names = ends([configs.path_of(given) for given in configured])
        verb, designs = "replay" if simulate else "score", []
        for given, name in zip(configured, names, strict=True):
            cfg = _configured(given, args.lanes)
            _check_parts(cfg, simulate)
            own.check(cfg)
            designs.append(Design(cfg, given, name, verb, _options(cfg, args, simulate)))
        paths, again = distinct_files(args.traces, Path)
        traces = [Trace(path) for path in paths]
        selection = Selection(args.layers, args.rows, args.max_rows)
        room = SHARED // len(traces) if len(designs) > 1 else 0
        planned = [
            Planned(trace, name, selection.of(trace), Kept(room))
            for trace, name in zip(traces, ends([trace.path for trace in traces]), strict=True)
        ]
        plan = cls(tuple(designs), tuple(planned), (*twice, *again))
        for design in designs:
            plan._check_lengths(design.cfg)
        return plan

    def _check_lengths(self, cfg: Config) -> None:
        """Refuse rows that are too long, or all of them where those are left out.

        So are rows that would be filled up with what counts, see :func:`.framing.check`.
        """
        if cfg.longer != "leave out":
            for planned in self.traces:
                planned.trace.check_fits(cfg)
        elif not self.rows(cfg):
            raise UsageError(
                f"{cfg.name} takes rows of at most {cfg.max_len} elements, and all of these are "
                "longer, so all are left out; name a trace of shorter rows"
            )
        for planned in self.traces:
            for layer in planned.fitting(cfg):
                check_length(cfg, planned.trace.shapes[layer][-1])

    def rows(self, cfg: Config) -> int:
        """Rows that a design is to play."""
        return sum(
            len(planned.picked[layer]) for planned in self.traces for layer in planned.fitting(cfg)
        )

    def key(self, design: Design, planned: Planned) -> str:
        """What the outputs of a design for a trace are kept under; the trace's name if it must."""
        return design.name if len(self.traces) == 1 else f"{design.name}/{planned.name}"


def _check_parts(cfg: Config, simulate: bool) -> None:
    """Refuse to play what has no RTL, and to score what has no golden model."""
    if simulate and cfg.design is not None and cfg.design.rtl is None:
        raise UsageError(f"{cfg.name} is a golden model without RTL; measure it with cosim score")
    if not simulate and not cfg.golden:
        raise UsageError(f"{cfg.name} has no golden model; play its RTL with cosim replay")


def _configured(name: str, lanes: int | None) -> Config:
    cfg = configs.load(name)
    if lanes is None or lanes == cfg.lanes:
        return cfg
    rtl = cfg.design and cfg.design.rtl
    if rtl and cfg.design and cfg.design.ports and "@lanes" not in rtl.parameters.values():
        raise UsageError(
            f"--lanes {lanes}: {cfg.name} has {cfg.lanes} lanes, and no parameter that says so; "
            'name it: parameters = { NAME = "@lanes" }'
        )
    return cfg.replace(lanes=lanes)


def _options(cfg: Config, args: argparse.Namespace, simulate: bool) -> str:
    options = [f"--lanes {cfg.lanes}"]
    if simulate and args.transport != "bulk":
        options.append(f"--transport {args.transport}")
    if simulate and args.stalls != "none":
        options.append(f"--stalls {args.stalls} --seed {args.seed}")
    return " ".join(options)
