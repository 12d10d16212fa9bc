"""Which commit of the project made a report."""

from __future__ import annotations

import subprocess
from pathlib import Path

from softmax_cosim.paths import INSTALLED, ROOT

__all__ = ["commit"]


def commit() -> str:
    """Of the checkout, ``-dirty`` if files differ from it; empty if there is none."""
    if INSTALLED:  # in a folder that may be under somebody else's git
        return ""
    top = _git("rev-parse", "--show-toplevel")
    if not top or Path(top).resolve() != ROOT.resolve():  # unpacked under somebody else's git
        return ""
    return _git("describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")


def _git(*words: str) -> str:
    try:
        said = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=False)
    except OSError:
        return ""
    return said.stdout.decode(errors="replace").strip() if said.returncode == 0 else ""
