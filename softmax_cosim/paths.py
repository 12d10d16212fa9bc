"""Where things are, in a checkout and in an installed package alike."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from softmax_cosim.configs.errors import UsageError

__all__ = ["INSTALLED", "PACKAGE", "ROOT", "RTL", "TB", "build_folder", "built_in", "checkout"]

#: Names a folder for everything that is built; :func:`built_in` sets it.
_BUILD = "SOFTMAX_COSIM_BUILD"

#: The package. The folders ``configs``, ``golden``, ``rtl`` and ``tb`` stand in it; in a checkout
#: they are links to those at its top.
PACKAGE = Path(__file__).resolve().parent

RTL = (PACKAGE / "rtl").resolve()
TB = (PACKAGE / "tb").resolve()

#: The top of a checkout; of no use where the package is installed.
ROOT = PACKAGE.parent

#: Whether there is no checkout around the package.
INSTALLED = RTL.parent != ROOT


def checkout(what: str) -> Path:
    """The top of the checkout, for what only that can do.

    Raises:
        UsageError: there is none.
    """
    if INSTALLED:
        raise UsageError(
            f"{what} needs a checkout of the project, and {PACKAGE} is an installed package; "
            "clone the project and run it there"
        )
    return ROOT


def build_folder(kind: str) -> Path:
    """Where builds of a kind (``sim``, ``synth``...) are kept; it need not exist yet.

    The folder that the environment variable ``SOFTMAX_COSIM_BUILD`` names; without it ``build`` in
    a checkout that can be written, else ``softmax-cosim`` in the user's cache folder.

    Raises:
        UsageError: the user has no home.
    """
    if chosen := os.environ.get(_BUILD):
        return Path(chosen).resolve() / kind
    if not INSTALLED:
        here = ROOT / "build" / kind
        if os.access(next(path for path in (here, *here.parents) if path.exists()), os.W_OK):
            return here
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not cache.is_absolute():  # unset, or to be ignored: the standard wants it absolute
        try:
            cache = Path.home() / ".cache"
        except RuntimeError:
            raise UsageError("no home folder to build in; set SOFTMAX_COSIM_BUILD") from None
    return cache / "softmax-cosim" / kind


@contextlib.contextmanager
def built_in(folder: Path | None) -> Iterator[None]:
    """Within the block, everything is built in ``folder``, by child processes too; None: no change.

    Raises:
        UsageError: there is something else of that name.
    """
    if folder is None:
        yield
        return
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"cannot build in {folder}: it is not a folder")
    before = os.environ.get(_BUILD)
    os.environ[_BUILD] = str(folder.resolve())
    try:
        yield
    finally:
        if before is None:
            del os.environ[_BUILD]
        else:
            os.environ[_BUILD] = before
