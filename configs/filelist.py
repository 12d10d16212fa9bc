"""File lists (``.f``) as simulators read them: sources, folders, macros, further lists."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from softmax_cosim.configs.errors import UsageError
from softmax_cosim.configs.there import is_dir, is_file

__all__ = ["FileList", "read"]


@dataclass
class FileList:
    """What a list, and those that it names, ask for; paths are absolute."""

    files: list[Path] = field(default_factory=list)
    include_dirs: list[Path] = field(default_factory=list)
    defines: dict[str, str] = field(default_factory=dict)
    libraries: list[Path] = field(default_factory=list)
    """Folders in which modules that nobody named are looked for (``-y``)."""
    suffixes: list[str] = field(default_factory=list)
    """Of files in those folders (``+libext+``)."""


def read(path: Path) -> FileList:
    """Read a list.

    Paths are relative to the list they stand in, or else (as simulators have it for ``-f``) to the
    first one's folder; ``$NAME`` and ``${NAME}`` are taken from the environment; ``//``, ``#`` and
    ``/* */`` begin comments.

    Raises:
        UsageError: a list or a file is missing, a list names itself, or an entry is not understood.
    """
    found = FileList()
    _read(path, found, ())
    return found


def _read(path: Path, found: FileList, inside: tuple[Path, ...]) -> None:
    if path in inside:
        raise UsageError(f"{path}: the file list names itself")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:  # of a name with a NUL, and of what is not UTF-8
        reason = getattr(error, "strerror", None) or (
            "not UTF-8" if isinstance(error, UnicodeDecodeError) else "no file can have that name"
        )
        raise UsageError(f"cannot read the file list {str(path)!r}: {reason}") from None
    words = _words(path, text)
    for line, word in words:
        if word in _SPELT:
            word = _SPELT[word]
        if word in ("-f", "-F", "-y", "-v", "-I", "-D"):
            value = next(words, (line, ""))[1]
            if not value:
                raise UsageError(f"{path}, line {line}: {word} and nothing behind it")
            word += value
        _take(path, line, word, found, inside)


def _take(path: Path, line: int, word: str, found: FileList, inside: tuple[Path, ...]) -> None:
    """One entry, its value behind its option without a space."""

    def at(name: str) -> Path:
        name = name.replace('"', "")
        here, first = (
            Path(os.path.abspath(each.parent / name))  # noqa: PTH100 (links stay links)
            for each in (path, (*inside, path)[0])
        )
        return first if _there(first) and not _there(here) else here

    plus = [part for part in word.split("+") if part]
    if word.startswith("+incdir+"):
        found.include_dirs += map(at, plus[1:])
    elif word.startswith("-I"):
        found.include_dirs.append(at(word[2:]))
    elif word.startswith(("+define+", "-D")):
        for define in plus[1:] if word[0] == "+" else [word[2:]]:
            name, _, value = define.partition("=")
            found.defines[name] = value
    elif word.startswith("+libext+"):
        found.suffixes += plus[1:]
    elif word.startswith("-y"):
        found.libraries.append(at(word[2:]))
    elif word.startswith(("-f", "-F")):
        _read(at(word[2:]), found, (*inside, path))
    elif word.startswith("-v") or word[0] not in "+-":
        file = at(word.removeprefix("-v"))
        if not is_file(file):
            raise UsageError(f"{path}, line {line}: there is no file {file}")
        found.files.append(file)
    elif word not in _IDLE:
        raise UsageError(
            f"{path}, line {line}: {word!r} is not understood; "
            "a list may have files, +incdir+, +define+, +libext+, -y, -v, -f, -F, -I and -D"
        )


#: Other spellings of options with a value behind them.
_SPELT = {"-incdir": "-I", "-define": "-D", "-file": "-f", "-libdir": "-y"}
#: What says nothing that is not so anyway.
_IDLE = ("-sv", "-sverilog", "+systemverilogext+.sv", "+v2k")


def _words(path: Path, text: str) -> Iterator[tuple[int, str]]:
    """Words of the list with their lines, comments taken out, variables put in."""
    text = re.sub(r"\\\r?\n", " \n", text)  # words go on in the next line all the same
    text = re.sub(r"/\*.*?\*/", lambda found: "\n" * found[0].count("\n"), text, flags=re.DOTALL)
    for number, line in enumerate(text.splitlines(), 1):
        for found in re.finditer(r'(?:"[^"]*"|[^\s"])+', re.sub(r"(^|\s)(//|#).*", "", line)):
            word = re.sub(r'^"(.*)"$', r"\1", found[0])
            for variable in re.findall(r"\$\{?(\w+)\}?", word):
                if variable not in os.environ:
                    raise UsageError(f"{path}, line {number}: ${variable} is not set")
            if word:
                yield number, os.path.expandvars(word)


def _there(path: Path) -> bool:
    return is_file(path) or is_dir(path)
