"""Bugs of ``data/bugs.toml``, put into copies of the examples."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

from softmax_cosim.paths import ROOT

KINDS = ("off_by_one", "last_row", "stale_state", "unreset")
BUGS = tomllib.loads((Path(__file__).parent / "data" / "bugs.toml").read_text())


def broken(name: str, kind: str, folder: Path) -> Path:
    """The configuration of a copy of an example with a bug; the core, of which one borrows, too."""
    shutil.copytree(ROOT / "examples" / name, folder / "examples" / name)
    if name == "distance":
        shutil.copytree(ROOT / "rtl", folder / "rtl")
    for file, there, instead in BUGS[name][kind]["edits"]:
        path = folder / "examples" / name / file
        path.write_text(path.read_text().replace(there, instead))
    return folder / "examples" / name / f"{name}.toml"
