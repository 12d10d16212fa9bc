"""Every case there is, and for a design which of them are left out.

``python -m softmax_cosim.tb.catalogue`` reads a configuration (JSON) and prints pairs of a case's
full name and why it is left out, which is empty if it is not.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys

from cocotb.regression import TestGenerator

from softmax_cosim.configs import Config
from softmax_cosim.tb import cases, cases_axil
from softmax_cosim.tb.needs import missing

__all__ = ["PREFIX", "listed", "of_registers"]

PREFIX = f"{cases.__name__}."
#: Started by hand.
_BY_HAND = {"replay"}


def listed(cfg: Config) -> list[tuple[str, str]]:
    """Full name of each case, and why it is left out of this design's run."""
    found = []
    for module in pkgutil.iter_modules(cases.__path__):
        if module.name in _BY_HAND:
            continue
        for value in vars(importlib.import_module(PREFIX + module.name)).values():
            if isinstance(value, TestGenerator):
                found += [
                    (test.fullname, missing(cfg, test.func, test.kwargs))
                    for test in value.generate_tests()
                ]
    return found


def of_registers() -> list[str]:
    """Full name of each case of the core behind its register file."""
    found = []
    for module in pkgutil.iter_modules(cases_axil.__path__):
        for value in vars(importlib.import_module(f"{cases_axil.__name__}.{module.name}")).values():
            if isinstance(value, TestGenerator):
                found += [test.fullname for test in value.generate_tests()]
    return found


if __name__ == "__main__":
    json.dump(listed(Config(**json.load(sys.stdin))), sys.stdout)
