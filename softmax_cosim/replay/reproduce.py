"""The command that shows a failing row again: tried before it is printed.

A row that fails does not always fail alone: a register may still hold what an earlier row left in
it. So the rows before it, from the reset on, are taken along, as few as it takes.
"""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from softmax_cosim.golden.rows import Results, Rows
from softmax_cosim.measure import Slice
from softmax_cosim.plan import Design
from softmax_cosim.report import Failure
from softmax_cosim.simulation.cache import stopping
from softmax_cosim.simulation.simulator import Broken, Simulator

__all__ = ["SECONDS", "Fails", "Played", "Reproducer", "fewest"]

#: Time spent on the failures of a run, builds apart; what comes after that is printed untried.
SECONDS = 300.0


@dataclass(frozen=True)
class Played:
    """What came out of a batch."""

    results: Results
    broken: bool
    """The design broke the rules of its streams."""


#: Whether the last row of a batch, which has these places in its slice, shows a failure, from what
#: came out of it from each draw.
Fails = Callable[[Sequence[Played], Sequence[int]], bool]


class Late(Exception):
    """There is no time left."""


def fewest(place: int, fails: Callable[[Sequence[int], bool], bool]) -> list[int] | None:
    """The fewest rows up to and with ``place`` after which that one still fails.

    Args:
        place: of the row that failed, among those played since the reset.
        fails: plays rows, by place, and says whether the last of them fails; from a fresh start
            when the second argument is True, which is slow.

    Returns:
        Places that were seen to fail from a fresh start: of the row alone, of one earlier row and
        it, or of it and those right before; None when even all of them do not.
    """
    for rows in _candidates(place, lambda rows: fails(rows, False)):
        if fails(rows, True):
            return list(rows)
    # What a process has played before may change what it does: once more without that.
    for rows in ([place], range(place + 1)):
        if fails(rows, True):
            return list(rows)
    return None


def _candidates(place: int, fails: Callable[[Sequence[int]], bool]) -> Iterator[Sequence[int]]:
    """Rows that fail in a process that has played others, the fewest first."""
    if fails([place]):
        yield [place]
    if place == 0 or not fails(range(place + 1)):
        return
    low, high = 0, place  # it fails with the rows from low on, it does not with those from high on
    while high - low > 1:
        middle = (low + high) // 2
        if fails(range(middle, place + 1)):
            low = middle
        else:
            high = middle
    if fails([low, place]):
        yield [low, place]
    yield range(low, place + 1)


class Reproducer:
    """Plays failing rows again as the printed command will: the same executable, stalls, draw."""

    def __init__(self, design: Design, args: argparse.Namespace) -> None:
        """Nothing is built or started before it is needed."""
        self._design, self._args = design, args
        self._simulators: dict[str, Simulator] = {}
        self._left = SECONDS

    def __call__(
        self, failure: Failure, part: Slice, place: int, draws: Sequence[str], fails: Fails
    ) -> Failure:
        """The failure with a command that was seen to show it, or with the reason why not.

        Args:
            failure: what is wrong with a row.
            part: the slice in which it is.
            place: its place there.
            draws: the power-up draws that it takes.
            fails: told what came from each draw, and whether the last of the rows shows the
                failure.
        """

        def seen(places: Sequence[int], fresh: bool) -> bool:
            rows = taken(part.rows, places)
            return fails([self._play(rows, draw, fresh) for draw in draws], places)

        try:
            places = fewest(place, seen)
        except Late:
            advice = "there was no time left to try it; replay it with"
            return self._advised(failure, part, [place], draws, advice)
        if places is None:
            return dataclasses.replace(
                failure,
                advice="it did not fail again from reset, alone or after the rows before it; "
                "the whole run was",
                command=shlex.join(["cosim", *sys.argv[1:]]),
            )
        advice = "replay it with"
        if len(places) > 1:
            before = "a row" if len(places) == 2 else f"{len(places) - 1} rows"
            advice = f"it takes {before} before it; replay them with"
        return self._advised(failure, part, places, draws, advice)

    def close(self) -> None:
        """End the simulators."""
        for simulator in self._simulators.values():
            simulator.close()

    def _advised(
        self,
        failure: Failure,
        part: Slice,
        places: Sequence[int],
        draws: Sequence[str],
        advice: str,
    ) -> Failure:
        command = f"{part.command(places, draws=draws)} --waves"
        return dataclasses.replace(failure, advice=advice, command=command)

    def _play(self, rows: Rows, draw: str, fresh: bool) -> Played:
        """Play rows from reset; from power-up if ``fresh``."""
        if self._left < 0 or stopping.is_set():
            raise Late
        if draw not in self._simulators:
            self._simulators[draw] = Simulator(
                self._design.cfg, self._args.transport, traceable=True, draw=draw
            )
        simulator = self._simulators[draw]
        begun = time.perf_counter()
        try:
            if fresh:
                simulator.close()
            return Played(simulator.run(rows, self._args.stalls, self._args.seed), broken=False)
        except Broken as broken:
            return Played(broken.results, broken=True)
        finally:
            self._left -= time.perf_counter() - begun


def taken(rows: Rows, places: Sequence[int]) -> Rows:
    """Some rows, in this order."""
    parts = [slice(rows.offsets[place], rows.offsets[place + 1]) for place in places]
    offsets = np.append(0, np.cumsum(rows.lengths[list(places)]))
    return Rows(
        np.concatenate([rows.q[part] for part in parts]),
        np.concatenate([rows.keep[part] for part in parts]),
        offsets.astype(np.int64),
    )
