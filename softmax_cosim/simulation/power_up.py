"""What the registers of a design hold before reset: a power-up draw.

A draw is ``zeros``, ``ones``, or a number that every bit is drawn from. A design whose answer hangs
on one bit that nobody resets differs between zeros and ones for certain, whatever the seed. Where
it hangs on several bits together, each random draw sees it by chance, half the time for two bits
that must be equal: so runs take one besides, and another one with every seed.
"""

from __future__ import annotations

import numpy as np

from softmax_cosim.configs.errors import UsageError

__all__ = ["FEWEST", "ONES", "ZEROS", "check", "draws", "plusargs", "seeded"]

ZEROS, ONES = "zeros", "ones"

#: Draws that a verdict is made from: zeros, ones and a random one.
FEWEST = 3

# Verilator takes 0 for "pick a seed", and at most 31 bits.
_SEEDS = 0x7FFFFFFE
_MODES = {ZEROS: 0, ONES: 1}


def draws(seed: int, count: int = FEWEST) -> tuple[str, ...]:
    """So many different draws: zeros, ones, then random ones that hang on ``seed``."""
    numbers = np.random.SeedSequence(seed).generate_state(max(count - 2, 0), np.uint64)
    random = (str(int(number) % _SEEDS + 1) for number in numbers)
    return (ZEROS, ONES, *random)[:count]


def seeded(seed: int) -> str:
    """The random draw of a seed."""
    return str(seed % _SEEDS + 1)


def check(draw: str) -> str:
    """The draw, if it is one.

    Raises:
        UsageError: it is none.
    """
    if draw in _MODES or (draw.isascii() and draw.isdigit() and 1 <= int(draw) <= _SEEDS):
        return draw
    raise UsageError(
        f"unknown power-up draw {draw!r}; give {ZEROS}, {ONES} or a number from 1 to {_SEEDS}"
    )


def plusargs(draw: str) -> list[str]:
    """What makes a simulation start from a draw."""
    check(draw)
    if draw in _MODES:
        return [f"+verilator+rand+reset+{_MODES[draw]}"]
    return ["+verilator+rand+reset+2", f"+verilator+seed+{draw}"]
