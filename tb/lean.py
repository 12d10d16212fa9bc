"""Keeps pytest out of simulators that play batches.

cocotb imports pytest for the exceptions with which its tests may end, and for rewriting their
assertions. :mod:`.server` has neither, and importing it took longer than anything else that such a
simulator does before its first batch.
"""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace


def without_pytest() -> None:
    """Put modules in its place that have the names cocotb looks for, and nothing behind them."""
    ends: dict[str, object] = {
        name: SimpleNamespace(Exception=type(name, (Exception,), {})) for name in _ENDS
    }
    unused: dict[str, object] = {"install_importhook": None, "Config": None}
    for name, holds in (
        ("pytest", ends),
        ("_pytest", {}),
        ("_pytest.assertion", unused),
        ("_pytest.config", unused),
    ):
        module = sys.modules[name] = ModuleType(name)
        vars(module).update(holds)


_ENDS = ("raises", "skip", "xfail")
