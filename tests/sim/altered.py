"""Sources of which one is not as it stands in the tree."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def altered(
    sources: Sequence[Path], file: str, lines: str, become: str, folder: Path
) -> list[Path]:
    """The sources, some lines of the file of this name changed in a copy in ``folder``."""
    original = next(path for path in sources if path.name == file)
    text = original.read_text()
    assert lines in text, f"the mutant's lines are gone from {file}"
    copy = folder / file
    copy.write_text(text.replace(lines, become))
    return [copy if path == original else path for path in sources]
