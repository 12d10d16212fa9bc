"""The golden model as one call: ragged rows in, outputs and the value of every stage out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from softmax_cosim.configs import Config
from softmax_cosim.configs.numbers import Fixed
from softmax_cosim.golden import lut2d, own, rexp, shell, split, tables
from softmax_cosim.golden.rows import Raw, Rows

__all__ = ["PER_ROW", "STAGES", "Outputs", "check_range", "of_driven", "softmax", "stages_of"]

Method = Callable[
    [Config, npt.NDArray[np.int32], npt.NDArray[np.bool_], npt.NDArray[np.int64]],
    dict[str, npt.NDArray[Any]],
]
_METHODS: dict[str, Method] = {
    "rexp": rexp.run,
    "lut2d": lut2d.run,
    "split": split.run,
}
#: Those whose tables can be loaded.
_LOADABLE: dict[str, Callable[..., dict[str, npt.NDArray[Any]]]] = {
    "rexp": rexp.run,
    "lut2d": lut2d.run,
}

#: Names of each method's stages, in the order of its pipeline.
STAGES = {
    "rexp": ("max", "k", "s", "sum", "j", "y"),
    "lut2d": ("max", "k", "e", "sum", "j", "c", "y"),
    "split": ("o", "p", "max", "sum", "top", "r", "x", "y"),
}
#: Of a design of somebody's own no stage is known but its output.
_OWN_STAGES = ("y",)
#: Stages that have one value a row; the others have one an element.
PER_ROW = frozenset({"max", "sum", "j", "top", "r", "x"})
_DTYPE: dict[str, type[np.generic]] = {
    "max": np.int32,
    "k": np.uint8,
    "s": np.uint16,
    "e": np.uint16,
    "sum": np.int64,
    "j": np.uint16,
    "c": np.uint8,
    "o": np.int32,
    "p": np.int32,
    "top": np.int32,
    "r": np.int32,
    "x": np.uint8,
    "y": np.uint16,
}


@dataclass(frozen=True)
class Outputs:
    """What the hardware must answer for a batch of rows, and how it gets there."""

    y: Raw
    """Raw outputs, shape [elements]; :meth:`.Config.real` has their real values."""
    stages: dict[str, npt.NDArray[Any]]
    """Value of each of the method's :data:`STAGES`, shape [rows] or [elements]. "k" says nothing
    where masked, nor does what a row has one of where nothing is kept."""
    exponent: npt.NDArray[np.uint8]
    """The row exponent, shape [rows]; 0 without one."""


def softmax(cfg: Config, rows: Rows, loaded: tables.Loaded | None = None) -> Outputs:
    """Compute every row, bit by bit as the hardware does.

    With ``loaded``, as a build does whose tables were written over with these (``rexp``,
    ``lut2d``; :func:`.golden.tables.for_scale` makes some).

    Works through cache-sized runs of rows, so that memory beyond the answer does not grow with
    the batch.

    Raises:
        ValueError: a kept score that ``cfg.in_w`` bits cannot hold.
        UsageError: tables that the hardware would refuse.
    """
    if cfg.design is not None:
        return _own(own.run, cfg, rows)
    run = _METHODS[cfg.method]
    if loaded is not None:
        tables.check(cfg, loaded)
        run = partial(_LOADABLE[cfg.method], loaded=loaded)
    stages: dict[str, npt.NDArray[Any]] = {
        name: np.empty(len(rows) if name in PER_ROW else len(rows.q), _DTYPE[name])
        for name in STAGES[cfg.method]
    }
    for start, stop in shell.chunks(rows.offsets):
        part = rows.slice(start, stop)
        check_range(cfg, part)
        values = run(cfg, part.q, part.keep, part.offsets[:-1])
        low, high = rows.offsets[start], rows.offsets[stop]
        for name, whole in stages.items():
            place = slice(start, stop) if name in PER_ROW else slice(low, high)
            whole[place] = values[name]
    return Outputs(stages["y"], stages, stages.get("x", np.zeros(len(rows), np.uint8)))


def of_driven(cfg: Config, driven: Rows) -> Outputs:
    """As :func:`softmax`, of rows as they stand on the stream (:mod:`.framing`)."""
    return softmax(cfg, driven) if cfg.design is None else _own(own.of_driven, cfg, driven)


def stages_of(cfg: Config) -> tuple[str, ...]:
    """Names of the stages that are known of a configuration."""
    return _OWN_STAGES if cfg.design else STAGES[cfg.method]


def _own(run: Callable[[Config, Rows], npt.NDArray[Any]], cfg: Config, rows: Rows) -> Outputs:
    """Of a design of somebody's own, whose rows may be framed over any number of them."""
    check_range(cfg, rows)
    y = run(cfg, rows)
    return Outputs(y, {"y": y}, np.zeros(len(rows), np.uint8))


def check_range(cfg: Config, rows: Rows) -> None:
    """Refuse scores that the hardware cannot be given.

    Raises:
        ValueError: a kept score that ``cfg.in_w`` bits cannot hold.
    """
    if not isinstance(cfg.inputs, Fixed):
        return
    wrong = ((rows.q < cfg.inputs.lowest) | (rows.q > cfg.inputs.highest)) & rows.keep
    if wrong.any():
        value = rows.q[wrong.argmax()]
        raise ValueError(f"score {value} does not fit the {cfg.in_w} bits of {cfg.name}")
