"""The RTL as a numpy function."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from softmax_cosim import configs
from softmax_cosim.configs import Config
from softmax_cosim.configs.errors import UsageError
from softmax_cosim.golden.exchange import Broken
from softmax_cosim.golden.framing import check
from softmax_cosim.golden.quantise import quantise
from softmax_cosim.golden.rows import Rows
from softmax_cosim.simulation import power_up
from softmax_cosim.simulation.pool import Pool, default_jobs

__all__ = ["Probabilities", "RtlSoftmax"]


class Probabilities(np.ndarray[Any, np.dtype[np.float64]]):
    """What :class:`RtlSoftmax` returns: an array of float64 that also knows its cycles."""

    latency: npt.NDArray[np.int64] | None = None
    """Cycles from first input beat to last output beat, shape [...] without the last axis; None
    for an array computed from this one."""


class RtlSoftmax:
    """Softmax along the last axis, computed by the RTL of a configuration.

    ::

        with RtlSoftmax("rexp_uint8") as softmax:
            probabilities = softmax(scores, mask)
            probabilities.latency

    The simulators start with the first call and serve until the end of the context; after a
    crash the next call starts new ones.
    """

    def __init__(
        self, config: str | Config, jobs: int | None = None, *, seed: int = 0, **options: Any
    ) -> None:
        """Build the simulation.

        Args:
            config: a configuration, or the name of one.
            jobs: simulator processes; None for one a processor.
            seed: what their registers hold before reset is drawn from it.
            options: of :class:`.simulation.simulator.Simulator`.

        Raises:
            UsageError: no such configuration, an illegal option, or the build failed.
        """
        self.config = configs.load(config) if isinstance(config, str) else config
        jobs = default_jobs() if jobs is None else jobs
        draws = power_up.draws(seed, jobs + 2)[2:]
        self._pool = Pool(self.config, jobs, draws=draws, **options)

    def __call__(self, scores: npt.ArrayLike, mask: npt.ArrayLike | None = None) -> Probabilities:
        """Softmax of float scores.

        Args:
            scores: scaled scores before softmax, floats of shape [..., keys].
            mask: true where a key may be attended, broadcastable to ``scores``; None for all.

        Returns:
            Probabilities of shape [..., keys], 0 where masked, with the attribute ``latency``.

        Raises:
            UsageError: NaN or +inf, a mask that does not broadcast, rows longer than ``max_len``
                or refused by :func:`.framing.check`.
            Broken: the design broke the stream's rules, or set a row's error flag.
            NoProgress: the design stopped taking or giving data.
            SimulatorCrash: a simulator died; the message holds its last output.
        """
        shape = np.shape(scores)
        if shape and shape[-1] > self.config.max_len:
            raise UsageError(
                f"rows of {shape[-1]} keys do not fit {self.config.name}, whose max_len is "
                f"{self.config.max_len}; use a configuration with a larger one"
            )
        raw = quantise(scores, mask, self.config)
        if raw.q.size == 0:
            nothing = np.empty(shape).view(Probabilities)
            nothing.latency = np.empty(shape[:-1], np.int64)
            return nothing
        offsets = np.arange(0, raw.q.size + 1, shape[-1], dtype=np.int64)
        rows = Rows(raw.q.reshape(-1), raw.keep.reshape(-1), offsets)
        check(self.config, rows)
        results = self._pool.run(rows)
        if results.error.any():
            row = int(results.error.argmax())
            raise Broken(f"{self.config.name}: row {row} came out with its error flag set", results)
        y = self.config.real(results.y.reshape(-1, shape[-1]), results.exponent[:, None])
        probabilities = y.reshape(shape).view(Probabilities)
        probabilities.latency = results.latency.reshape(shape[:-1])
        return probabilities

    def close(self) -> None:
        """End the simulators."""
        self._pool.close()

    def __enter__(self) -> Self:
        """The function itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()
