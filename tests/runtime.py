"""Verilator's run-time library for builds in a folder of their own."""

from pathlib import Path

from softmax_cosim.paths import build_folder


def share_runtime(here: Path, there: Path | None = None) -> None:
    """Link into ``here`` what was compiled of it before: half a minute each that is no matter."""
    here.mkdir(parents=True, exist_ok=True)
    for folder in (there or build_folder("sim")).glob("runtime-*-*"):  # none in the making
        (here / folder.name).symlink_to(folder)
