"""When a row leaves the accelerator: the RTL's cycles, predicted from its input beats.

The core is a chain of passes. A pass starts a row a fixed number of cycles after it knows what it
needs of the row, or when it is done with the row before, whichever is later; then it takes one
beat a cycle. With a sink that never stalls that is all there is, so the prediction is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from softmax_cosim.configs import Config, UsageError
from softmax_cosim.configs.formula import Formula
from softmax_cosim.configs.stalls import StallProfile
from softmax_cosim.golden import split
from softmax_cosim.golden.tables import lut_1e

__all__ = ["Passes", "holds", "is_known", "passes", "predict", "stated"]

Cycles = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Passes:
    """Cycles between the events of one row in an idle core."""

    gaps: tuple[int, ...]
    """For each pass after the first: cycles from the last beat of the one before to its start."""
    output: int
    """Cycles from the last pass' issue of a beat to the beat at the output."""

    @property
    def count(self) -> int:
        """Passes over the row, the input included."""
        return len(self.gaps) + 1

    @property
    def overhead(self) -> int:
        """Cycles that a row in an idle core takes beyond ``count`` times its beats."""
        return sum(self.gaps) + self.output - self.count


def passes(cfg: Config) -> Passes:
    """The pipeline depths of one of our configurations, as in ``rtl/softmax_top.sv``."""
    ingress = 1
    index = 1
    sum_index = 2
    select = 1
    if cfg.method == "split":
        newton = bool(split.form(cfg).newton)
        octave = 1 if cfg.base2 or (newton and cfg.lanes > 8) else 2  # softmax_octave
        power = 2
        carry = split.octaves(cfg).columns > 1
        total = 1 + _tree_stages((cfg.lanes + 1) // 2) + 1 + carry  # softmax_total
        reciprocal = 5 if newton else 4
        scale = 4 if cfg.row_exp or newton else 3  # softmax_scale
        return Passes((ingress + octave + power + total + reciprocal,), scale)
    tree = _tree_stages(cfg.lanes)
    register = 1  # a block RAM's output comes too late in the cycle for more
    alpha = 1 if cfg.method == "rexp" else 0  # row_store shows an A[j] a cycle after its index
    if cfg.two_pass:
        count = tree + 1 + 4 + _tree_stages(len(lut_1e(cfg.w)) - 1)  # softmax_count
        return Passes((ingress + count + sum_index + alpha,), register + index + select)
    exponent = 1 if cfg.method == "rexp" else 2  # softmax_exp, softmax_tenth
    maximum = ingress + max(tree + 1, 2)  # row_store reads a row once it is complete
    total = register + index + exponent + tree + 1 + sum_index + alpha
    divide = 1 if cfg.method == "rexp" else 0  # softmax_divide
    return Passes((maximum, total), register + divide + select)


def is_known(cfg: Config) -> bool:
    """Whether anybody says how long a row takes: our model, or a design's own formula."""
    return cfg.design is None or bool(cfg.design.latency)


def holds(cfg: Config, stalls: StallProfile) -> bool:
    """Whether what is known of the cycles holds under these stalls.

    With a sink that never stalls; what a design's own formula says, also only if the source does
    not.
    """
    source = cfg.design is None or stalls.source.always_open
    return is_known(cfg) and stalls.sink.always_open and source


def stated(cfg: Config, lengths: npt.NDArray[np.int64]) -> Cycles:
    """What a design's own formula says of rows: first input to last output beat, shape [rows].

    ``lengths`` are those of rows as they are driven (:mod:`.framing`), a block being a row.

    Raises:
        UsageError: the formula gives no whole number of cycles for one of them.
    """
    assert cfg.design is not None
    formula = Formula(cfg.design.latency)
    found = np.empty(len(lengths), np.int64)
    for length in np.unique(lengths).tolist():
        try:
            cycles = formula(-(-length // cfg.lanes), length, cfg.lanes)
        except (ValueError, ArithmeticError) as error:
            raise UsageError(f"configuration {cfg.name}: latency: {error}") from None
        found[lengths == length] = cycles
    return found


def predict(cfg: Config, last_in: Cycles, beats: Cycles) -> tuple[Cycles, Cycles]:
    """Predict the cycles of each row's first and last output beat.

    Args:
        cfg: the configuration.
        last_in: cycle at which each row's last input beat was taken, shape [rows], rising.
        beats: beats of each row as the core serves it, shape [rows]; a malformed row has one.

    Returns:
        First and last output cycle, each of shape [rows], valid for a sink that never stalls.
    """
    depth = passes(cfg)
    before = np.cumsum(beats) - beats
    known = last_in
    start = last_in
    for gap in depth.gaps:
        # start[n] = max(known[n] + gap, start[n-1] + beats[n-1]), unrolled over all rows.
        start = np.maximum.accumulate(known + gap - before) + before
        known = start + beats - 1
    first_out = start + depth.output
    return first_out, first_out + beats - 1


def _tree_stages(words: int) -> int:
    """Stages of ``rtl/lib/reduce_tree.sv``: ceil(log4(words))."""
    return ((words - 1).bit_length() + 1) // 2
