"""Number formats of a design's input and output, by the names that hardware engineers give them.

======== ============================================ =====================================
name     meaning                                      real value of a code ``c``
======== ============================================ =====================================
qI.F     signed, I bits (the sign is one of them)     ``c * 2**-F``
         before the point and F behind it
uqI.F    unsigned, likewise                           ``c * 2**-F``
unormW   unsigned, W bits; the largest code is 1.0    ``c / (2**W - 1)``
bf16     the upper half of fp32                       that of the bits
fp16     IEEE 754 binary16; fp32: binary32            that of the bits
======== ============================================ =====================================

A code is the bit pattern as a number: two's complement for ``q``, not negative for all others but
for ``fp32`` as an input, whose patterns are read as int32.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from softmax_cosim.configs.errors import UsageError

__all__ = ["NAMES", "Fixed", "Floating", "Format", "parse"]

Ints = npt.NDArray[Any]
Reals = npt.NDArray[np.float64]

NAMES = "qI.F, uqI.F, unormW, bf16, fp16 or fp32"
WIDEST = 32


@dataclass(frozen=True)
class Fixed:
    """Equal steps: fixed point, or an integer part of 1.0."""

    name: str
    bits: int
    signed: bool
    one: float
    """The code that would be 1.0; it need not be one."""

    step = "LSB"
    """What neighbouring codes are apart, as a sentence has it."""
    has_nan = False

    @property
    def lowest(self) -> int:
        """The lowest code."""
        return -(1 << self.bits - 1) if self.signed else 0

    @property
    def highest(self) -> int:
        """The highest code."""
        return (1 << self.bits - self.signed) - 1

    @property
    def lsb(self) -> float:
        """Real value of one step."""
        return 1 / self.one

    def codes(self, x: npt.ArrayLike) -> Reals:
        """Real values in steps, neither rounded nor clipped."""
        return np.asarray(x, np.float64) * self.one

    def encode(self, x: npt.ArrayLike) -> Ints:
        """The nearest codes, ties to even; beyond the range the nearest end. NaN is 0."""
        with np.errstate(invalid="ignore", over="ignore"):
            rounded = np.clip(np.rint(self.codes(x)), self.lowest, self.highest)
        codes: Ints = np.nan_to_num(rounded).astype(np.int64)
        return codes

    def decode(self, codes: npt.ArrayLike) -> Reals:
        """Real values of codes; bit patterns that are not sign-extended are taken as well."""
        raw = self.rank(codes) if self.signed else np.asarray(codes)
        return np.multiply(raw, 1 / self.one, dtype=np.float64)

    def rank(self, codes: npt.ArrayLike) -> Ints:
        """Codes as numbers in the order of their values, neighbours one apart."""
        c = np.asarray(codes).astype(np.int64)
        sign = np.int64(1 << self.bits - 1)
        return ((c & ((1 << self.bits) - 1)) ^ sign) - sign if self.signed else c

    def __str__(self) -> str:
        """The name."""
        return self.name


@dataclass(frozen=True)
class Floating:
    """Sign, exponent and mantissa, with subnormals, infinities and NaN."""

    name: str
    bits: int
    mantissa: int
    """Bits of it that are stored."""

    signed = True
    step = "ULP"
    has_nan = True

    @property
    def lowest(self) -> int:
        """The pattern of the lowest finite value."""
        return int(self.encode(-np.inf))

    @property
    def highest(self) -> int:
        """The pattern of the highest finite value."""
        return int(self.encode(np.inf))

    @property
    def lsb(self) -> float:
        """The step just below 1.0, where the largest probabilities are."""
        return float(2.0 ** -(self.mantissa + 1))

    @property
    def limit(self) -> float:
        """The highest finite value."""
        if self.name == "fp16":
            return float(np.finfo(np.float16).max)
        return float(np.finfo(np.float32).max) if self.bits == 32 else (2 - 2.0**-7) * 2.0**127

    def encode(self, x: npt.ArrayLike) -> Ints:
        """Patterns of the nearest values, ties to even; beyond the range its finite end. NaN stays.

        ``fp32`` gives int32, so that a pattern fits where scores are kept.
        """
        x = np.clip(np.asarray(x, np.float64), -self.limit, self.limit)
        if self.name == "fp16":
            return x.astype(np.float16).view(np.uint16).astype(np.int64)
        if self.bits == 32:
            return x.astype(np.float32).view(np.int32).astype(np.int64)
        # Straight from float64: by way of float32 a tie may be one of two roundings.
        scale = np.exp2(np.maximum(np.frexp(x)[1] - 1, -126) - 7.0)
        near = np.rint(x / scale) * scale
        pattern = near.astype(np.float32).view(np.uint32) >> np.uint32(16)
        return np.where(np.isnan(x), 0x7FC0, pattern).astype(np.int64)

    def decode(self, codes: npt.ArrayLike) -> Reals:
        """Real values of patterns."""
        c = np.asarray(codes).astype(np.int64)
        with np.errstate(invalid="ignore"):  # a signalling NaN is one like any other
            if self.name == "fp16":
                return c.astype(np.uint16).view(np.float16).astype(np.float64)
            wide = (c << (32 - self.bits)).astype(np.uint32)
            return wide.view(np.float32).astype(np.float64)

    def rank(self, codes: npt.ArrayLike) -> Ints:
        """Codes as numbers in the order of their values, neighbours one apart; both zeros are 0."""
        c = np.asarray(codes).astype(np.int64) & ((1 << self.bits) - 1)
        magnitude = c & ((1 << self.bits - 1) - 1)
        return np.where(c >> (self.bits - 1), -magnitude, magnitude)

    def __str__(self) -> str:
        """The name."""
        return self.name


Format = Fixed | Floating

_FLOATS = {
    "bf16": Floating("bf16", 16, 7),
    "fp16": Floating("fp16", 16, 10),
    "fp32": Floating("fp32", 32, 23),
}


def parse(name: object, what: str) -> Format:
    """The format of a name.

    Args:
        name: as in the table above.
        what: what an error calls it.

    Raises:
        UsageError: there is no such format, or it is wider than 32 bits.
    """
    text = name if isinstance(name, str) else ""
    if text in _FLOATS:
        return _FLOATS[text]
    if found := re.fullmatch(r"(u?)q(\d{1,4})\.(\d{1,4})", text):
        whole, frac = int(found[2]), int(found[3])
        made = Fixed(text, whole + frac, not found[1], 2.0 ** min(frac, 64))
        least = 2 if made.signed else 1
    elif found := re.fullmatch(r"unorm(\d{1,4})", text):
        made = Fixed(text, int(found[1]), False, float((1 << min(int(found[1]), 64)) - 1))
        least = 1
    else:
        raise UsageError(f"{what} = {name!r}; give a number format: {NAMES}")
    if not least <= made.bits <= WIDEST:
        raise UsageError(f"{what} = {name!r} has {made.bits} bits; give {least} to {WIDEST}")
    return made
