"""Stall patterns: named, seeded data that both transports read the same way, cycle by cycle.

A *gate* is open or shut in every clock cycle. The source may put a new beat on the bus only in a
cycle whose gate is open (a beat once offered stays until it is taken, whatever the gate does);
the sink's ``tready`` *is* its gate. A gate never looks at the bus: it steps once every cycle,
from the first cycle of a batch, so that a pattern depends on its seed and nothing else.

The pattern alternates open and shut phases, open first, each of a length drawn uniformly from a
range. In C++, to the bit (``stall_pattern`` in ``tb/dpi`` must stay equal to this)::

    uint64_t state = 2 * seed + side;             // side: 0 source, 1 sink; modulo 2**64
    uint32_t draw() {                             // splitmix64, upper half
      uint64_t z = (state += 0x9E3779B97F4A7C15);
      z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
      z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
      return (z ^ (z >> 31)) >> 32;
    }
    bool open = false;  uint32_t left = 0;
    bool step() {                                 // once every cycle
      while (left == 0) {
        open = !open;
        auto [low, high] = open ? pattern.open : pattern.shut;
        left = low + ((draw() * uint64_t(high - low + 1)) >> 32);
      }
      left -= 1;
      return open;
    }
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from softmax_cosim.configs.errors import UsageError

__all__ = ["ALIASES", "PATTERNS", "SINK", "SOURCE", "Gate", "Pattern", "StallProfile", "profile"]

SOURCE, SINK = 0, 1

_MASK = 2**64 - 1


@dataclass(frozen=True)
class Pattern:
    """Phase lengths in cycles, both ends included; a draw of 0 skips the phase.

    Raises:
        ValueError: a range that is empty or negative, or phases that are all of length 0.
    """

    open: tuple[int, int]
    shut: tuple[int, int]

    def __post_init__(self) -> None:
        if not all(0 <= low <= high < 2**31 for low, high in (self.open, self.shut)):
            raise ValueError(f"{self}: a range of phase lengths is low <= high, both >= 0")
        if self.open[1] + self.shut[1] == 0:
            raise ValueError(f"{self}: one of the phases must last")

    @property
    def always_open(self) -> bool:
        """True if the gate never shuts."""
        return self.shut[1] == 0

    @property
    def words(self) -> tuple[int, int, int, int]:
        """The pattern as four numbers: open low, open high, shut low, shut high."""
        return (*self.open, *self.shut)


#: Patterns of one side.
PATTERNS = {
    "none": Pattern(open=(1, 1), shut=(0, 0)),
    "light": Pattern(open=(0, 15), shut=(1, 2)),
    "bursty": Pattern(open=(1, 40), shut=(1, 40)),
    "heavy": Pattern(open=(1, 2), shut=(0, 8)),
    "stuck": Pattern(open=(1, 400), shut=(1500, 3000)),
}

#: Names for crossings that are asked for by name.
ALIASES = {"source-only": "heavy/none", "sink-only": "none/heavy"}


@dataclass(frozen=True)
class StallProfile:
    """The pattern of each side: idle cycles of the source, backpressure of the sink."""

    name: str
    source: Pattern
    sink: Pattern

    @functools.cached_property
    def words(self) -> tuple[int, ...]:
        """:attr:`.Pattern.words` of both."""
        return (*self.source.words, *self.sink.words)


@functools.cache
def profile(name: str) -> StallProfile:
    """The profile of a name: one pattern for both sides (``heavy``), or ``SOURCE/SINK``.

    Raises:
        UsageError: a name that is neither; the sentence lists what there is.
    """
    source, _, sink = ALIASES.get(name, name).partition("/")
    try:
        return StallProfile(name, PATTERNS[source], PATTERNS[sink or source])
    except KeyError:
        raise UsageError(
            f"unknown stall profile {name!r}; give {', '.join([*PATTERNS, *ALIASES])}, "
            "or one pattern a side as in light/heavy (source/sink)"
        ) from None


class Gate:
    """One side's pattern, running; see the head of this module for the exact sequence."""

    __slots__ = ("_left", "_open", "_pattern", "_state")

    def __init__(self, pattern: Pattern, seed: int, side: int) -> None:
        """Start a pattern; ``side`` is SOURCE or SINK and keeps the two sides apart."""
        self._pattern = pattern
        self._state = (2 * seed + side) & _MASK
        self._open = False
        self._left = 0

    def _draw(self) -> int:
        self._state = z = (self._state + 0x9E3779B97F4A7C15) & _MASK
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & _MASK
        return (z ^ (z >> 31)) >> 32

    def step(self) -> bool:
        """Whether the gate is open in the next cycle."""
        while self._left == 0:
            self._open = not self._open
            low, high = self._pattern.open if self._open else self._pattern.shut
            self._left = low + ((self._draw() * (high - low + 1)) >> 32)
        self._left -= 1
        return self._open
