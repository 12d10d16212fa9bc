from __future__ import annotations

import random
import re
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--seed",
        type=int,
        default=1,
        help="everything random in the simulator tests is drawn from it (default 1)",
    )
    parser.addoption(
        "--sets",
        type=int,
        metavar="SEED",
        help="of the parameter sets drawn beside the fixed ones (default: another one each run)",
    )
    parser.addoption(
        "--whole",
        action="store_true",
        help="every row of the committed traces, every bug in every example",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.option.sets is None:
        given = getattr(config, "workerinput", {})
        config.option.sets = given.get("sets", random.SystemRandom().randrange(2**31))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """A worker of pytest-xdist draws the sets that the others draw."""
    node.workerinput["sets"] = node.config.option.sets


def pytest_report_header(config: pytest.Config) -> str:
    return f"parameter sets drawn with --sets {config.option.sets}"


#: Tests that share nothing but builds.
_APART = re.compile(
    r"tests/sim/test_(mutants|properties|registers)\.py::"
    r"|tests/cosim/test_(replay_failures|replay_results|examples|bugs|guide|new|driven|ways)\.py::"
    r"|::test_every_configuration_replays_the_committed_traces\["
)


# pytest-xdist's own way, --dist loadgroup, does nothing with pytest 9.2: it renames items through
# an attribute that pytest no longer reads.
@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """With ``-n``, a worker gets a whole parameter set of the RTL, or a whole file, at a time.

    Files whose tests share nothing are cut up: no worker is left with a long one at the end.
    """
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

    class BySimulation(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            one_set = re.search(r"::test_rtl\[(.+?)-\w+\.", nodeid)
            if one_set:
                return one_set.group(1)
            return nodeid if _APART.search(nodeid) else nodeid.partition("::")[0]

    return BySimulation(config, log)
