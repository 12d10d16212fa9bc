"""From sources to an executable, or to a library that a host loads: Verilator, then the compiler.

Both are called directly. Verilator could write a makefile. It writes a description of its output
instead, for make cannot have a folder with a space, needs a shell, and listens to a dozen
variables.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from softmax_cosim.configs.errors import UsageError
from softmax_cosim.simulation import toolchain
from softmax_cosim.simulation.cache import Read
from softmax_cosim.simulation.commands import LOG, run
from softmax_cosim.simulation.shared import EXECUTABLE, Shared, headers, host, objects, prelude

__all__ = ["DESIGN", "EXECUTABLE", "LOG", "PROFILES", "Job"]

DESIGN = "design.so"

#: Functions begin at cache lines: where they fall by chance is worth up to a tenth of the speed.
_FAST = ("-O2", "-march=native", "-falign-functions=64")
#: Of a library: nothing outside it takes the place of what is in it, so the compiler may inline.
_SHARED = ("-fPIC", "-fvisibility=hidden")
#: Of Verilator's, which may become part of a host: nothing takes the place of what is in it either,
#: and it is there from the start.
_LIBRARY = ("-fPIC", "-fno-semantic-interposition", "-ftls-model=initial-exec")
_SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined")

#: Options of the compiler, for the design and for the run-time library: ``test`` compiles fast,
#: ``fast`` runs fast; ``once`` is for what runs once, and small designs, of which Python is the
#: slower part anyway; ``sanitize`` looks for undefined behaviour, at five times the cost.
#: Of the library, hardly anything is called while a batch is played: the rest is in its headers.
#: ``-Og`` compiles its largest file in half the time of ``-O1``.
PROFILES: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "sanitize": (["-O0", *_SANITIZERS], ["-Og"]),
    "once": (["-O0"], ["-Og"]),
    "test": (["-O1"], ["-Og"]),
    "fast": (_FAST, ["-Og"]),
}

#: Of a function of the C++, in nodes of Verilator's tree. The compiler's time grows faster than a
#: function does; smaller parts than these cost speed.
_LARGEST = "5000"
#: One C++ file of all that Verilator wrote and all that is linked with it: what they include is
#: read once, and the compiler sees through them.
_ALL = "Vtop__ALL"
#: Functions that Verilator knows to run once are not optimised. Templates and what else they share
#: with the rest are: a pragma around their files would take those along.
_ONCE = """#undef VL_ATTR_COLD
#define VL_ATTR_COLD __attribute__((cold, optimize("O0")))
"""
_SWITCHES = ("coverage", "system_c", "use_timing", "trace", "trace_fst", "trace_vcd", "trace_saif")
_MACROS = {"system_c": "SC", "use_timing": "TIMING"}


@dataclass(frozen=True)
class Job:
    """What becomes an executable."""

    top: str
    files: Sequence[str]
    """SystemVerilog, packages first; absolute paths."""
    written: Mapping[str, str]
    """Further SystemVerilog: name and text of files to write."""
    cpp: Sequence[str]
    """C++; absolute paths. Compiled in one piece: what is private in one is seen in the next."""
    arguments: Sequence[str]
    """For Verilator."""
    profile: str
    judge: Callable[[str, Path], str | None] | None = None
    """Told what Verilator said, and the folder; says what is wrong that it does not mind, or what
    it means."""
    hosted_by: str | None = None
    """C++ of a program that loads what is made here; absolute path. None for an executable."""

    @property
    def folders(self) -> list[str]:
        """Where Verilator looks for files besides the folder of the file that wants one."""
        given = re.findall(r"(?:-I|-y\0|\+incdir\+)([^\0]+)", "\0".join(self.arguments))
        return [os.path.abspath(folder) for folders in given for folder in folders.split("+")]  # noqa: PTH100

    @property
    def suffixes(self) -> list[str]:
        """Of files in which Verilator looks for modules, besides its own."""
        given = "+".join(re.findall(r"(?<=\+libext\+)[^\0]+", "\0".join(self.arguments)))
        return [f".{suffix.removeprefix('.')}" for suffix in given.split("+") if suffix]

    def verilate(self) -> list[str]:
        """Verilator's command line."""
        return [
            *toolchain.verilator_command(),
            *("--cc", "--exe", "--vpi", "--assert", "--make", "json"),
            *("--x-assign", "unique", "--x-initial", "unique"),
            *("--output-split", "0", "--output-split-cfuncs", _LARGEST),
            *("-Mdir", ".", "--prefix", "Vtop", "--relative-includes"),
            *("--top-module", self.top),
            *self.arguments,
            *self.cpp,
            *self.written,
            *self.files,
        ]

    def key(self) -> object:
        """Everything that shapes the executable, besides files."""
        return (
            self.verilate(),
            dict(self.written),
            PROFILES[self.profile],
            (self.hosted_by, _SHARED, _LIBRARY, _ONCE),
            toolchain.fingerprint(),
        )

    def make(self, work: Path) -> Read:
        """Build in the folder ``work``; returns what was read.

        Raises:
            UsageError: a tool found an error; the sentence holds it and names the log.
            Interrupted: see :data:`.cache.stopping`.
        """
        for name, text in self.written.items():
            (work / name).write_text(text, encoding="utf-8")
        self._verilated(work)
        made = _description(work)
        options, sources = made["options"], made["sources"]
        ours, _ = PROFILES[self.profile]
        compiler = _compiler(options)
        design = [*compiler, *_switches(options), *ours, *(_SHARED if self.hosted_by else ())]
        parts = (f"{kind}_{speed}" for kind in ("classes", "support") for speed in ("fast", "slow"))
        names = [Path(path).name for part in parts for path in sources.get(part, [])]
        pieces = _ONCE + "".join(map(_included, (*names, *self.cpp)))
        (work / f"{_ALL}.cpp").write_text(pieces, encoding="utf-8", errors="surrogateescape")
        unit = f"{_ALL}.o"
        with ThreadPoolExecutor(1) as beside:
            library = beside.submit(self._linked, work, made)
            first = prelude(work.parent, self.top, design)
            include = ["-include", *first.made, "-c", "-o", unit, f"{_ALL}.cpp"]
            run([[*design, *include]], work, self.top)
            linked = library.result()
        if self.hosted_by:
            target = ["-shared", "-Xlinker", "-z", "-Xlinker", "defs", "-o", DESIGN, linked.made[1]]
        else:
            target = ["-o", EXECUTABLE, *linked.made]
        more = [*_words(options, "ldflags"), *toolchain.link_flags()]
        run([["g++", *ours, unit, *target, *more]], work, self.top)
        read = {*_verilated(work), *headers(work), *linked.read, *first.read} - {*first.made}
        for path in work.iterdir():
            if path.suffix in (".o", ".d", ".cpp", ".h"):
                path.unlink()
        given = {*self.files, *self.cpp}
        searched = [*self.folders, *toolchain.include_folders()]
        return Read(sorted(given), sorted(read - given), searched, self.suffixes)

    def host(self, folder: Path) -> Shared:
        """The program that loads what was made in ``folder``, and the library it is linked with.

        Raises:
            UsageError: it cannot be compiled.
            Interrupted: see :data:`.cache.stopping`.
        """
        assert self.hosted_by is not None
        made, (ours, _) = _description(folder), PROFILES[self.profile]
        return host(
            folder.parent,
            self.top,
            [*_compiler(made["options"]), *ours],
            self.hosted_by,
            _library(made, self.profile),
        )

    def _linked(self, work: Path, made: Mapping[str, Any]) -> Shared:
        """What the design is linked with."""
        if self.hosted_by:
            return self.host(work)
        return objects(work.parent, self.top, *_library(made, self.profile))

    def _verilated(self, work: Path) -> None:
        """Run Verilator."""
        failed: UsageError | None = None
        try:
            run([self.verilate()], work, self.top)
        except UsageError as error:
            failed = error
        log = work / LOG
        said = log.read_text(errors="replace") if log.is_file() else ""
        if self.judge and (fault := self.judge(said, work)):
            written = [str(work / name) for name in self.written if name.endswith(".sv")]
            where = f"the wrapper: {', '.join(written)}; the whole log: {log}"
            raise UsageError(f"{fault} ({where})") from None
        if failed:
            raise failed


def _description(work: Path) -> dict[str, Any]:
    """Of its output, by Verilator; it writes a byte beyond ASCII in octal, which is not JSON."""
    text = (work / "Vtop.json").read_bytes()
    text = re.sub(rb"\\([0-3][0-7]{2})", lambda found: bytes([int(found[1], 8)]), text)
    made: dict[str, Any] = json.loads(text.decode(errors="surrogateescape"))
    return made


def _compiler(options: Mapping[str, Any]) -> list[str]:
    """Of everything, the library too."""
    return [*toolchain.compiler(), *_flags(options)]


def _library(made: Mapping[str, Any], profile: str) -> tuple[list[str], list[str]]:
    """How to compile Verilator's run-time library for what it made, and of what."""
    command = [*_compiler(made["options"]), *_LIBRARY, *PROFILES[profile][1]]
    return command, made["sources"]["global"]


def _included(path: str) -> str:
    """A line of the one C++ file; what writes waveforms is not optimised."""
    line = f'#include "{path}"\n'
    if re.fullmatch(r"Vtop__Trace.*", path):
        return (
            f'#pragma GCC push_options\n#pragma GCC optimize "O0"\n{line}#pragma GCC pop_options\n'
        )
    return line


def _words(options: Mapping[str, Any], kind: str) -> list[str]:
    """What the user gave as ``-CFLAGS`` or ``-LDFLAGS``."""
    return [word for words in options.get(kind, []) for word in shlex.split(words)]


def _flags(options: Mapping[str, Any]) -> list[str]:
    """Options of the compiler, for the library too."""
    folders = (f"-I{folder}" for folder in toolchain.include_folders())
    return ["-MMD", "-I.", *folders, "-DVERILATOR=1", *_words(options, "cflags")]


def _switches(options: Mapping[str, Any]) -> list[str]:
    """Macros that go with options of Verilator; its headers and what it writes look at them."""
    return [
        f"-DVM_{_MACROS.get(switch, switch.upper())}={int(options[switch])}" for switch in _SWITCHES
    ]


def _verilated(work: Path) -> list[str]:
    """What Verilator read, from its own list; its program is known by its version."""
    text = os.fsdecode((work / "Vtop__verFiles.dat").read_bytes())
    paths = re.findall(r'^S .*?"[^"]*" "([^"]*)"$', text, re.MULTILINE)
    program = toolchain.verilator_command()[-1]
    return [path for path in paths if os.path.isabs(path) and path != program]  # noqa: PTH117
