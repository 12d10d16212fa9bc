"""Keeps out of simulators that play batches what they import and do not need.

cocotb imports pytest for the exceptions with which its tests may end, and for rewriting their
assertions; all of asyncio for two of its exceptions; and what reads the metadata of packages for
its own version. :mod:`.server` needs none of it, and importing it took longer than anything else
that such a simulator does before its first batch.
"""

from __future__ import annotations

import importlib.machinery
import sys
from types import ModuleType, SimpleNamespace

__all__ = ["lighten"]


def lighten() -> None:
    """Put modules in the place of others that have the names cocotb looks for, and little else."""
    if "pytest" in sys.modules:
        return
    ends: dict[str, object] = {
        name: SimpleNamespace(Exception=type(name, (Exception,), {})) for name in _ENDS
    }
    unused: dict[str, object] = {"install_importhook": None, "Config": None}
    for name, holds in (
        ("pytest", ends),
        ("_pytest", {}),
        ("_pytest.assertion", unused),
        ("_pytest.config", unused),
        ("importlib.metadata", {"version": _version}),
    ):
        module = sys.modules[name] = ModuleType(name)
        vars(module).update(holds)
    importlib.metadata = sys.modules["importlib.metadata"]
    _without_the_rest("asyncio", "exceptions")


def _version(package: str) -> str:
    """Nobody asks for it."""
    return "unknown"


def _without_the_rest(package: str, module: str) -> None:
    """Have a package of the standard library be one module of it."""
    spec = importlib.machinery.PathFinder.find_spec(package)
    assert spec is not None
    made = sys.modules[package] = ModuleType(package)
    made.__path__ = spec.submodule_search_locations or []
    only = importlib.import_module(f"{package}.{module}")
    vars(made).update({name: getattr(only, name) for name in only.__all__})


_ENDS = ("raises", "skip", "xfail")
