"""What tests played, in the terms of the functional plan (``cov/plan.py``), as the monitors saw it.

A test that is asked to (``seen`` in its ``setup``) adds a line of JSON to a file: how many rows,
resets and accesses there were of each class.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from softmax_cosim.configs import Config
from softmax_cosim.configs.stalls import PATTERNS, Pattern, StallProfile
from softmax_cosim.tb.pack import ERROR_BIT, EXPONENT_SHIFT, Beat
from softmax_cosim.tb.transactions import StreamRow

__all__ = ["Seen", "length_class", "malformed_classes", "mask_class"]

_NAMES = {pattern: name for name, pattern in PATTERNS.items()}


def length_class(cfg: Config, elements: int) -> str:
    """How the elements of a row fill its beats."""
    if elements in (1, cfg.max_len):
        return "one" if elements == 1 else "longest"
    if elements <= cfg.lanes:
        return "a beat" if elements == cfg.lanes else "part of a beat"
    return "part of the last beat" if elements % cfg.lanes else "whole beats"


def mask_class(beats: Sequence[Beat]) -> str:
    """Which of a row's elements take no part."""
    live = [keep & ~user for _, keep, user, _ in beats]
    if not any(live):
        return "all"
    if all(alive == keep for alive, (_, keep, _, _) in zip(live, beats, strict=True)):
        return "none"
    return "some" if all(live) else "a whole beat"


def malformed_classes(cfg: Config, beats: Sequence[Beat]) -> Iterator[str]:
    """Each way in which a row breaks the rules of the stream."""
    full = 2**cfg.lanes - 1
    for place, (_, keep, _, last) in enumerate(beats):
        where = "the last beat" if last else "a beat before"
        if place >= cfg.max_beats:
            continue
        if keep & (keep + 1):
            yield f"hole in {where}"
        elif not keep:
            yield f"{where} empty"
        elif not last and keep != full:
            yield f"{where} partial"
    elements = sum(keep.bit_count() for _, keep, _, _ in beats)
    if elements == cfg.max_len + 1:
        yield "an element too long"
    elif elements > cfg.max_len:
        yield "beats too long"


def _name(pattern: Pattern) -> str:
    return _NAMES.get(pattern, "other")


class Seen:
    """Counts of one test."""

    def __init__(self, cfg: Config, path: str | None) -> None:
        """Counts that :meth:`write` adds to the file at ``path``; none are kept without one."""
        self._cfg, self._path = cfg, path
        self._counts: Counter[tuple[str, ...]] = Counter()
        self._after = ""

    def reset(self, cycles: int, *, soft: bool, going_in: bool, waiting: bool) -> None:
        """A reset of so many edges, with a row half in, or rows in that are not yet out."""
        kind = "soft" if soft else "one edge" if cycles == 1 else "longer"
        state = "a row half in" if going_in else "rows waiting" if waiting else "idle"
        self._after = kind
        self._add("reset", kind, state)

    def rows(
        self, sent: Sequence[StreamRow], received: Sequence[StreamRow], stalls: StallProfile
    ) -> None:
        """Rows, and what came out of each."""
        source, sink = _name(stalls.source), _name(stalls.sink)
        if self._path is None:
            return
        for row, got in zip(sent, received, strict=True):
            status = got.beats[0][2]
            after, self._after = self._after, "a row"
            if status & ERROR_BIT:
                for kind in {*malformed_classes(self._cfg, row.beats)}:
                    self._add("malformed", kind, source, sink, after)
                continue
            elements = sum(keep.bit_count() for _, keep, _, _ in row.beats)
            length, mask = length_class(self._cfg, elements), mask_class(row.beats)
            self._add("row", length, mask, source, sink, after)
            if self._cfg.row_exp:
                self._add("exponent", str(status >> EXPONENT_SHIFT))

    def access(self, how: str, place: str, answer: str, busy: bool, both: bool) -> None:
        """An access over AXI4-Lite, taken in one cycle, perhaps with one the other way."""
        self._add(
            "access", how, place, answer, "busy" if busy else "idle", "both" if both else "alone"
        )

    def _add(self, *what: str) -> None:
        if self._path is not None:
            self._counts[what] += 1

    def write(self) -> None:
        """Add what was counted to the file."""
        if self._path is not None and self._counts:
            with Path(self._path).open("a", encoding="utf-8") as file:
                file.write(json.dumps([[*what, n] for what, n in self._counts.items()]) + "\n")
            self._counts.clear()
