"""A Dask cluster of two worker processes on the loopback device, for all tests of a file."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from softmax_cosim import selection
from softmax_cosim.cluster import Cluster
from softmax_cosim.trace import Layer, write


class Workers:
    """The cluster, and what befalls it."""

    def __init__(self, cluster: Any) -> None:
        self.cluster = cluster
        self.address: str = cluster.scheduler_address

    def kill_one(self) -> str:
        """Kill a worker process at work, or else one with a result; returns its address.

        While a test is in here nothing is submitted, so workers may have come to the end of all
        that was, but what they made is still to be taken.
        """
        found: list[Any] = []
        while not found:
            every = list(self.cluster.scheduler.workers.values())
            found = [w for w in every if w.processing] or [w for w in every if w.has_what]
            time.sleep(0.01)
        (process,) = [
            nanny.process.process.pid
            for nanny in self.cluster.workers.values()
            if nanny.worker_address == found[0].address
        ]
        os.kill(process, signal.SIGKILL)
        return found[0].address

    def come_to_an_end(self) -> None:
        """Wait until no worker has anything to do."""
        while any(w.processing for w in list(self.cluster.scheduler.workers.values())):
            time.sleep(0.01)


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """A shell that runs the tests in the background has them ignore the interrupt."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    distributed = pytest.importorskip("distributed", reason="the extra cluster is not installed")
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
    ) as cluster:
        yield Workers(cluster)


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A trace of 150 rows in three layers, with what real ones have, cut into 15 slices."""
    rng = np.random.default_rng(3)
    scores = rng.normal(0, 3, (2, 3, 15, 24)).astype(np.float32)
    scores[0, 0, 0] *= 80_000
    scores[1, 2, 3, 7:] = -np.inf
    mask = np.ones((2, 1, 15, 24), np.bool_)
    mask[1, 0, 4] = False
    mask[0, :, :, 20:] = False
    path = tmp_path_factory.mktemp("trace") / "small.safetensors"
    layers = [Layer(0, scores, mask), Layer(4, scores[1:, :, :, :16].astype(np.float16) / 8)]
    layers.append(Layer(7, scores[1:, :1]))
    write(path, layers, model="a model", source="a test")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(selection, "SLICE", 240)
        yield path


@pytest.fixture
def at_result(monkeypatch: pytest.MonkeyPatch) -> Any:
    """``at_result(k, what)`` has ``what`` called before the k-th result is taken."""
    real, seen = Cluster.result, [0]

    def arrange(number: int, what: Any) -> list[int]:
        def result(self: Cluster, future: Any) -> Any:
            seen[0] += 1
            if seen[0] == number:
                what()
            return real(self, future)

        monkeypatch.setattr(Cluster, "result", result)
        return seen

    return arrange
