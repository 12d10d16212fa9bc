"""Rows of a model's traces, and what a configuration does to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from softmax_cosim.configs import Config, UsageError
from softmax_cosim.golden import reference, tables
from softmax_cosim.golden.quantise import Clipping, quantise
from softmax_cosim.golden.rows import Rows
from softmax_cosim.golden.softmax import softmax
from softmax_cosim.selection import Selection
from softmax_cosim.trace import Trace

__all__ = ["Candidate", "Part", "Sample"]

Floats = npt.NDArray[np.float64]


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
        """What a configuration does to these rows.

        Raises:
            UsageError: the golden function of somebody's own design fails, or refuses the numbers.
        """
        l1, clipping = 0.0, Clipping()
        for part in self.parts:
            codes = quantise(part.scores, part.keep, cfg)
            offsets = np.arange(len(part.p) + 1, dtype=np.int64) * part.p.shape[1]
            golden = softmax(cfg, Rows(codes.q.reshape(-1), codes.keep.reshape(-1), offsets))
            real = cfg.real(golden.y.reshape(part.p.shape), golden.exponent[:, None])
            l1 += float(np.abs(real - part.p).sum())
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
        """Bytes of its tables; 0 if a design of somebody's own does not say."""
        return tables.table_bytes(self.cfg) or 0


def _top(part: Part) -> Floats:
    top: Floats = np.where(part.keep, part.scores, -np.inf).max(axis=1, keepdims=True)
    return top.astype(np.float64)
