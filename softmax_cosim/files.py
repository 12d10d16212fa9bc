"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from softmax_cosim.configs import UsageError

__all__ = ["atomic_file", "check_writable", "sha256", "stamp", "write_texts", "writing"]


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A path to write to that becomes ``path`` when the block ends well, and vanishes otherwise.

    Folders on the way are made. Do nothing but the writing in the block: an error of the operating
    system in it is taken for one.

    Raises:
        UsageError: the folder cannot be made, the file cannot be written.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            temporary.replace(target)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def sha256(path: Path) -> str:
    """The SHA-256 of a file's contents, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stamp(path: Path) -> tuple[int, ...]:
    """What is another one after every change of a file; empty where there is none."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def write_texts(folder: Path, texts: Mapping[str, str]) -> None:
    """Write files of text, by name, that appear together or not at all.

    Raises:
        UsageError: one of them cannot be written.
    """
    for name in texts:
        check_writable(folder / name)
    with contextlib.ExitStack() as files:
        for name, text in texts.items():
            files.enter_context(atomic_file(folder / name)).write_text(text, encoding="utf-8")


def check_writable(path: Path) -> None:
    """Say before long work what :func:`atomic_file` would say after it; nothing is made.

    Raises:
        UsageError: the folder cannot be made, nothing can be written in it, or ``path`` is a
            folder.
    """
    there = next(folder for folder in path.absolute().parents if folder.exists())
    with writing(path), tempfile.TemporaryFile(dir=there):
        pass
    if path.is_dir():
        raise UsageError(f"cannot write {path}: there is a folder of that name; choose another")


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Within the block, what the operating system objects to is that ``path`` be written.

    Raises:
        UsageError: it objects.
    """
    try:
        yield
    except OSError as error:
        # Arrow puts its own words in the place of the system's.
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise UsageError(f"cannot write {path}: {reason}; choose another place") from None
