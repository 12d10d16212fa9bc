"""Shards that workers of a cluster play: rows go there, figures come back.

A shard is known by a hash of all that its outcome is made from: the same shard is played once, for
whoever asks, and again on another worker if that one dies.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import uuid
from collections import Counter
from dataclasses import dataclass
from threading import Lock
from types import TracebackType
from typing import Self

from safetensors import SafetensorError

from softmax_cosim import cluster
from softmax_cosim.cluster import Cluster
from softmax_cosim.cluster.identity import Files, Identity
from softmax_cosim.configs import Config
from softmax_cosim.golden.exchange import Broken
from softmax_cosim.replay.journal import Journal, repeatable
from softmax_cosim.replay.shard import Outcome, Playing, Shard
from softmax_cosim.replay.wire import packed, unpacked
from softmax_cosim.simulation.build import Build
from softmax_cosim.simulation.cache import read_for
from softmax_cosim.simulation.simulator import Simulator, SimulatorCrash

__all__ = ["There"]


@dataclass(frozen=True)
class _Bench:
    """Where a shard is to be played."""

    transport: str
    draw: str
    first: bool
    """From power-up, as the first one of a draw is on one machine; others follow others."""
    files: Files
    """Of a design of the user's own."""


class There:
    """The workers of a cluster, as those who play the shards of one design."""

    def __init__(
        self,
        cfg: Config,
        draws: tuple[str, ...],
        transport: str,
        workers: Cluster,
        journal: Journal,
    ) -> None:
        """Build the simulation here as well, as failing rows are looked at here.

        Raises:
            UsageError: as :class:`Simulator`.
        """
        self.draws, self.warnings = draws, Counter[str]()
        self._transport, self._workers, self._journal = transport, workers, journal
        self._keeps = repeatable(cfg)
        with Simulator(cfg, transport) as simulator:
            self.build: Build = simulator.build
        self._files = cluster.files_of(cfg, read_for(self.build.folder))
        self._begun: set[int] = set()
        self._run = uuid.uuid4().hex

    @property
    def ahead(self) -> int:
        """Enough for every worker to have the next one when it is done."""
        return 2 * self._workers.slots + 1

    def start(self) -> None:
        """Workers start simulators when they need them."""

    def __enter__(self) -> Self:
        """The field itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """What is under way is dropped with the connection."""

    def play(self, shard: Shard, place: int) -> Playing:
        """Have a shard played, unless it was."""
        bench = _Bench(self._transport, self.draws[place], place not in self._begun, self._files)
        self._begun.add(place)
        alone = dataclasses.replace(shard, part=shard.part.alone())
        key = _key(self._workers.identity, alone, bench)
        if self._keeps and (data := self._journal.find(key)) is not None:
            with contextlib.suppress(ValueError, KeyError, SafetensorError):
                outcome = self._taken(shard, data)
                return Playing(lambda: outcome)
        args = alone, bench, len(self.draws), self._workers.identity, self._run
        played = self._workers.submit(f"cosim-{key.hex()}", _play, *args)

        def finish() -> Outcome:
            data = self._workers.result(played)
            if self._keeps:
                self._journal.keep(key, data)
            return self._taken(shard, data)

        return Playing(finish)

    def _taken(self, shard: Shard, data: bytes) -> Outcome:
        outcome, warnings = unpacked(shard.part, data)
        self.warnings.update(warnings)
        return outcome


def _key(identity: Identity, shard: Shard, bench: _Bench) -> bytes:
    part = shard.part
    about = {
        "identity": dict(identity),
        "config": dataclasses.asdict(part.design.cfg),
        "shard": [shard.stalls, shard.seed, shard.predictable, shard.errors],
        "bench": dataclasses.asdict(bench),
        "named": f"{part.planned.trace.path}: {part.layer.name}",  # in what is said of bad scores
        "scores": [part.layer.scores.shape, part.layer.scores.dtype.str],
    }
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    digest.update(part.layer.scores.tobytes())
    if part.layer.mask is not None:
        digest.update(part.layer.mask.tobytes())
    return digest.digest()


# In a worker process.

_Key = tuple[str, Config, str, str]


class _Idle:
    """Simulators that wait for more of the same, the one used last at the end."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: list[tuple[_Key, Simulator]] = []

    def take(self, key: _Key) -> Simulator | None:
        """One that plays this, if there is any."""
        with self._lock:
            for place, (known, simulator) in enumerate(self._waiting):
                if known == key:
                    del self._waiting[place]
                    return simulator
        return None

    def give(self, key: _Key, simulator: Simulator, most: int) -> None:
        """Have it wait, and at most so many; those that waited longest are ended."""
        with self._lock:
            self._waiting.append((key, simulator))
            ended, self._waiting = self._waiting[:-most], self._waiting[-most:]
        for _, gone in ended:
            gone.close()


_idle = _Idle()


def _play(shard: Shard, bench: _Bench, draws: int, identity: Identity, run: str) -> bytes:
    """Play and measure a shard; returns what :func:`.wire.packed` does.

    Args:
        shard: the rows as a tensor of their own.
        bench: where to play them.
        draws: how many there are, and so simulators that are worth keeping.
        identity: what the client is, and we must be.
        run: for which run; simulators are not shared between any two.
    """
    cluster.check(identity)
    cluster.check_files(bench.files)
    cfg = shard.part.design.cfg
    key = run, cfg, bench.transport, bench.draw
    simulator = None if bench.first else _idle.take(key)
    if simulator is None:
        simulator = Simulator(cfg, bench.transport, draw=bench.draw)
    before = Counter(simulator.warnings)
    try:
        outcome = _outcome(shard, simulator)
    except BaseException:
        simulator.close()
        raise
    warnings = simulator.warnings - before
    _idle.give(key, simulator, 2 * draws)  # two runs at once
    return packed(outcome, warnings)


def _outcome(shard: Shard, simulator: Simulator) -> Outcome:
    rows = shard.part.rows
    try:
        try:
            results = simulator.run(rows, shard.stalls, shard.seed)
        except SimulatorCrash:  # somebody may have killed it: once more, in a new one
            results = simulator.run(rows, shard.stalls, shard.seed)
    except Broken as error:
        return shard.outcome(error.results, str(error))
    return shard.outcome(results)
