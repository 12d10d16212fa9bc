"""Without a golden model: a row must give what it gave alone, whatever came before it or beside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from softmax_cosim.configs import Config
from softmax_cosim.configs.stalls import profile
from softmax_cosim.golden.rows import Raw
from softmax_cosim.tb.pack import Beats, unpack_probabilities
from softmax_cosim.tb.scoreboard import Mismatch
from softmax_cosim.tb.signal import Signal
from softmax_cosim.tb.transactions import StreamRow

__all__ = ["Alone"]


class Alone:
    """What rows give that are played alone, from reset; each is played once."""

    def __init__(self, cfg: Config, signal: Signal) -> None:
        """Nothing is played yet."""
        self._cfg, self._signal = cfg, signal
        self._given: dict[tuple[object, ...], StreamRow] = {}

    async def judge(
        self, sent: Sequence[StreamRow], received: Sequence[StreamRow], base: int
    ) -> Mismatch | None:
        """The first row that gave something else. Resets the design.

        Args:
            sent: rows that went in.
            received: what came out of each, of the right frames.
            base: position of the first since the last reset.
        """
        for n, (row, got) in enumerate(zip(sent, received, strict=True)):
            elements = sum(keep.bit_count() for _, keep, _, _ in row.beats)
            about = f"row {base + n} ({elements} elements)"
            key = tuple(row.beats)
            if key not in self._given:
                try:
                    self._given[key] = await self._play(row)
                except TimeoutError as error:
                    text = f"{about} does not come out when it is played alone: {error}"
                    return Mismatch(base + n, text, row)
            alone = self._given[key]
            if list(alone.beats) == list(got.beats):
                continue
            expected, actual = self._values(alone), self._values(got)
            if len(expected) != len(actual):
                text = f"{about} has {len(actual)} elements; alone it had {len(expected)}"
                return Mismatch(base + n, text, row)
            differ = np.flatnonzero(expected != actual)
            if len(differ):
                at = int(differ[0])
                text = (
                    f"{about}: element {at} is {actual[at]} ({self._cfg.real(actual[at]):g}); "
                    f"played alone from reset it was {expected[at]} "
                    f"({self._cfg.real(expected[at]):g})"
                )
                return Mismatch(base + n, text, row, at)
        return None

    async def _play(self, row: StreamRow) -> StreamRow:
        signal = self._signal
        await signal.reset()
        beats = Beats.from_ints(row.beats, self._cfg.lanes * self._cfg.in_w)
        signal.start(beats, profile("none"), 0)
        await signal.wait(1)
        return signal.received[0]

    def _values(self, row: StreamRow) -> Raw:
        beats = Beats.from_ints(row.beats, self._cfg.lanes * self._cfg.out_w)
        return unpack_probabilities(beats, self._cfg).y
