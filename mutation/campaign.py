"""All mutants of one build, in one simulation that forks (:mod:`.fork`)."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mutation import schemata
from mutation.fork import JOBS
from softmax_cosim.configs import Config
from softmax_cosim.simulation import power_up
from softmax_cosim.simulation.build import Build
from softmax_cosim.simulation.cache import Interrupted, stopping

__all__ = ["Found", "campaign"]

_PAUSE = 0.05


@dataclasses.dataclass(frozen=True)
class Found:
    """How the cases went with a mutant at work."""

    name: str
    case: str
    """The first that failed; empty if none did."""
    says: str


def campaign(
    build: Build,
    cfg: Config,
    cases: Sequence[str],
    numbers: Mapping[str, int],
    *,
    seed: int,
    limit: int,
    at_once: int = 1,
    further: Mapping[str, str] | None = None,
) -> Iterator[Found]:
    """Run cases with each mutant at work, until one fails.

    Args:
        build: a build that holds them.
        cfg: what it was built for.
        cases: full names, as cocotb has them.
        numbers: of the mutants, by any names; 0 is none of them.
        seed: everything random is drawn from it.
        limit: seconds of processor time after which a simulation hangs.
        at_once: how many run at a time.
        further: variables of the tests' environment.

    Yields:
        What was found of each mutant, as it is found.
    """
    modules = sorted({name.partition("/")[0].rpartition(".")[0] for name in cases})
    modules.sort(key=lambda module: not module.endswith(".power_up"))
    pattern = "^(?:" + "|".join(re.escape(name) for name in cases) + ")$"
    draw = power_up.seeded(seed)
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        folder, names = Path(name), list(numbers)
        jobs = {
            "modules": modules,
            "mutants": [[str(at), schemata.mark(numbers[key])] for at, key in enumerate(names)],
            "folder": str(folder),
            "limit": limit,
            "at_once": at_once,
        }
        setup = {
            "config": dataclasses.asdict(cfg),
            "seed": seed,
            "draw": draw,
            "failures": str(folder),
            "replay": None,
        }
        environment = build.environment(
            ["mutation.fork", *modules], seed=seed, tests=pattern, results=folder / "results.xml"
        )
        environment |= {
            "COSIM_REGRESSION": json.dumps(setup),
            JOBS: json.dumps(jobs),
            "COCOTB_REWRITE_ASSERTION_FILES": "",
            "PYTHONDONTWRITEBYTECODE": "",
            **(further or {}),
        }
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                build.command(draw=draw),
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        try:
            told = 0
            while told < len(names):
                over = process.poll() is not None
                for line in _lines(folder / "ended")[told:]:
                    told += 1
                    at, case, says = json.loads(line)
                    yield Found(names[int(at)], case, says)
                if stopping.is_set():
                    raise Interrupted
                if over and told < len(names):
                    raise RuntimeError(f"it does not run: {(folder / 'log').read_text()[-2000:]}")
                time.sleep(_PAUSE)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _lines(path: Path) -> list[str]:
    """Those that are whole."""
    text = path.read_text() if path.is_file() else ""
    return text.splitlines()[: text.count("\n")]
