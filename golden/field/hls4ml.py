"""hls4ml's softmax of two tables: exponents and a reciprocal, each read by a number's leading bits.

``softmax_stable`` of hls4ml (nnet_activation.h of its Vivado backend), described in its
documentation under "Softmax"; no paper of its own::

    y = exp_table[max - x] * inv_table[sum]

Tables of 1,024 entries of 18 bits with 10 fraction bits. The distance has the score's bits without
its sign, and wraps: what is further away than the range of positive scores comes out large. The
sum has 10 fraction bits and saturates just below 128.

Chosen here: an output without sign saturates; one with a sign has the default type, which wraps.
"""

from __future__ import annotations

import numpy as np

from softmax_cosim.configs import Config, UsageError
from softmax_cosim.configs.numbers import Fixed
from softmax_cosim.golden.field.common import About, Ints, distance, frac, method, total, unit
from softmax_cosim.golden.rows import Rows

__all__ = ["ABOUT", "softmax"]

ABOUT = About("hls4ml", "nnet_activation.h", multipliers=1, dividers=0, passes=2)

_ADDRESS, _FRAC, _WIDTH = 10, 10, 18
_MOST = (1 << _WIDTH - 1) - 1


def _entries(values: np.ndarray) -> Ints:
    """Rounded half up, and saturated."""
    rounded = np.floor(np.minimum(values, _MOST) * 2.0**_FRAC + 0.5)
    entries: Ints = rounded.clip(0, _MOST).astype(np.int64)
    return entries


@method
def softmax(cfg: Config, rows: Rows) -> Ints:
    """Fixed point of ``unit`` fraction bits, [elements].

    Raises:
        UsageError: scores of too few bits for the address of a table.
    """
    bits, out = cfg.in_w - 1, unit(cfg)
    low = bits - _ADDRESS
    if low < 0:
        raise UsageError(f"{cfg.name}: input = {cfg.inputs}; give {_ADDRESS + 1} bits or more")
    x = np.arange(1 << _ADDRESS)
    exponents = _entries(np.exp(-(x * 2.0 ** (low - frac(cfg))).astype(np.float32)))
    with np.errstate(divide="ignore"):
        inverses = _entries(np.float32(1) / (x * 2.0 ** (_WIDTH - _ADDRESS - _FRAC)))
    terms = exponents[(distance(rows) & (1 << bits) - 1) >> low]
    sums = np.minimum(total(rows, terms), _MOST)
    inverse = inverses[sums >> _WIDTH - _ADDRESS]
    y: Ints = terms * np.repeat(inverse, rows.lengths) >> 2 * _FRAC - out
    assert isinstance(cfg.outputs, Fixed)
    return y if cfg.outputs.signed else np.minimum(y, cfg.outputs.highest)
