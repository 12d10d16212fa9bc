"""``make mutate``: make mutants, find the test that sees each one, and write who was not seen.

A run goes on where the last one stopped: what is in the results under the same seed and of the same
text is not tried again. ``--again`` tries survivors once more, after tests were added.
"""

from __future__ import annotations

import argparse
import os
import queue
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from mutation import equivalent, page, plan
from mutation.copy import Copy
from mutation.mutant import Mutant, named
from mutation.sample import everything, maker, sample, sources
from mutation.verdict import SURVIVED, Ending, Record, append, read
from softmax_cosim.commit import commit
from softmax_cosim.configs import UsageError
from softmax_cosim.paths import ROOT, built_in
from softmax_cosim.simulation.cache import stopping
from softmax_cosim.targets import ended

BUILDS = ROOT / "build" / "mutation"
REPORT = ROOT / "reports" / "mutation"
#: Of so many mutants of the RTL a build for all of them is worth its time.
_SHARE = 6


def main(words: Sequence[str] | None = None) -> int:
    """0 if every mutant is seen or argued, 1 if not, 2 for bad input."""
    parser = argparse.ArgumentParser(prog="python -m mutation.run", description=__doc__)
    parser.add_argument("--module", nargs="*", default=[], help="only files with such a name")
    parser.add_argument("--limit", type=int, default=600, help="mutants in all (default 600)")
    parser.add_argument("--seed", type=int, default=1, help="of the sample and of all tests")
    parser.add_argument(
        "--sets", type=int, default=0, help="sets, or runs of pytest, a mutant (0: all)"
    )
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="at a time")
    parser.add_argument("--again", action="store_true", help="try survivors once more")
    parser.add_argument("--name", nargs="*", default=[], help="these mutants, tried in any case")
    parser.add_argument("--list", action="store_true", help="show the mutants, and try none")
    parser.add_argument("--page", action="store_true", help="write the page of what is known")
    parser.add_argument("--out", type=Path, default=REPORT, help="folder of the results")
    options = parser.parse_args(words)
    return ended("mutate", lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    if min(options.limit, options.jobs) < 1 or options.sets < 0:
        raise UsageError("--limit and --jobs are 1 at least, --sets is 0 (all) or more")
    entries = equivalent.load()
    _check(entries)
    if options.name:
        chosen = [named(name, maker) for name in options.name]
    else:
        chosen = sample(sources(options.module), options.limit, options.seed)
    if options.list:
        for mutant in chosen:
            before, after = mutant.diff
            print(f"{mutant.name}\n  - {before}\n  + {after}")
        return 0
    results = options.out / "results.jsonl"
    known = read(results)
    waiting = [
        mutant
        for mutant in chosen
        if options.name
        or mutant.digest not in known
        or (options.again and known[mutant.digest].status == SURVIVED)
    ]
    if not options.page:
        print(f"mutate: {len(chosen)} mutants, {len(waiting)} to try", flush=True)
        _try(waiting, chosen, options, results)
    known = read(results)
    done = [known[mutant.digest] for mutant in chosen if mutant.digest in known]
    page.write(options.out, done, entries)
    return _summary(done, entries, options.out, len(chosen) - len(done))


def _check(entries: Sequence[equivalent.Equivalent]) -> None:
    """Every entry of the list speaks of a mutant that there is, and of one.

    Raises:
        UsageError: one does not.
    """
    there = {file for file in sources() if any(entry.file == file for entry in entries)}
    changes = [
        (mutant.file, mutant.site.operator, *mutant.diff)
        for mutants in everything(sorted(there))
        for mutant in mutants
        if any(mutant.line in entry.line for entry in entries if entry.file == mutant.file)
    ]
    for entry, count in equivalent.misfits(entries, changes):
        raise UsageError(
            f"{equivalent.LIST.name}: {entry.file} has {count or 'no'} line{'s'[:count]} "
            f"{entry.line!r} that {entry.operator} turns into {entry.becomes!r}; "
            "delete or correct the entry"
        )


def _try(
    waiting: Sequence[Mutant],
    chosen: Sequence[Mutant],
    options: argparse.Namespace,
    results: Path,
) -> None:
    """Try mutants, each in a thread, and write each as it ends.

    Builds are of all that were chosen, so that a run that goes on finds those of the last one.
    """
    from mutation.rtl import Judge  # cocotb and pyslang: nothing that a list needs

    tree, writing, told = commit(), threading.Lock(), set[str]()
    copies: queue.SimpleQueue[Copy] = queue.SimpleQueue()
    if any(not plan.simulated(mutant.file) for mutant in waiting):
        for job in range(options.jobs):
            copies.put(Copy(BUILDS / f"copy{job}"))
    sharing = [mutant for mutant in chosen if plan.simulated(mutant.file)]
    sharing = sharing if len(sharing) >= _SHARE else []
    judge = Judge(BUILDS / "overlays", sharing, options.sets, options.seed)

    def ended(mutant: Mutant, ending: Ending, begun: float) -> None:
        with writing:
            append(results, Record.of(mutant, ending, time.monotonic() - begun, tree))
            told.add(mutant.name)
            name = f"{mutant.name}  {ending.by}"
            print(f"{len(told):4} {ending.status:14} {name}", flush=True)

    def one(mutant: Mutant) -> None:
        begun = time.monotonic()
        if plan.simulated(mutant.file):
            ending = judge.end_of(mutant)
        else:
            copy = copies.get()
            try:
                ending = copy.end_of(mutant, plan.stages(mutant.file)[: options.sets or None])
            finally:
                copies.put(copy)
        ended(mutant, ending, begun)

    with built_in(BUILDS), ThreadPoolExecutor(options.jobs) as pool:
        begun = time.monotonic()
        for mutant, ending in judge.together(waiting, options.jobs):
            ended(mutant, ending, begun)
            begun = time.monotonic()
        tries = [pool.submit(one, mutant) for mutant in waiting if mutant.name not in told]
        try:
            for future in as_completed(tries):
                future.result()
        except BaseException:
            stopping.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _summary(
    done: Sequence[Record], entries: Sequence[equivalent.Equivalent], out: Path, left: int
) -> int:
    counts = Counter(page.standing(record, entries) for record in done)
    print(", ".join(f"{count} {status}" for status, count in sorted(counts.items())))
    print(f"mutate: score {page.score(counts)}; {left} not tried; {out / 'index.html'}")
    return 1 if counts[SURVIVED] or left else 0


if __name__ == "__main__":
    sys.exit(main())
