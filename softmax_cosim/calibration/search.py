"""The search: which parameters are tried, and which of them is chosen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from softmax_cosim import configs
from softmax_cosim.calibration.sample import Candidate, Sample
from softmax_cosim.configs import Config, UsageError
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
