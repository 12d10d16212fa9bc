"""``make faults``: kill, fill up, remove, change at random moments, and see that nothing is lost.

Trials are drawn from a seed: what is run, what happens to it, and when. ``--only`` and ``--first``
repeat one; when exactly it happens is up to the machine.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from faults.subject import SUBJECTS, Subject
from faults.trial import FAULTS, Failed, tried, undisturbed
from softmax_cosim.configs import UsageError
from softmax_cosim.targets import ended

__all__ = ["main", "trials"]


def main(words: Sequence[str] | None = None) -> int:
    """0 if everything held in every trial, 1 if not, 2 for bad input."""
    parser = argparse.ArgumentParser(prog="python -m faults.run", description=__doc__)
    parser.add_argument("--trials", type=int, default=200, help="how many (default 200)")
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn (default 1)")
    parser.add_argument("--first", type=int, default=0, help="number of the first (default 0)")
    parser.add_argument("--only", nargs="*", default=[], help="subjects and faults by a word")
    options = parser.parse_args(words)
    return ended("faults", lambda: _run(options))


def trials(seed: int) -> Iterator[tuple[Subject, str, int]]:
    """Subjects, faults and seeds without end: every pair in turn, in an order that is drawn."""
    rng = random.Random(seed)
    pairs = [
        (subject, fault)
        for subject, fault in itertools.product(SUBJECTS, FAULTS)
        if subject.replays or fault != "trace changed"
    ]
    while True:
        for subject, fault in rng.sample(pairs, len(pairs)):
            yield subject, fault, rng.randrange(2**32)


def _run(options: argparse.Namespace) -> int:
    if options.trials < 1 or options.first < 0:
        raise UsageError("--trials is 1 at least, --first 0")
    known: dict[str, tuple[dict[str, Any], float]] = {}
    failed, held = 0, Counter[str]()
    begun = time.monotonic()
    for number, (subject, fault, seed) in enumerate(trials(options.seed)):
        if number >= options.first + options.trials:
            break
        about = f"{subject.name}: {fault}"
        if number < options.first or not all(word in about for word in options.only):
            continue
        with tempfile.TemporaryDirectory(prefix="faults-") as folder:
            if subject.name not in known:
                (Path(folder) / "whole").mkdir()
                known[subject.name] = undisturbed(subject, Path(folder) / "whole")
            (Path(folder) / "trial").mkdir()
            try:
                came = tried(subject, fault, Path(folder) / "trial", *known[subject.name], seed)
                held[fault] += 1
            except Failed as error:
                failed, came = failed + 1, f"FAILED: {error}"
            print(f"{number:4} {about}: {came}", flush=True)
    print(f"faults: {sum(held.values())} held, {failed} failed, {time.monotonic() - begun:.0f} s")
    for fault, count in held.items():
        print(f"  {fault}: {count}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
