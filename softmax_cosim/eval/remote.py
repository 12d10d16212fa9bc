"""Steps of an evaluation that workers of a cluster do; each is known by what it is made from."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Collection, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from threading import Lock

from softmax_cosim import cluster
from softmax_cosim.cluster import Cluster, Files, Identity, Where
from softmax_cosim.configs import Config, UsageError
from softmax_cosim.eval import Source, hashes
from softmax_cosim.eval.cells import Planned, line_of
from softmax_cosim.eval.provenance import PACKAGES, own_files
from softmax_cosim.eval.worker import step, task_of
from softmax_cosim.paths import PACKAGE
from softmax_cosim.simulation.cache import read_for
from softmax_cosim.simulation.simulator import Simulator

__all__ = ["there"]


@dataclass(frozen=True)
class _Made:
    """What a worker's task must be made from, as ours is."""

    source: str
    hashes: tuple[tuple[str, str], ...]
    files: Files
    """Of the task, if it is none of this package."""
    design: Files
    """Of the configuration, likewise."""


class _There:
    """The workers of a cluster."""

    def __init__(self, workers: Cluster) -> None:
        self._workers = workers
        self._files, self._design = cache(_files), cache(_design)  # as they are in this run

    def submit(self, planned: Planned, part: range) -> Future[str]:
        name, source, *others = planned.work
        work = (_absolute(name), source and _found(source), *others)
        header = planned.cell.header
        made = _Made(
            header["source"],
            tuple(sorted(header["hashes"].items())),
            self._files(planned.name, planned.source),
            self._design(planned.config, planned.kind),
        )
        about = f"{dict(self._workers.identity)} {made} {part} {line_of(header)}"
        key = hashlib.sha256(about.encode()).hexdigest()
        identity = self._workers.identity
        return self._workers.submit(f"cosim-{key}", _step, work, part, made, identity)

    def completed(self, futures: Collection[Future[str]]) -> Iterator[Future[str]]:
        for future in self._workers.completed(futures):
            self._workers.result(future)
            yield future


@contextlib.contextmanager
def there(where: Where) -> Iterator[_There]:
    """Within the block, the workers of a cluster; errors as of :func:`.cluster.connected`."""
    with cluster.connected(where, PACKAGES) as workers:
        yield _There(workers)


def _files(name: str, source: Source | None) -> Files:
    paths = sorted(own_files(task_of(name, source)))
    return cluster.hashed(path for path in paths if not path.is_relative_to(PACKAGE))


def _design(config: Config | None, kind: str) -> Files:
    if config is None or config.design is None:
        return ()
    if kind != "rtl":
        return cluster.files_of(config)
    with Simulator(config) as simulator:
        return cluster.files_of(config, read_for(simulator.build.folder))


def _absolute(name: str) -> str:
    """The name of a task, wherever a worker may stand."""
    module, colon, factory = name.rpartition(":")
    return f"{Path(module).resolve()}:{factory}" if module.endswith(".py") and colon else name


def _found(source: Source) -> Source:
    """The same, likewise."""
    model = str(Path(source.model).resolve()) if Path(source.model).exists() else source.model
    return replace(source, model=model, data=source.data.resolve())


# In a worker process.

_one = Lock()
"""A model is changed while it runs: one step at a time."""
_loaded: dict[str, Files] = {}
"""Of each task, what it was loaded from."""

_Work = tuple[str, Source | None, Config | None, str, str]


def _step(work: _Work, part: range, made: _Made, identity: Identity) -> str:
    """Compute one step, if we are what the client is; returns its line."""
    with _one:
        cluster.check(identity)
        cluster.check_files(made.files)
        cluster.check_files(made.design)
        name, source, *_ = work
        if _loaded.setdefault(name, made.files) != made.files:
            raise UsageError(
                f"the worker {cluster.here()} has loaded an earlier version of the task {name}; "
                "start it anew"
            )
        task = task_of(name, source)
        if (task.source, tuple(sorted(hashes(task).items()))) != (made.source, made.hashes):
            raise UsageError(
                f"the worker {cluster.here()} has another model or other data for the task {name}"
            )
        return step(*work, 1, part)
