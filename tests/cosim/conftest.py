"""A design of somebody's own, for tests that break it."""

import shutil
from pathlib import Path

import pytest

from softmax_cosim.paths import ROOT


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The folder of a copy of ``examples/distance``."""
    folder = tmp_path / "distance"
    shutil.copytree(ROOT / "examples" / "distance", folder)
    toml = folder / "distance.toml"
    toml.write_text(toml.read_text().replace("../../rtl", str(ROOT / "rtl")))
    return folder
