"""From sources to an executable: Verilator, then the compiler, called directly.

Verilator could write a makefile. It writes a description of its output instead, for make cannot
have a folder with a space, needs a shell, and listens to a dozen variables.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from softmax_cosim.configs.errors import UsageError
from softmax_cosim.simulation import toolchain
from softmax_cosim.simulation.cache import Interrupted, Read, kept, stopping

__all__ = ["EXECUTABLE", "LOG", "PROFILES", "Job"]

EXECUTABLE = "simulation"

#: Functions begin at cache lines: where they fall by chance is worth up to a tenth of the speed.
_FAST = ("-O3", "-march=native", "-falign-functions=64")

#: Options of the compiler, for the design and for the run-time library: ``test`` compiles fast,
#: ``fast`` runs fast; ``once`` is for what runs once, and small designs, of which Python is the
#: slower part anyway; ``sanitize`` for what is compiled with sanitizers, at five times the cost.
PROFILES: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "sanitize": (["-O0"], ["-O0"]),
    "once": (["-O0"], ["-O1"]),
    "test": (["-O1"], ["-O1"]),
    "fast": (_FAST, _FAST),
}

#: One C++ file of all that Verilator wrote and all that is linked with it: Verilator's headers take
#: longer to read than most designs to compile.
_ALL = "Vtop__ALL"
LOG = "build.log"
_SWITCHES = ("coverage", "system_c", "use_timing", "trace", "trace_fst", "trace_vcd", "trace_saif")
_MACROS = {"system_c": "SC", "use_timing": "TIMING"}
_PAUSE, _GRACE_SECONDS = 0.02, 5.0
#: The line of a tool's output that says what is wrong, best first.
_REASONS = (
    r"%Error(?!: Exiting due to)|\berror:|undefined reference|No space left",
    r"%Warning|%Error",
    r"annot allocate memory|out of memory|bad_alloc|limit exceeded|^collect2|^ld:",
)


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
            *("--output-split", "0", "-Mdir", ".", "--prefix", "Vtop", "--relative-includes"),
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
        compiler = [*toolchain.compiler(), *_flags(made["options"])]
        ours, library = PROFILES[self.profile]
        sources = made["sources"]
        parts = (f"{kind}_{speed}" for kind in ("classes", "support") for speed in ("fast", "slow"))
        names = [Path(path).name for part in parts for path in sources.get(part, [])]
        pieces = "".join(f'#include "{path}"\n' for path in (*names, *self.cpp))
        (work / f"{_ALL}.cpp").write_text(pieces, encoding="utf-8", errors="surrogateescape")
        objects = _library(work, self.top, [*compiler, *library], sources["global"])
        unit = f"{_ALL}.o"
        _run([[*compiler, *ours, "-c", "-o", unit, f"{_ALL}.cpp"]], work, self.top)
        linker = _words(made["options"], "ldflags")
        link = ["g++", unit, *objects, *linker, *toolchain.link_flags(), "-o", EXECUTABLE]
        _run([link], work, self.top)
        headers = _headers(work)
        for path in work.iterdir():
            if path.suffix in (".o", ".d", ".cpp", ".h"):
                path.unlink()
        given = {*self.files, *self.cpp}
        found = [path for path in (*_verilated(work), *headers) if path not in given]
        searched = [*self.folders, *toolchain.include_folders()]
        return Read(sorted(given), found, searched, self.suffixes)

    def _verilated(self, work: Path) -> None:
        """Run Verilator."""
        failed: UsageError | None = None
        try:
            _run([self.verilate()], work, self.top)
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


def _words(options: Mapping[str, Any], kind: str) -> list[str]:
    """What the user gave as ``-CFLAGS`` or ``-LDFLAGS``."""
    return [word for words in options.get(kind, []) for word in shlex.split(words)]


def _flags(options: Mapping[str, Any]) -> list[str]:
    """Options of the compiler that go with those of Verilator."""
    folders = (f"-I{folder}" for folder in toolchain.include_folders())
    macros = (
        f"-DVM_{_MACROS.get(switch, switch.upper())}={int(options[switch])}" for switch in _SWITCHES
    )
    return ["-MMD", "-I.", *folders, "-DVERILATOR=1", *macros, *_words(options, "cflags")]


def _library(work: Path, top: str, compiler: Sequence[str], sources: Sequence[str]) -> list[str]:
    """Object files of Verilator's run-time library: 9 of a build's 12 s, so shared by builds."""

    def make(partial: Path) -> Read:
        _run([[*compiler, "-c", path] for path in sources], partial, top)
        headers = _headers(partial)
        for path in partial.glob("*.d"):
            path.unlink()
        return Read(sources, headers, toolchain.include_folders())

    key = (compiler, list(sources), toolchain.fingerprint())
    folder = kept(work.parent, "runtime", key, make)
    return [str(folder / f"{Path(path).stem}.o") for path in sources]


def _verilated(work: Path) -> list[str]:
    """What Verilator read, from its own list; its program is known by its version."""
    text = os.fsdecode((work / "Vtop__verFiles.dat").read_bytes())
    paths = re.findall(r'^S .*?"[^"]*" "([^"]*)"$', text, re.MULTILINE)
    program = toolchain.verilator_command()[-1]
    return [path for path in paths if os.path.isabs(path) and path != program]  # noqa: PTH117


def _headers(work: Path) -> list[str]:
    """What the compiler read, from its own rules for make; what lies in ``work`` is made by us."""
    paths = set()
    for rule in set(work.glob("*.d")) - {work / "Vtop__ver.d"}:  # Verilator's, without quoting
        text = os.fsdecode(rule.read_bytes()).partition(": ")[2].replace("\\\n", " ")
        words = re.findall(r"(?:\\[ #]|\$\$|[^\s])+", text)
        paths |= {re.sub(r"\\([ #])", r"\1", word).replace("$$", "$") for word in words}
    return sorted(path for path in paths if os.path.isabs(path))  # noqa: PTH117


def _run(commands: Iterable[Sequence[str]], work: Path, top: str) -> None:
    """Run commands in ``work``, as many at a time as there are processors.

    The terminal's Ctrl-C does not reach them, so it is never taken for an error of theirs.
    """
    waiting = list(reversed([list(command) for command in commands]))
    running: list[tuple[subprocess.Popen[bytes], list[str], IO[bytes]]] = []
    jobs = len(os.sched_getaffinity(0))
    environment = toolchain.build_environment() | {"TMPDIR": str(work)}
    try:
        while waiting or running:
            if stopping.is_set():
                raise Interrupted
            while waiting and len(running) < jobs:
                command = waiting.pop()
                output = (work / f"step{len(waiting)}").open("w+b")
                try:
                    process = subprocess.Popen(
                        command,
                        cwd=work,
                        env=environment,
                        stdin=subprocess.DEVNULL,
                        stdout=output,
                        stderr=subprocess.STDOUT,
                        process_group=0,
                    )
                except OSError as error:
                    output.close()
                    raise UsageError(
                        f"building {top} failed: cannot start {command[0]}: {error.strerror}"
                    ) from None
                running.append((process, command, output))
            for entry in running[:]:
                if entry[0].poll() is not None:
                    running.remove(entry)
                    _ended(*entry, work / LOG, top)
            time.sleep(_PAUSE)
    finally:
        _end(running)


def _ended(
    process: subprocess.Popen[bytes], command: Sequence[str], output: IO[bytes], log: Path, top: str
) -> None:
    """Put what a command said into the log; an error if it failed."""
    with output:
        output.seek(0)
        said = output.read()
    Path(output.name).unlink()
    with log.open("ab") as file:
        file.write(os.fsencode(f"$ {shlex.join(command)}\n") + said)
    if process.returncode == 0:
        return
    code = process.returncode
    if -code in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # it was not yet out of reach
        raise Interrupted
    ending = f"signal {signal.Signals(-code).name}" if code < 0 else str(code)
    reason = _reason(said.decode(errors="replace")) or f"it ended with {ending}"
    raise UsageError(f"building {top} failed: {reason} (the whole log: {log})")


def _reason(text: str) -> str | None:
    for pattern in _REASONS:
        for line in text.splitlines():
            if re.search(pattern, line):
                return line.strip()
    lines = text.split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), None)


def _end(running: Sequence[tuple[subprocess.Popen[bytes], list[str], IO[bytes]]]) -> None:
    """End commands and what they started; the compiler tidies up when it is asked to end."""
    for process, _, output in running:
        output.close()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
    for process, _, _ in running:
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
