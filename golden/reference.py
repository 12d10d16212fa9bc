"""The float64 softmax, or other function of a row, that figures of merit are measured against.

Rows are ragged, end to end; ``offsets`` as in :class:`.golden.rows.Rows`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from softmax_cosim.configs import Config
from softmax_cosim.golden import own, shell
from softmax_cosim.golden.rows import Rows

__all__ = ["of_quantised", "of_scores", "softmax_of_scores"]

Floats = npt.NDArray[np.float64]


def softmax_of_scores(
    scores: npt.NDArray[np.floating],
    keep: npt.NDArray[np.bool_],
    offsets: npt.NDArray[np.int64],
) -> Floats:
    """Softmax of each row's kept scores, shape [elements]; 0 where masked.

    A row with nothing kept is 0 everywhere. Scores may be any finite number, or -inf.
    """
    p = np.empty(len(scores))
    for start, stop in shell.chunks(offsets):
        part = slice(offsets[start], offsets[stop])
        p[part] = _softmax(
            np.where(keep[part], scores[part].astype(np.float64), -np.inf),
            offsets[start : stop + 1] - offsets[start],
        )
    return p


def of_scores(
    cfg: Config,
    scores: npt.NDArray[np.floating],
    keep: npt.NDArray[np.bool_],
    offsets: npt.NDArray[np.int64],
) -> Floats:
    """What a design's outputs are measured against: softmax, if it names no other function.

    Raises:
        UsageError: the function that the configuration names is not there or fails.
    """
    if cfg.reference == "softmax":
        return softmax_of_scores(scores, keep, offsets)
    return own.reference(cfg, scores, keep, offsets)


def of_quantised(cfg: Config, rows: Rows) -> Floats:
    """Likewise of quantised rows, shape [elements]: what is lost after it is the datapath's."""
    return of_scores(cfg, cfg.scores(rows.q), rows.keep, rows.offsets)


def _softmax(x: Floats, offsets: npt.NDArray[np.int64]) -> Floats:
    starts, lengths = offsets[:-1], np.diff(offsets)
    top = np.maximum.reduceat(x, starts)
    top[np.isneginf(top)] = 0.0  # nothing kept: every term below is exp(-inf) = 0
    term = np.exp(x - np.repeat(top, lengths))
    total = np.add.reduceat(term, starts)
    total[total == 0.0] = 1.0
    p: Floats = term / np.repeat(total, lengths)
    return p
