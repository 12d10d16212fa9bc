"""The search: which parameters are tried, and which of them is chosen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from softmax_cosim import configs
from softmax_cosim.calibration.sample import Candidate, Sample
from softmax_cosim.configs import Config, UsageError
from softmax_cosim.configs.design import Design
from softmax_cosim.configs.numbers import Fixed
from softmax_cosim.golden import tables

__all__ = ["SLACK", "Calibration", "calibrate"]

SLACK = 0.01
"""A value is as good as the best if its error is larger by no more than this share."""
_XS = (4, 8, 16, 32, 60, 128, 256, 512)
_KE = (12, 29, 40, 60, 80, 101, 128)
_NARROWEST = 4


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

    Of a golden model alone, of somebody's own, the input's format and recentring are searched;
    what it refuses is left out.

    Raises:
        UsageError: too few rows; a design whose RTL is there, whose parameters we do not know; a
            golden model of something else than softmax, or whose input has no equal steps.
    """
    if base.design is not None:
        _check_own(base, base.design)
    choosing, unseen = sample.halves()
    heal = sample.measure(base).moved > 0
    measured: dict[Config, Candidate] = {}

    def error(cfg: Config) -> Candidate:
        if cfg not in measured:
            try:
                measured[cfg] = choosing.measure(cfg)
            except UsageError:  # the base was measured: it is the numbers that are refused
                if cfg.design is None:
                    raise
                measured[cfg] = Candidate(cfg, math.inf, 0.0, 0.0, 0.0)
        return measured[cfg]

    def settle(cfg: Config) -> Candidate:
        before = None
        while cfg != before:
            before = cfg
            for values in _knobs(cfg, heal):
                cfg = _cheapest([error(_changed(cfg, value)) for value in values], heal).cfg
        return error(cfg)

    widths = range(base.in_w, _NARROWEST - 1, -2)
    settled = [settle(_changed(base, {"in_w": w, "frac": min(base.frac, w - 1)})) for w in widths]
    chosen = _good(settled, heal)[-1]
    tried = tuple(candidate for candidate in measured.values() if math.isfinite(candidate.l1))
    return Calibration(sample, unseen.measure(base), unseen.measure(chosen.cfg), tried, heal)


def _check_own(base: Config, design: Design) -> None:
    """Refuse what has more parameters than the numbers it takes."""
    if design.rtl is not None:
        raise UsageError(
            f"{base.name} is a design of your own with RTL; calibrate knows the parameters of "
            f"{', '.join(configs.METHODS)}, and the input of golden models alone"
        )
    if base.reference != "softmax":
        raise UsageError(f"{base.name} is no softmax but {base.reference}; calibrate knows softmax")
    if not isinstance(base.inputs, Fixed):
        raise UsageError(
            f"{base.name}: input = {base.input!r} has no fraction bits to choose; calibrate wants "
            "fixed point, qI.F"
        )
    if not base.inputs.signed:
        raise UsageError(f"{base.name}: input = {base.input!r}; calibrate wants a sign, qI.F")


def _changed(cfg: Config, values: dict[str, Any]) -> Config:
    """With other values; the input of somebody's own design is named by its format."""
    if cfg.input and {"in_w", "frac"} & set(values):
        in_w, frac = values.pop("in_w", cfg.in_w), values.pop("frac", cfg.frac)
        values["input"] = f"q{in_w - frac}.{frac}"
    return cfg.replace(**values)


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
