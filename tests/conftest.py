from __future__ import annotations

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


# pytest-xdist's own way, --dist loadgroup, does nothing with pytest 9.2: it renames items through
# an attribute that pytest no longer reads.
@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """With ``-n``, a worker gets a whole parameter set of the RTL, or a whole file, at a time."""
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

    class BySimulation(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            one_set = re.search(r"::test_rtl\[(.+?)-\w+\.", nodeid)
            return one_set.group(1) if one_set else nodeid.partition("::")[0]

    return BySimulation(config, log)
