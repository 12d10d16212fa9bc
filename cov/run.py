"""``make cov``: play a part of the regression, and say what of the RTL and of the plan it reached.

A set that was played before, with the same RTL, testbench and seed, is not played again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from cov import page, points, waivers
from cov.plan import Plan
from cov.sets import Measured, measured
from softmax_cosim.commit import commit
from softmax_cosim.configs import UsageError
from softmax_cosim.paths import ROOT
from softmax_cosim.simulation import power_up
from softmax_cosim.simulation.regression import built, run
from softmax_cosim.targets import ended

BUILDS = ROOT / "build" / "cov"
REPORT = ROOT / "docs" / "coverage.md"
#: Verilator leaves out signals that are wider than this.
_WIDEST = 100_000
_COUNTED = ("--coverage-line", "--coverage-toggle", "--coverage-max-width", str(_WIDEST))
#: Least share of lines and toggles, in percent.
LEAST = {"line": 99.0, "toggle": 97.0}
_TIME_LIMIT = 3600.0
#: What only batches need, and what writes files.
_ELSEWHERE = ("golden/render", "tb/bulk", "tb/lean", "tb/fork_server", "tb/server")


def main(words: Sequence[str] | None = None) -> int:
    """0 if enough was reached, 1 if not, or if a case or a waiver is wrong; 2 for bad input."""
    parser = argparse.ArgumentParser(prog="python -m cov.run", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of all that cases draw (default 1)")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="at a time")
    parser.add_argument("--only", nargs="*", default=[], help="sets whose name has such a word")
    parser.add_argument("--out", type=Path, default=REPORT, help="the page (default: %(default)s)")
    options = parser.parse_args(words)
    return ended("cov", lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    every = measured()
    chosen = [one for one in every if not options.only or _named(one, options.only)]
    if not chosen:
        raise UsageError(f"no parameter set has {' or '.join(options.only)} in its name")
    found = _play(chosen, options.seed, options.jobs)
    if any(problems for _, problems in found):
        return 1
    return _judge(chosen, [folder for folder, _ in found], options)


def _named(one: Measured, words: Iterable[str]) -> bool:
    return any(word in one.cfg.name for word in words)


def _play(chosen: Sequence[Measured], seed: int, jobs: int) -> list[tuple[Path, list[str]]]:
    """The folder of each set's data, and the cases that failed."""
    with ThreadPoolExecutor(jobs) as threads:
        futures = {threads.submit(play, one, seed): one for one in chosen}
        for n, future in enumerate(as_completed(futures), start=1):
            _, problems = future.result()
            print(f"[{n}/{len(futures)}] {futures[future].cfg.name}", *problems, sep="\n  ")
        return [future.result() for future in futures]


def play(one: Measured, seed: int) -> tuple[Path, list[str]]:
    """Play the cases of a set, unless that was done: the folder of its data, and what failed."""
    core = built(
        one.cfg,
        top=one.top,
        name=f"cov-{one.cfg.name}",
        parameters=one.parameters,
        args=_COUNTED,
        profile="once",
    )
    folder = BUILDS / f"{one.cfg.name}-{_digest(core.folder.name, one, seed)}"
    done = folder / "done"
    if done.is_file():
        return folder, []
    folder.mkdir(parents=True, exist_ok=True)
    seen = folder / "seen.jsonl"
    seen.unlink(missing_ok=True)
    outcomes = run(
        core,
        one.cfg,
        one.cases,
        seed=seed,
        draw=power_up.ZEROS,
        coverage=folder / "coverage.dat",
        further=one.further,
        extra={"seen": str(seen)},
        timeout=_TIME_LIMIT,
    )
    problems = [f"{name}: {end.text}" for name, end in outcomes.items() if not end.passed]
    if not problems:
        done.write_text(f"{len(outcomes)} cases\n")
    return folder, problems


def _digest(build: str, one: Measured, seed: int) -> str:
    """Of what shapes the data: the build, golden, and what of the testbench is at work."""
    others = (*_ELSEWHERE, "tb/cases/" if one.top == "softmax_axil" else "axil")
    digest = hashlib.sha256(f"{build} {seed} {' '.join(one.cases)}".encode())
    for room in ("configs", "golden", "tb"):
        for file in sorted((ROOT / room).rglob("*.py")):
            if not any(word in str(file.relative_to(ROOT)) for word in others):
                digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def _judge(chosen: Sequence[Measured], folders: Sequence[Path], options: argparse.Namespace) -> int:
    simulations = [list(points.read(folder / "coverage.dat")) for folder in folders]
    counts = points.merged(simulations)
    every = waivers.load()
    plan = Plan()
    for one, folder in zip(chosen, folders, strict=True):
        lines = (folder / "seen.jsonl").read_text(encoding="utf-8").splitlines()
        plan.sample(one.cfg, map(json.loads, lines))
    result = page.Result(
        counts=counts,
        instances=points.tally(simulations),
        waivers=every,
        plan=plan,
        measured=chosen,
        cases=sum(len(one.cases) for one in chosen),
        seed=options.seed,
        commit=commit(),
    )
    whole = len(chosen) == len(measured())
    faults = [*waivers.faults(every, counts), *_missed(result)] if whole else []
    if whole:
        options.out.write_text(page.written(result), encoding="utf-8")
    _tell(result, print)
    for fault in faults:
        print(f"cov: {fault}", file=sys.stderr)
    return 1 if faults else 0


def _missed(result: page.Result) -> Iterable[str]:
    """What is below its least, and what of the plan is missing."""
    for kind, least in LEAST.items():
        reached, total = result.share(kind)
        if 100 * reached < least * total:
            yield f"{100 * reached / total:.2f} % of {kind}s were reached, and {least:g} must be"
    yield from (f"the plan lacks {item}" for item in result.plan.missed())
    yield from (f"the plan says this cannot be: {item}" for item in sorted(result.plan.strange))


def _tell(result: page.Result, say: Callable[[str], None]) -> None:
    for kind in points.KINDS:
        reached, total = result.share(kind)
        say(f"{kind}: {reached} of {total}, {100 * reached / total:.2f} %")
    reached, total = result.planned()
    say(f"plan: {reached} of {total}, {100 * reached / total:.2f} %")
    for place in page.places(result):
        say(f"  not reached: {place}")


if __name__ == "__main__":
    sys.exit(main())
