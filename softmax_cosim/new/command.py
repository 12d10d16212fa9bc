"""``cosim new NAME``: writes the folder, or nothing."""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
from pathlib import Path

from softmax_cosim.configs.errors import UsageError

__all__ = ["add_arguments", "run"]

_FILES = Path(__file__).with_name("files")
#: Where files of the template go; ``NAME`` is the design's.
_PLACES = {
    "NAME.toml": "NAME.toml",
    "NAME.sv": "NAME.sv",
    "NAME.py.in": "NAME.py",
    "test_NAME.py.in": "test_NAME.py",
    "pytest.ini": "pytest.ini",
    "Makefile": "Makefile",
    "workflows/verify.yml": ".github/workflows/verify.yml",
}
#: What no module may be called.
_TAKEN = ("module", "input", "output", "logic", "design", "softmax_top", "numpy", "softmax_cosim")


def run(args: argparse.Namespace) -> int:
    """Write the folder; 0.

    Raises:
        UsageError: the name is none of a module, there is something of that name, or it cannot be
            written.
    """
    folder = Path(args.name)
    name = folder.name
    if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) or name in _TAKEN:
        raise UsageError(
            f"{name!r} is no name for a module; give letters, digits and _, as in my_softmax"
        )
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"{folder} is there already; give another name, or remove it")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{name}-") as staging:
            made = Path(staging) / name
            for source, place in _PLACES.items():
                path = made / place.replace("NAME", name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text((_FILES / source).read_text().replace("@NAME@", name))
            shutil.move(made, folder)
    except OSError as error:
        raise UsageError(f"cannot write {folder}: {error.strerror}") from None
    for line in (
        f"{folder}: a design that runs; put yours in its place",
        f"  cosim verify {folder / name}.toml",
        f"  cd {folder} && pytest",
    ):
        print(line)
    return 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("name", metavar="NAME", help="of the folder, and of the module in it")
