"""Folders that are made once, and again as soon as anything that they were made from has changed.

What the tools read is known only when they have read it. So each folder holds a list of these
files with the hashes of their contents, and of what was made of them; it counts for as long as all
hashes are right, and no file stands where the tools would have found it earlier. A folder is never
half there: the work is done beside it and moved into place at the end, under a lock, so that
parallel processes make it once.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import itertools
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from softmax_cosim.configs.errors import UsageError

__all__ = ["Interrupted", "Read", "kept", "read_for", "stopping"]

_LIST = "made.json"
#: Waiting for a lock, seconds between two attempts.
_PAUSE = 0.05
#: Nanoseconds after which a file that changes has another hour, on any file system.
_SETTLED = 10**10

#: While set, whatever is being made in any thread, or asked for, ends with :class:`Interrupted`.
stopping = threading.Event()


class Interrupted(KeyboardInterrupt):
    """The user has had enough (:data:`stopping`)."""


class Changed(UsageError):
    """A file was touched after the tools began."""


@dataclass(frozen=True)
class Read:
    """What tools read."""

    given: Sequence[str]
    """Files that they were told of; absolute paths, as they were opened."""
    found: Sequence[str] = ()
    """Files that they looked for; likewise."""
    searched: Sequence[str] = ()
    """Folders in which they looked, besides those of the files; absolute paths."""
    suffixes: Sequence[str] = ()
    """Of modules' files that they looked for, besides ``.v`` and ``.sv``."""


def kept(root: Path, name: str, key: object, make: Callable[[Path], Read]) -> Path:
    """The folder ``root/<name>-<hashes>``, filled by ``make`` unless it is there and still counts.

    Args:
        root: made when missing.
        name: first part of the folder's name.
        key: all that shapes the contents besides files that are read; its ``repr`` counts.
        make: fills a folder and returns what was read.

    Raises:
        Interrupted: see :data:`stopping`.
        UsageError: a file changed while it was being read, twice.
    """
    stem = f"{name[:80]}-{_digest(key)}"
    if found := _valid(root, stem):
        return found
    root.mkdir(parents=True, exist_ok=True)
    with (root / f".{stem}.lock").open("w") as lock:
        _take(lock)
        if found := _valid(root, stem):
            return found
        work = root / f"{stem}.partial"
        try:
            digest = _made_in(work, make)
        except Changed:  # once; a link that was made to a file changes no more than its hour
            digest = _made_in(work, make)
        folder = root / f"{stem}-{digest}"
        shutil.rmtree(folder, ignore_errors=True)
        work.rename(folder)
        return folder


def _made_in(work: Path, make: Callable[[Path], Read]) -> str:
    """Fill a new folder; returns a hash of what was read."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    try:
        (work / _LIST).touch()  # the hour it began
        return _write_list(work, make(work))
    except UsageError:
        for path in work.iterdir():
            if path.suffix not in (".log", ".sv"):  # what was said, and of what
                path.unlink()
        raise
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise


def read_for(folder: Path) -> list[str]:
    """What was read to fill a folder that :func:`kept` returned."""
    return list(json.loads((folder / _LIST).read_text())["read"])


def _take(lock: IO[str]) -> None:
    while True:
        if stopping.is_set():
            raise Interrupted
        with contextlib.suppress(BlockingIOError):
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        time.sleep(_PAUSE)


def _write_list(work: Path, read: Read) -> str:
    """Note what was read and made; returns a hash of what was read."""
    begun = (work / _LIST).stat().st_ctime_ns
    files = sorted({*read.given, *read.found})
    for file in files:
        if os.stat(file).st_ctime_ns > begun:  # noqa: PTH116 (a path as it was opened)
            raise Changed(f"{file} changed while it was being read; run it again")
    looked_up = sorted(set(read.found) - set(read.given))
    searched = list(dict.fromkeys([*read.searched, *map(os.path.dirname, files)]))
    listed = {
        "read": {file: _sha256(file) for file in files},
        "looked_up": looked_up,
        "searched": searched,
        "suffixes": list(read.suffixes),
        "there": _there(looked_up, searched, read.suffixes),
        "made": {
            entry.name: _made(entry.path)
            for entry in os.scandir(work)
            if entry.is_file() and entry.name != _LIST
        },
    }
    (work / _LIST).write_text(json.dumps(listed, indent=1))
    return _digest([listed["read"], listed["there"]])


def _valid(root: Path, stem: str) -> Path | None:
    """A folder made for ``stem`` of which everything is as it was."""
    try:
        names = sorted(entry.name for entry in os.scandir(root))
    except OSError:
        return None
    folders = (root / name for name in names if name.startswith(f"{stem}-"))
    return next(filter(_counts, folders), None)


def _counts(folder: Path) -> bool:
    try:
        listed = json.loads((folder / _LIST).read_text())
        return (
            all(_sha256(file) == digest for file, digest in listed["read"].items())
            and _there(listed["looked_up"], listed["searched"], listed["suffixes"])
            == listed["there"]
            and all(_made(str(folder / name)) == made for name, made in listed["made"].items())
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _there(looked_up: Sequence[str], searched: Sequence[str], more: Sequence[str]) -> list[str]:
    """All files that a tool may find in ``searched`` by the names of those that were looked up.

    A new one among them may be found before the one that was read. The names are those of headers
    and of modules, which Verilator looks for with and without its extensions.
    """
    names = {
        file.removeprefix(folder + os.sep)
        for file, folder in itertools.product(looked_up, searched)
        if file.startswith(folder + os.sep)
    }
    names |= {os.path.splitext(name)[0] for name in names}  # noqa: PTH122
    places = itertools.product(searched, sorted(names), ("", ".v", ".sv", *more))
    paths = (f"{folder}{os.sep}{name}{extension}" for folder, name, extension in places)
    return sorted({path for path in paths if os.path.isfile(path)})  # noqa: PTH113


def _made(path: str) -> str:
    """Permissions and contents."""
    return f"{os.stat(path).st_mode & 0o777:o} {_sha256(path)}"  # noqa: PTH116


def _sha256(path: str) -> str:
    about = os.stat(path)  # noqa: PTH116 (paths are kept as they were opened)
    state = about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns
    known, digest = _known.get(path, (None, ""))
    if known != state:
        with open(path, "rb") as file:  # noqa: PTH123
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        # Of a file that was touched just now, the next touch may have the same hour.
        if time.time_ns() - about.st_ctime_ns > _SETTLED:
            _known[path] = state, digest
    return digest


#: Of files that many builds read, what :func:`_sha256` found.
_known: dict[str, tuple[tuple[int, ...], str]] = {}


def _digest(what: object) -> str:
    return hashlib.sha256(repr(what).encode(errors="surrogatepass")).hexdigest()[:12]
