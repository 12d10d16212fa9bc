"""Accesses to the register file, in a simulator, each answer held to the cycle-true model.

A session is a simulation from power-up on that plays :data:`SESSION` accesses, drawn from the seed
and its number alone (``tb/cases_axil/drawn.py``); sessions go round the register file's parameter
sets. What ends a session is a find, known by the number of the session's first access.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from softmax_cosim.configs import Config
from softmax_cosim.simulation.build import Build
from softmax_cosim.simulation.regression import built, run
from softmax_cosim.tb.axil import BUILT_LOADABLE
from tests.sim.parameter_sets import REGISTER_SETS

__all__ = ["NAME", "SESSION", "build", "fuzzed"]

NAME = "registers"
SESSION = 20_000
_CASE = "softmax_cosim.tb.cases_axil.drawn.accesses"


def build() -> None:
    """Build every simulator, or find that it is built."""
    for cfg, loadable in REGISTER_SETS.values():
        _built(cfg, loadable)


def _built(cfg: Config, loadable: bool) -> Build:
    return built(cfg, top="softmax_axil", parameters={"LOADABLE": int(loadable)})


def fuzzed(
    numbers: range,
    seed: int = 1,
    *,
    enough: int = 1,
    sets: Mapping[str, tuple[Config, bool]] = REGISTER_SETS,
) -> tuple[list[tuple[int, str]], int, int]:
    """Play the sessions in which accesses of these numbers are, the last one perhaps in part.

    Args:
        numbers: of accesses.
        seed: everything is drawn from it and a session's number.
        enough: finds after which no further session is played.
        sets: the parameter sets.

    Returns:
        Finds (number of a session's first access, and what), and how many accesses were refused
        and how many carried out.
    """
    finds: list[tuple[int, str]] = []
    answers = Counter[str]()
    for first in range(numbers.start - numbers.start % SESSION, numbers.stop, SESSION):
        if len(finds) == enough:
            break
        cfg, loadable = list(sets.values())[first // SESSION % len(sets)]
        with tempfile.TemporaryDirectory() as folder:
            seen = Path(folder) / "seen"
            outcome = run(
                _built(cfg, loadable),
                cfg,
                [_CASE],
                seed=random.Random(f"{seed} {NAME} {first}").getrandbits(32),
                further={BUILT_LOADABLE: str(int(loadable))},
                extra={"accesses": min(SESSION, numbers.stop - first), "seen": str(seen)},
            )[_CASE]
            if not outcome.passed:
                finds.append((first, f"{cfg.name}: {outcome.text}"))
                continue
            for line in seen.read_text().splitlines():
                for kind, *what, count in json.loads(line):
                    if kind == "access":
                        answers[what[2]] += count
    return finds, answers["refused"], answers["done"]
