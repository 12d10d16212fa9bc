"""FQ-ViT's log-int-softmax: I-BERT's exponents, and the outputs as powers of two.

Lin et al., "FQ-ViT: Post-Training Quantization for Fully Quantized Vision Transformer", arXiv
2111.13824, section 3.3::

    y = 2^-k,  k = log2 of round(sum / e^x), rounded; 0 where k does not fit its b bits

so that the product with the values is a shift. ``e^x`` is I-BERT's, of 30 fraction bits.

Chosen here: the scale of a score is the step of the input format; b is 4 where the output has 15
fraction bits, and 5 where it has 31, the least power that b bits name. Rounding is that of the
authors' code: the quotient half to even, its log2 up from 1.5 times a power of two.
"""

from __future__ import annotations

import numpy as np

from softmax_cosim.configs import Config, UsageError
from softmax_cosim.golden.field.common import About, Ints, distance, method, total, unit
from softmax_cosim.golden.field.ibert import OCTAVES, exponent
from softmax_cosim.golden.rows import Rows

__all__ = ["ABOUT", "softmax"]

ABOUT = About("FQ-ViT", "arXiv 2111.13824", multipliers=1, dividers=1, passes=3)


@method
def softmax(cfg: Config, rows: Rows) -> Ints:
    """Powers of two in a fixed point of as many fraction bits as powers, [elements].

    Raises:
        UsageError: the sum of a row would not fit 62 bits.
    """
    z, n, c = exponent(cfg, distance(rows))
    if c.bit_length() + OCTAVES + int(rows.lengths.max() - 1).bit_length() > 62:
        raise UsageError(
            f"{cfg.name}: input = {cfg.inputs}; with steps as fine the sum of "
            f"{rows.lengths.max()} exponents does not fit 62 bits"
        )
    terms = z << OCTAVES - n
    ratio, rest = np.divmod(2 * np.repeat(total(rows, terms), rows.lengths) + terms, 2 * terms)
    ratio -= (rest == 0) & (ratio & 1 == 1)
    k = np.frexp(ratio)[1].astype(np.int64) - 1
    k += 2 * ratio >= 3 << k
    y: Ints = np.where(k <= unit(cfg), np.int64(1) << np.maximum(unit(cfg) - k, 0), 0)
    return y
