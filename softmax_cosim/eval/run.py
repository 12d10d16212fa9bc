"""``cosim eval``: tasks with the model's own softmax and with each configuration in its place.

A cell is one task with one softmax, kept in a file; :mod:`.steps` fills those that are not whole,
and at the end the report is made from them.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import re
import shlex
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from softmax_cosim import cluster, configs, console
from softmax_cosim.commit import commit
from softmax_cosim.compare import check, subjects
from softmax_cosim.configs import Config, UsageError
from softmax_cosim.eval import Source, Task, hashes, load, record, report
from softmax_cosim.eval.arguments import asked
from softmax_cosim.eval.cells import Cell, Planned
from softmax_cosim.eval.provenance import code, versions
from softmax_cosim.eval.results import CellResult, Evaluation, TaskResult
from softmax_cosim.eval.statistics import Baseline
from softmax_cosim.eval.steps import make
from softmax_cosim.names import distinct_files

__all__ = ["CONFIGS", "run"]

#: What is evaluated unless told otherwise: every method at every precision, and the variants.
CONFIGS = (
    *(f"{method}_{precision}" for precision in configs.PRECISIONS for method in configs.METHODS),
    "rexp_uint8_xs16",
    "rexp_uint8_msb",
    "rexp_int16_msb",
    "split_uint8_rowexp",
    "split_int16_rowexp",
)
INTERRUPTED = 130
VERSION = 2


def run(args: argparse.Namespace) -> int:
    """Evaluate and write the report.

    Args:
        args: the options of ``cosim eval``, as :mod:`.cli` parses them.

    Returns:
        0; 1 after a row in which RTL and golden model differ, or when a limit of ``--fail-on``
        does not hold; 130 when interrupted.

    Raises:
        UsageError: bad input, something that is not installed, or a worker that died.
    """
    where, sources = cluster.asked(args), asked(args)
    if args.record is not None:
        return record.run({name: load(name, source) for name, source in sources.items()}, args)
    named, twice = distinct_files(args.config or CONFIGS, configs.path_of)
    chosen = _distinct([configs.load(name) for name in named])
    for cfg in chosen:
        if args.engine == "rtl" and cfg.design and not cfg.design.rtl:
            raise UsageError(
                f"{cfg.name} is a golden model without RTL; leave --engine rtl out, "
                "or the configuration"
            )
    tasks = {name: load(name, source) for name, source in sources.items()}
    _check(tasks)
    limits = check.limits_of(
        args.fail_on,
        designs=["float", *(config.name for config in chosen)],
        figures=subjects.task_figures(
            {task.name: [metric.name for metric in task.metrics] for task in tasks.values()}
        ),
    )
    terminal = console.make()
    for sentence in twice:
        terminal.print(sentence, style="dim", soft_wrap=True, highlight=False)
    with _locked(args.out):
        report.check(args.out)
        plan = {
            name: _planned(name, sources[name], task, (None, *chosen), args)
            for name, task in tasks.items()
        }
        again = [p.cell.path for cells in plan.values() for p in cells if p.cell.other]
        if again:
            terminal.print(
                f"begun again, as code, packages or options are others: {len(again)} of "
                f"{sum(map(len, plan.values()))} cells",
                style="yellow",
            )
        kept = [p for cells in plan.values() for p in cells if p.cell.steps]
        if kept:
            terminal.print(
                f"taken over from an earlier run, in whole or in part: {len(kept)} of "
                f"{sum(map(len, plan.values()))} cells",
                style="dim",
            )
        begun = time.perf_counter()
        try:
            make(plan, chosen if args.engine == "rtl" else [], args.jobs, terminal, where)
        except KeyboardInterrupt:
            print("interrupted; the same command goes on from here", file=sys.stderr)
            return INTERRUPTED
        found = Evaluation(
            command=shlex.join(["cosim", *sys.argv[1:]]),
            date=datetime.now(UTC),
            commit=commit(),
            versions=versions(),
            engine=args.engine,
            wall_s=time.perf_counter() - begun,
            tasks=tuple(_result(task, plan[name]) for name, task in tasks.items()),
        )
        report.write(found, args.out)
    report.print_summary(found, terminal, args.out)
    held = check.hold(limits, subjects.of_results(report.results(found)), terminal)
    return 0 if found.exact and held else 1


def _planned(
    name: str,
    source: Source | None,
    task: Task,
    chosen: Sequence[Config | None],
    args: argparse.Namespace,
) -> list[Planned]:
    """The cells of one task; None is its own softmax."""
    examples = min(len(task), args.limit or len(task))
    common = {
        "cell": VERSION,
        "task": task.name,
        "source": task.source,
        "hashes": hashes(task),
        "examples": examples,
        "batch": task.batch,
        "versions": versions(),
    }
    planned = []
    for config in chosen:
        kind = "float" if config is None else args.engine
        header = common | {
            "engine": kind,
            "config": None if config is None else report.parameters(config),
            "code": code(task, kind),
        }
        design = config and config.design
        if design and (design.rtl or not design.golden.startswith("softmax_cosim.")):
            # What its golden function imports and its design includes or reads is not known here:
            # what an earlier run made may be of something else.
            header["run"] = uuid.uuid4().hex
        file = "float" if config is None else f"{config.name}.{kind}"
        cell = Cell(args.out / "cells" / task.name / f"{file}.jsonl", header)
        planned.append(Planned(name, source, config, kind, examples, task.batch, cell))
    return planned


def _result(task: Task, cells: Sequence[Planned]) -> TaskResult:
    """The figures of one task."""
    own, *others = cells
    baseline = Baseline(task, own.cell.predictions)
    results = []
    for planned in others:
        cell, config = planned.cell, planned.config
        assert config is not None
        through_rtl = planned.kind == "rtl"
        results.append(
            CellResult(
                config=config,
                losses=baseline.losses(cell.predictions),
                agreement=baseline.agreement(cell.predictions),
                rows=cell.total("rows"),
                elements=cell.total("elements"),
                cycles=cell.total("cycles") if through_rtl else None,
                mismatches=cell.total("mismatches")
                or (0 if through_rtl and config.golden else None),
                first=cell.first,
                layers=cell.layers,
                account=cell.account,
                seconds=cell.total("seconds"),
            )
        )
    return TaskResult(
        name=task.name,
        title=task.title,
        source=task.source,
        hashes=hashes(task),
        examples=own.examples,
        out_of=len(task),
        baseline=baseline.figures,
        seconds=own.cell.total("seconds"),
        cells=tuple(results),
    )


def _distinct(chosen: Sequence[Config]) -> Sequence[Config]:
    """Refuse two configurations of one name."""
    seen: set[str] = set()
    for config in chosen:
        if config.name in seen:
            raise UsageError(f"two configurations are called {config.name}; rename one file")
        seen.add(config.name)
    return chosen


def _check(tasks: dict[str, Task]) -> None:
    """Refuse names that cannot be told apart or cannot be those of a folder, and empty tasks."""
    seen: dict[str, str] = {}
    for given, task in tasks.items():
        if not re.fullmatch(r"\w[\w.-]*", task.name):
            raise UsageError(f"task {given}: its name is {task.name!r}; use letters and digits")
        if task.name in seen:
            raise UsageError(f"tasks {seen[task.name]} and {given} are both called {task.name}")
        if len(task) < 1 or task.batch < 1:
            raise UsageError(
                f"task {given}: {len(task)} examples in steps of {task.batch}; give 1 or more"
            )
        seen[task.name] = given


@contextlib.contextmanager
def _locked(out: Path) -> Iterator[None]:
    """The folder for us alone."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = os.open(out / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise UsageError(
            f"cannot write to the folder {out}: {error.strerror}; choose another one with --out"
        ) from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"another cosim eval works in the folder {out}; wait for it, or choose another "
                "one with --out"
            ) from None
        yield
    finally:
        os.close(lock)
