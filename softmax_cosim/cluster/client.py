"""The client of a Dask cluster: connect, submit, wait, and say what went wrong."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from typing import Any, TypeVar

from softmax_cosim.adapters import require
from softmax_cosim.cluster.arguments import Where
from softmax_cosim.cluster.identity import Identity, different, mine, refusal
from softmax_cosim.configs.errors import UsageError
from softmax_cosim.simulation.cache import Interrupted, stopping

__all__ = ["Cluster", "connected"]

CONNECT_SECONDS = 10.0
PATIENCE_SECONDS = 60.0
"""Without any worker, after which a run is given up."""
_BIT_SECONDS, _LOOK_SECONDS = 0.1, 2.0

_Result = TypeVar("_Result")


class Cluster:
    """A cluster that we are connected to."""

    def __init__(self, client: Any, address: str, identity: Identity) -> None:
        """Take over a ``distributed.Client``."""
        self._client, self._executor = client, client.get_executor(pure=False)
        self.address, self.identity = address, identity
        self._slots, self._looked, self._seen = 0, 0.0, time.monotonic()

    @property
    def slots(self) -> int:
        """Threads of all workers, as of a moment ago.

        Raises:
            UsageError: the scheduler is gone, or there was no worker for a minute.
        """
        now = time.monotonic()
        if now - self._looked > _LOOK_SECONDS:
            with self._said(), contextlib.suppress(TimeoutError):  # a busy one answers later
                self._slots = sum(self._client.nthreads().values())
            self._looked = time.monotonic()
            if self._slots:
                self._seen = self._looked
            elif self._looked - self._seen > PATIENCE_SECONDS:
                raise UsageError(
                    f"the scheduler {self.address} has had no worker for a minute; start some, "
                    "and the same command goes on from here"
                )
        return self._slots

    def submit(self, key: str, function: Callable[..., _Result], *args: Any) -> Future[_Result]:
        """Have ``function`` called by a worker; what has the same key is done once."""
        with self._said():
            future: Future[_Result] = self._executor.submit(function, *args, key=key)
        return future

    def result(self, future: Future[_Result]) -> _Result:
        """What a worker returned.

        Raises:
            Interrupted: see :data:`.simulation.cache.stopping`.
            UsageError: the cluster was lost, or workers died of it; or what the function raised.
        """
        next(self.completed([future]))
        with self._said():
            return future.result()

    def completed(self, futures: Collection[Future[_Result]]) -> Iterator[Future[_Result]]:
        """Each when it is done; errors as of :meth:`result`."""
        left = set(futures)
        while left:
            if stopping.is_set():
                raise Interrupted
            done, left = wait(left, _BIT_SECONDS, FIRST_COMPLETED)
            yield from done
            if not done:
                _ = self.slots  # or nobody would tell that all workers are gone

    @contextlib.contextmanager
    def _said(self) -> Iterator[None]:
        """Whatever the cluster objects to in the block is said in a sentence."""
        from distributed import KilledWorker

        try:
            yield
        except KilledWorker as error:
            raise UsageError(
                f"{error.allowed_failures + 1} workers died of the same piece of work, at last "
                f"{error.last_worker.address}; perhaps for want of memory: see its log"
            ) from None
        except (CancelledError, OSError) as error:
            raise UsageError(
                f"the scheduler {self.address} was lost ({_first_line(error)}); "
                "the same command goes on from here"
            ) from None
        except (ImportError, AttributeError) as error:
            raise UsageError(
                f"a worker cannot do what it was given ({error}); install there what is here"
            ) from None


@contextlib.contextmanager
def connected(where: Where, more: Iterable[str] = ()) -> Iterator[Cluster]:
    """Within the block, a cluster all of whose workers are what we are.

    Args:
        where: its scheduler.
        more: packages whose versions matter, besides those that always do.

    Raises:
        UsageError: the extra is not installed, nobody answers, there is no worker, or one is
            another than we are.
    """
    distributed = require("distributed", "cluster")
    _silenced("distributed", "tornado")
    client = _client(distributed, where)
    try:
        yield Cluster(client, where.address, _agreed(client, where, tuple(more)))
    finally:
        with contextlib.suppress(Exception):
            client.close(timeout=_LOOK_SECONDS)


def _silenced(*packages: str) -> None:
    """Whatever happens is said by us: some loggers of a package have levels of their own."""
    for name in [*packages, *logging.root.manager.loggerDict]:
        if name.partition(".")[0] in packages:
            logging.getLogger(name).setLevel(logging.CRITICAL)


def _client(distributed: Any, where: Where) -> Any:
    """A client, once a worker is there."""
    security = None
    try:
        if where.tls:
            ca, cert, key = where.tls
            security = distributed.Security(
                tls_ca_file=ca,
                tls_client_cert=cert,
                tls_client_key=key,
                require_encryption=True,
            )
        client = distributed.Client(
            where.address,
            security=security,
            timeout=CONNECT_SECONDS,
            set_as_default=False,
            name="cosim",
        )
    except Exception as error:  # whatever: of the operating system, TLS, another protocol
        raise UsageError(
            f"no Dask scheduler answers at {where.address} ({_first_line(error)}); "
            "start one there, or name another one with --scheduler"
        ) from None
    try:
        client.wait_for_workers(1, timeout=CONNECT_SECONDS)
    except Exception as error:
        client.close(timeout=_LOOK_SECONDS)
        if not isinstance(error, TimeoutError):
            raise UsageError(f"{where.address} is no Dask scheduler of ours ({error})") from None
        raise UsageError(
            f"the scheduler {where.address} has no workers; start some: dask worker {where.address}"
        ) from None
    return client


def _agreed(client: Any, where: Where, more: tuple[str, ...]) -> Identity:
    """What we are, and all workers that are there."""
    ours = mine(more)
    for worker, theirs in client.run(mine, more, on_error="return").items():
        if isinstance(theirs, BaseException):
            raise UsageError(refusal(worker, f"no softmax-cosim of ours ({_first_line(theirs)})"))
        if found := different(ours, theirs):
            raise UsageError(refusal(worker, found))
    return ours


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
