"""What builds share: the objects of Verilator's run-time library, its headers, and a host.

The objects take longer than any design, and reading the headers takes longer than compiling most
designs. A host is a program without a design, and loads one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from softmax_cosim.simulation import toolchain
from softmax_cosim.simulation.cache import Read, kept, read_for
from softmax_cosim.simulation.commands import run

__all__ = ["EXECUTABLE", "Shared", "headers", "host", "objects", "prelude"]

EXECUTABLE = "simulation"
#: A host but for its first lines; designs are linked with it, so that what they lack is found out.
_HOST = "libhost.so"
_PRELUDE = "prelude.h"
_HEADERS = ("verilated.h", "verilated_dpi.h", "verilated_vpi.h")
#: Of the library, what every build has. Compiled in one piece, in two thirds of the time that they
#: take one by one, for they read the same headers. What only some builds have stands by itself.
_CORE = ("verilated", "verilated_dpi", "verilated_vpi", "verilated_threads")


@dataclass(frozen=True)
class Shared:
    """Files that builds share."""

    made: list[str]
    read: set[str]
    """What they were made from; absolute paths."""


def objects(root: Path, top: str, compiler: Sequence[str], sources: Sequence[str]) -> Shared:
    """Object files of the library.

    Args:
        root: where builds are kept.
        top: named in errors.
        compiler: command and options.
        sources: C++ files, by their paths.

    Raises:
        UsageError: one cannot be compiled.
        Interrupted: see :data:`.cache.stopping`.
    """

    core = [source for source in sources if Path(source).stem in _CORE]
    pieces = [
        ("library", core),
        *((Path(path).stem, [path]) for path in sources if path not in core),
    ]

    def compiled(piece: tuple[str, list[str]]) -> Path:
        name, files = piece
        text = "".join(f'#include "{file}"\n' for file in files)
        return _kept(root, top, name, [*compiler, "-c", f"{name}.cpp"], {f"{name}.cpp": text})

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        folders = list(threads.map(compiled, pieces))
    made = [str(folder / f"{name}.o") for folder, (name, _) in zip(folders, pieces, strict=True)]
    return Shared(made, set().union(*map(read_for, folders)))


def prelude(root: Path, top: str, compiler: Sequence[str]) -> Shared:
    """A header to include before all else; beside it lies what the compiler made of it.

    Arguments and errors as of :func:`objects`.
    """
    text = "".join(f'#include "{name}"\n' for name in _HEADERS)
    command = [*compiler, "-x", "c++-header", _PRELUDE]
    folder = _kept(root, top, "prelude", command, {_PRELUDE: text})
    return Shared([str(folder / _PRELUDE)], set(read_for(folder)))


def host(
    root: Path,
    top: str,
    compiler: Sequence[str],
    source: str,
    library: tuple[Sequence[str], Sequence[str]],
) -> Shared:
    """A program that loads a design, and the library that it consists of, by their paths.

    Arguments and errors as of :func:`objects`; ``source`` is its C++, by path, and the last two
    of those make the ``library`` of Verilator.
    """

    def make(work: Path) -> Read:
        made = objects(root, top, *library)
        shared = ["-fPIC", "-shared", f"-Wl,-soname,{_HOST},-Bsymbolic-functions", "-o", _HOST]
        linked = [*made.made, *toolchain.link_flags()]
        run([[*compiler, *shared, source, *linked]], work, top)
        found = {*headers(work), *made.read}
        beside = ["-Wl,--no-as-needed", _HOST, "-Wl,-rpath,$ORIGIN", *toolchain.link_flags()]
        run([[*compiler, *beside, "-o", EXECUTABLE]], work, top)
        for path in work.glob("*.d"):
            path.unlink()
        return Read([source], sorted(found - {source}), toolchain.include_folders())

    key = (list(compiler), source, library, toolchain.fingerprint())
    folder = kept(root, "runtime-host", key, make)
    return Shared([str(folder / EXECUTABLE), str(folder / _HOST)], set(read_for(folder)))


def headers(work: Path) -> list[str]:
    """What the compiler read, from its own rules for make; what lies in ``work`` is made by us."""
    paths = set()
    for rule in set(work.glob("*.d")) - {work / "Vtop__ver.d"}:  # Verilator's, without quoting
        text = os.fsdecode(rule.read_bytes()).partition(": ")[2].replace("\\\n", " ")
        words = re.findall(r"(?:\\[ #]|\$\$|[^\s])+", text)
        paths |= {re.sub(r"\\([ #])", r"\1", word).replace("$$", "$") for word in words}
    return sorted(path for path in paths if os.path.isabs(path))  # noqa: PTH117


def _kept(root: Path, top: str, name: str, command: Sequence[str], written: dict[str, str]) -> Path:
    """The folder in which ``command`` was run, besides files that were written there."""

    def make(work: Path) -> Read:
        for file, text in written.items():
            (work / file).write_text(text)
        run([command], work, top)
        found = headers(work)
        for path in work.glob("*.d"):
            path.unlink()
        return Read([], found, toolchain.include_folders())

    key = (list(command), written, toolchain.fingerprint())
    return kept(root, f"runtime-{name}", key, make)
