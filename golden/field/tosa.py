"""TOSA's softmax of 8-bit scores: what TensorFlow Lite's becomes in TOSA operators, by tables.

``legalize_common.cc`` of TensorFlow's TOSA dialect; Arm NN and Ethos-U take the same operators; no
paper of its own. gemmlowp's ``e^x`` of every distance stands in four tables, of a byte each (513
entries of 16 bits, as the operator has them); the reciprocal is gemmlowp's. Products are rounded
half up.

Chosen here: the scale of a score is the step of the input format.
"""

from __future__ import annotations

import numpy as np

from softmax_cosim.configs import Config, UsageError
from softmax_cosim.golden.field import tflite
from softmax_cosim.golden.field.common import About, Ints, distance, half_up, method, total, unit
from softmax_cosim.golden.rows import Rows

__all__ = ["ABOUT", "softmax"]

ABOUT = About("TOSA int8", "``legalize_common.cc``", multipliers=1, dividers=0, passes=3)


@method
def softmax(cfg: Config, rows: Rows) -> Ints:
    """Fixed point of ``unit`` fraction bits, [elements].

    Raises:
        UsageError: scores that 513 entries are too few for.
    """
    if cfg.in_w > 8:
        raise UsageError(f"{cfg.name}: input = {cfg.inputs}; give 8 bits, or take tosa16")
    x, near = tflite.scaled(cfg, distance(rows))
    terms = np.where(near, tflite.exponent(x), 0)
    sums = total(rows, half_up(terms, 12))
    zeros = tflite.zeros(sums)
    half = sums << zeros - 1
    inverse = tflite.FIRST[0] + half_up(half * tflite.FIRST[1], 31)
    for _ in range(3):
        more = half_up(inverse * ((1 << 29) - half_up(inverse * half, 31)), 31)
        inverse = inverse + 4 * more
    product = half_up(terms * np.repeat(inverse, rows.lengths), 30)
    y = half_up(product, np.repeat(12 + 31 - unit(cfg) - zeros, rows.lengths))
    return np.minimum(y, cfg.outputs.highest)
