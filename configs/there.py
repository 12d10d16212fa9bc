"""Whether something is there by a name of the user's; by one that no file can have, nothing is."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["is_dir", "is_file"]


def is_file(path: Path) -> bool:
    """Whether a file is there; pathlib raises, where a name is too long or has a NUL in it."""
    return os.path.isfile(path)  # noqa: PTH113


def is_dir(path: Path) -> bool:
    """Likewise a folder."""
    return os.path.isdir(path)  # noqa: PTH112
