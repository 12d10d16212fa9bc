"""The scoreboard: what the input monitor saw, through the golden model, against the output.

Exact, or as close as a design of somebody's own promises; in order, and it must be drained: a row
that is missing, or that nobody sent, is a failure. Without a golden model frames alone are judged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from softmax_cosim.configs import Config
from softmax_cosim.golden.compare import apart
from softmax_cosim.golden.rows import Rows
from softmax_cosim.golden.softmax import PER_ROW, Outputs, of_driven
from softmax_cosim.tb.pack import (
    ERROR_BIT,
    Beats,
    Probabilities,
    malformed,
    unpack,
    unpack_probabilities,
)
from softmax_cosim.tb.transactions import StreamRow

__all__ = ["Mismatch", "Scoreboard"]

#: What comes out for a malformed row: tdata, tkeep, tuser (the error flag), tlast.
_ERROR: list[tuple[int, ...]] = [(0, 0, 1, 1)]

_SHOWN = 4  # beats in a message


@dataclass(frozen=True)
class Mismatch:
    """The first thing that is wrong, and the row to replay."""

    row: int
    """Position in the stream since the last reset."""
    text: str
    sent: StreamRow | None
    """None if nobody sent the row."""
    element: int | None = None
    """The first element with a wrong value, if the row is wrong in that."""


class Scoreboard:
    """Judges the rows of one stream since the last reset."""

    def __init__(self, cfg: Config, model: Callable[[Config, Rows], Outputs] = of_driven) -> None:
        """``model`` says what must come out."""
        self._cfg = cfg
        self._model = model
        self._base = 0

    def reset(self) -> None:
        """Start counting rows from 0 again."""
        self._base = 0

    def judge(self, sent: Sequence[StreamRow], received: Sequence[StreamRow]) -> Mismatch | None:
        """Compare everything that went in with everything that came out.

        Args:
            sent: rows the input monitor saw; every one must have come out.
            received: rows the output monitor saw, in order.

        Returns:
            The first mismatch, or None if every row is exact.
        """
        base, self._base = self._base, self._base + len(sent)
        count = min(len(sent), len(received))
        found = self._compare(sent[:count], received[:count], base) if count else None
        if found or len(sent) == len(received):
            return found
        row = base + count
        if len(sent) > count:
            return Mismatch(row, f"row {row} is lost: it went in and never came out", sent[count])
        beats = received[count].beats
        text = f"row {row} came out and nobody sent it; its first beat is {_show(beats[:1])}"
        return Mismatch(row, text, None)

    def _compare(
        self, sent: Sequence[StreamRow], received: Sequence[StreamRow], base: int
    ) -> Mismatch | None:
        cfg, in_bits = self._cfg, self._cfg.lanes * self._cfg.in_w
        bad = malformed(_beats(sent, in_bits), cfg)
        wanted = [
            _ERROR if b else [(keep, 0, last) for _, keep, _, last in row.beats]
            for row, b in zip(sent, bad, strict=True)
        ]
        got = [
            list(out.beats) if b else self._frame(out) for out, b in zip(received, bad, strict=True)
        ]
        # Rows from the first wrong frame on say nothing: they may be other rows than they seem.
        framed = next((n for n in range(len(sent)) if got[n] != wanted[n]), len(sent))
        good = [n for n in range(framed) if not bad[n]]
        if good:
            rows = unpack(_beats([sent[n] for n in good], in_bits), cfg)
            model = self._model(cfg, rows) if cfg.golden else _unknown(rows)
            actual = unpack_probabilities(
                _beats([received[n] for n in good], cfg.lanes * cfg.out_w), cfg
            )
            wrong_scale = np.repeat(actual.exponent != model.exponent, rows.lengths)
            expected = model.y if cfg.golden else None
            differ = np.flatnonzero(apart(cfg, expected, actual.y) | wrong_scale)
            if len(differ):
                at = int(differ[0])
                index = int(np.searchsorted(rows.offsets, at, "right")) - 1
                text, element = self._element(rows, model, actual, index, at)
                return _mismatch(base + good[index], sent[good[index]], text, element)
        if framed == len(sent):
            return None
        what = "is malformed, so one error beat" if bad[framed] else "is well formed, so its frame"
        return _mismatch(
            base + framed,
            sent[framed],
            f"it {what} must come out; expected {_show(wanted[framed])}, got {_show(got[framed])}",
        )

    def _frame(self, row: StreamRow) -> list[tuple[int, ...]]:
        """tkeep, tuser and tlast of each beat; a row exponent that stays the same left out."""
        scale = row.beats[0][2] & ~ERROR_BIT if self._cfg.row_exp else 0
        return [(keep, user ^ scale, last) for _, keep, user, last in row.beats]

    def _element(
        self, rows: Rows, model: Outputs, actual: Probabilities, index: int, at: int
    ) -> tuple[str, int]:
        """What is wrong at ``at`` in the batch, and which element of row ``index`` that is."""
        cfg, element = self._cfg, at - int(rows.offsets[index])
        beat, lane = divmod(element, cfg.lanes)
        if not cfg.golden:
            value = f"{actual.y[at]} ({cfg.real(actual.y[at]):.6f})"
            return f"element {element} (beat {beat}, lane {lane}) is no number: {value}", element
        expected, got = (
            f"{y} ({cfg.real(y) * 2.0**-e:.6f})"
            for y, e in (
                (model.y[at], int(model.exponent[index])),
                (actual.y[at], int(actual.exponent[index])),
            )
        )
        stages = ", ".join(
            f"{name} {values[index if name in PER_ROW else at]}"
            for name, values in model.stages.items()
        )
        text = (
            f"element {element} (beat {beat}, lane {lane}): expected {expected}, got {got}; "
            f"score {rows.q[at]} ({cfg.scores(rows.q[at]):g})"
            f"{'' if rows.keep[at] else ', masked'}; golden stages: {stages}"
        )
        return text, element


def _unknown(rows: Rows) -> Outputs:
    """What is known of rows without a golden model."""
    return Outputs(np.zeros(len(rows.q), np.uint16), {}, np.zeros(len(rows), np.uint8))


def _mismatch(row: int, sent: StreamRow, text: str, element: int | None = None) -> Mismatch:
    elements = sum(keep.bit_count() for _, keep, _, _ in sent.beats)
    return Mismatch(row, f"row {row} ({elements} elements): {text}", sent, element)


def _beats(rows: Sequence[StreamRow], width: int) -> Beats:
    return Beats.from_ints([beat for row in rows for beat in row.beats], width)


def _show(beats: Sequence[tuple[int, ...]]) -> str:
    """The fields of the first beats, as hexadecimal."""
    shown = [f"({', '.join(map(hex, beat))})" for beat in beats[:_SHOWN]]
    return " ".join(shown) + (f" and {len(beats) - _SHOWN} more" if len(beats) > _SHOWN else "")
