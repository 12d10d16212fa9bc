"""Each cocotb test under each parameter set is one pytest item; one simulation runs a whole set.

cocotb 2.1 carries a pytest plugin of its own, but it is private and about to be redesigned, so
this file is all there is between the two: it collects which items of a parameter set are selected
(after ``-k`` and friends), and the first of them to run runs them all. With ``-n`` the items of a
set stay in one worker (``tests/conftest.py``).
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from parameter_sets import PARAMETER_SETS

from softmax_cosim.configs import Config
from softmax_cosim.simulation.regression import Outcome, run
from softmax_cosim.verify.play import built

Simulate = Callable[[Config, str], Outcome]


@pytest.fixture(scope="session")
def simulate(request: pytest.FixtureRequest) -> Simulate:
    """The outcome of a cocotb test under a parameter set."""
    outcomes: dict[str, dict[str, Outcome]] = {}
    selected: dict[str, list[str]] = {}
    for item in request.session.items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        if {"cfg", "case"} <= parameters.keys():
            selected.setdefault(parameters["cfg"].name, []).append(parameters["case"])
    seed = request.config.getoption("seed")

    def outcome(cfg: Config, case: str) -> Outcome:
        if cfg.name not in outcomes:
            chance = cfg not in PARAMETER_SETS
            # Drawn sets are built for one run.
            core = built(cfg, profile="once") if chance else built(cfg)
            again = {"again": f" --sets {request.config.getoption('sets')}"} if chance else {}
            outcomes[cfg.name] = run(core, cfg, selected[cfg.name], seed=seed, extra=again)
        return outcomes[cfg.name][case]

    return outcome
