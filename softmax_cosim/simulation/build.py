"""Build a simulation executable, once per set of inputs.

A build is keyed by the contents of everything that goes into it: sources, parameters, flags and
tools. It stands in ``build/sim/<name>-<key>`` and is never half there: the work is done beside it
and moved into place at the end, under a lock, so that parallel processes build it once.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from softmax_cosim.configs import Config
from softmax_cosim.configs.errors import UsageError
from softmax_cosim.files import atomic_file
from softmax_cosim.paths import ROOT, RTL, TB, build_folder
from softmax_cosim.simulation import toolchain

__all__ = [
    "PROFILES",
    "Build",
    "build",
    "literal",
    "once",
    "parameters_of",
    "property_sources",
    "rtl_sources",
]

#: Compiler options: ``test`` compiles fast, ``fast`` runs fast.
PROFILES: Mapping[str, Sequence[str]] = {
    "test": ("OPT_FAST=-O1", "OPT_SLOW=-O0", "OPT_GLOBAL=-O1"),
    "fast": ("OPT_FAST=-O3 -march=native", "OPT_SLOW=-O1", "OPT_GLOBAL=-O3 -march=native"),
}

#: With ``public=False`` cocotb sees these signals of the top module and nothing else: its ports.
_PORTS = ("*_i", "*_ni", "*_o", "*_axis_*")

_EXECUTABLE = "simulation"


@dataclass(frozen=True)
class Build:
    """A simulation that is ready to run."""

    executable: Path
    folder: Path
    top: str

    def command(
        self, *, seed: int = 0, waves: Path | None = None, plusargs: Sequence[str] = ()
    ) -> list[str]:
        """The command line that starts the simulation.

        Args:
            seed: what registers hold before reset is drawn from it.
            waves: VCD file to write; the build must have been made with ``waves=True``.
            plusargs: further arguments for the model.
        """
        trace = ["--trace", "--trace-file", str(waves)] if waves else []
        # Verilator takes 0 for "pick a seed", and at most 31 bits.
        chosen = seed % 0x7FFFFFFE + 1
        rand = ["+verilator+rand+reset+2", f"+verilator+seed+{chosen}"]
        return [str(self.executable), *trace, *rand, *plusargs]

    def environment(
        self,
        test_modules: str | Sequence[str],
        toplevel: str | None = None,
        *,
        seed: int | None = None,
        tests: str | None = None,
        results: Path | None = None,
    ) -> dict[str, str]:
        """The environment for :meth:`command`; see :func:`.toolchain.run_environment`."""
        return toolchain.run_environment(
            test_modules, toplevel or self.top, seed=seed, tests=tests, results=results, root=ROOT
        )


def parameters_of(cfg: Config) -> dict[str, str | int]:
    """The SystemVerilog parameters that make the core this configuration."""
    values: dict[str, str | int] = {
        "METHOD": cfg.method,
        "INDEX": cfg.index,
        "SUM_INDEX": cfg.sum_index,
        "IN_W": cfg.in_w,
        "F": cfg.frac,
        "W": cfg.w,
        "LANES": cfg.lanes,
        "MAX_LEN": cfg.max_len,
        "XS": cfg.xs,
        "KE": cfg.ke,
    }
    return values | ({"ROW_EXP": int(cfg.row_exp)} if cfg.method == "split" else {})


def rtl_sources() -> list[Path]:
    """The RTL, packages first, as listed in ``rtl/softmax.f``.

    Raises:
        UsageError: the list or a file in it is missing.
    """
    listing = RTL / "softmax.f"
    if not listing.is_file():
        raise UsageError(f"{listing} is missing; run from a clone of the project")
    lines = (line.split("//")[0].strip() for line in listing.read_text().splitlines())
    paths = [listing.parent / line for line in lines if line]
    for path in paths:
        if not path.is_file():
            raise UsageError(f"{path}, listed in {listing}, is missing")
    return paths


def property_sources() -> list[Path]:
    """The properties of the core's streams, and the file that binds them into the RTL."""
    return sorted((RTL / "sva").glob("*.sv"))


def build(
    cfg: Config | None = None,
    *,
    top: str = "softmax_top",
    name: str | None = None,
    sources: Sequence[Path] | None = None,
    extra_sources: Sequence[Path] = (),
    cpp: Sequence[Path] = (),
    main: Path | None = None,
    parameters: Mapping[str, str | int] | None = None,
    public: bool = True,
    waves: bool = False,
    profile: str = "test",
    args: Sequence[str] = (),
    build_root: Path | None = None,
) -> Build:
    """Build a simulation executable, or find the one built before.

    Args:
        cfg: configuration; gives the parameters and the name when those are not given.
        top: name of the top module.
        name: first part of the folder's name; the configuration's name, else the top's.
        sources: SystemVerilog files, packages first; the RTL, or the design that ``cfg`` names,
            when not given.
        extra_sources: further SystemVerilog or ``.vlt`` files.
        cpp: C++ files to link; headers beside them count as inputs.
        main: the C++ main; cocotb's own when not given.
        parameters: overrides and additions to the parameters of ``cfg``.
        public: whether cocotb sees every signal, or (faster) only the top module's ports.
        waves: whether the executable can write a VCD waveform; free while it does not.
        profile: a key of :data:`PROFILES`.
        args: further arguments for Verilator.
        build_root: folder of the builds; :func:`.paths.build_folder` when not given.

    Raises:
        UsageError: a tool is missing, the folder cannot be written, or the build failed; then the
            sentence holds the first error and names the log.
    """
    toolchain.check()
    if sources is None:
        sources = rtl_sources()
        if cfg and cfg.method == "custom":
            sources = [*cfg.source_files, _custom_top(cfg.top)]
    files = [*sources, *extra_sources]
    values = (parameters_of(cfg) if cfg else {}) | dict(parameters or {})
    job = _Job(
        top=top,
        files=[Path(file).resolve() for file in files],
        cpp=[Path(file).resolve() for file in (*cpp, main or toolchain.cocotb_main())],
        arguments=[
            *(["--public-flat-rw"] if public else []),
            *(["--trace"] if waves else []),
            *toolchain.verilator_arguments(args),
            *(f"-G{key}={literal(value)}" for key, value in values.items()),
        ],
        control="" if public else _ports_only(top),
        make=[*toolchain.make_arguments(), *PROFILES[profile]],
    )
    label = name or (cfg.name if cfg else top)
    folder = (build_root or build_folder("sim")) / f"{label}-{job.key()}"
    if " " in str(folder):
        raise UsageError(
            f"make cannot build in {folder}: move the project to a path without spaces"
        )
    try:
        once(folder, lambda work: _compile(job, work))
    except OSError as error:
        raise UsageError(f"cannot build in {folder.parent}: {error.strerror}") from error
    return Build(folder / _EXECUTABLE, folder, top)


def _custom_top(design: str) -> Path:
    """The core's place taken by the module ``design``."""
    text = (TB / "custom_top.sv.in").read_text(encoding="utf-8")
    path = build_folder("custom") / design / "softmax_top.sv"
    with atomic_file(path) as temporary:
        temporary.write_text(text.replace("@DESIGN@", design), encoding="utf-8")
    return path


@dataclass(frozen=True)
class _Job:
    top: str
    files: list[Path]
    cpp: list[Path]
    arguments: list[str]
    control: str
    make: list[str]

    def verilate(self, work: Path) -> list[str]:
        """Verilator's command line for a build in the folder ``work``."""
        return [
            *(str(toolchain.verilator()), "--cc", "--exe", "--vpi", "--assert"),
            *("--x-assign", "unique", "--x-initial", "unique"),
            # One C++ file: half the compiler's time of several, which would precompile headers.
            *("--output-split", "0"),
            *("-Mdir", str(work), "--prefix", "Vtop", "-o", _EXECUTABLE),
            *("--top-module", self.top, "-LDFLAGS", toolchain.link_flags()),
            *self.arguments,
            *map(str, self.cpp),
            *([str(work / "ports.vlt")] if self.control else []),
            *map(str, self.files),
        ]

    def key(self) -> str:
        """Hash of everything that shapes the executable; 12 hexadecimal digits."""
        digest = hashlib.sha256()
        parts = (self.verilate(Path()), self.control, self.make, toolchain.fingerprint())
        digest.update(repr(parts).encode())
        headers = {header for file in self.cpp for header in file.parent.glob("*.h")}
        for file in (*self.files, *self.cpp, *sorted(headers)):
            try:
                content = file.read_bytes()
            except OSError as error:
                raise UsageError(f"cannot read the source {file}: {error.strerror}") from None
            digest.update(f"{len(content)} ".encode() + content)
        return digest.hexdigest()[:12]


def literal(value: str | int) -> str:
    """A parameter's value as SystemVerilog writes it."""
    return f'"{value}"' if isinstance(value, str) else str(value)


def _ports_only(top: str) -> str:
    rules = (f'public_flat_rw -module "{top}" -var "{port}"' for port in _PORTS)
    return "\n".join(("`verilator_config", *rules, ""))


def once(folder: Path, make: Callable[[Path], None]) -> None:
    """Have ``make`` fill ``folder``, unless it is there; whole or not at all, one at a time."""
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.is_dir():
            return
        work = folder.with_name(f"{folder.name}.partial")
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        make(work)
        work.rename(folder)


def _compile(job: _Job, work: Path) -> None:
    if job.control:
        (work / "ports.vlt").write_text(job.control)
    _call(job.verilate(work), job.top, work)
    make = ["make", "-C", str(work), "-f", "Vtop.mk", f"-j{len(os.sched_getaffinity(0))}"]
    make += job.make
    runtime = _runtime(make, job.top, work)
    _call(
        [*make, "VM_GLOBAL_FAST=", "VM_GLOBAL_SLOW=", f"USER_LDLIBS={' '.join(runtime)}"],
        job.top,
        work,
    )
    for pattern in ("*.o", "*.a", "*.gch", "*.d"):
        for file in work.glob(pattern):
            file.unlink()


def _runtime(make: list[str], top: str, work: Path) -> list[str]:
    """Object files of Verilator's run-time library: 9 of a build's 12 s, so shared by builds."""
    classes = (work / "Vtop_classes.mk").read_text()
    switches = re.findall(r"^VM_(?!PARALLEL)\w+ = .*$", classes, re.MULTILINE)
    flags = re.findall(r"^VM_USER_CFLAGS.*?\n\n", (work / "Vtop.mk").read_text(), re.DOTALL | re.M)
    names = re.findall(r"^  (verilated\w*)", classes, re.MULTILINE)
    options = [word for word in make if "=" in word]
    parts = (switches, flags, names, options, toolchain.fingerprint())
    key = hashlib.sha256(repr(parts).encode()).hexdigest()[:12]
    folder = work.parent / f"runtime-{key}"

    def compile_them(partial: Path) -> None:
        objects = [f"{name}.o" for name in names]
        _call([*make, *objects], top, work)
        for file in objects:
            (work / file).rename(partial / file)

    once(folder, compile_them)
    return [str(folder / f"{name}.o") for name in names]


def _call(command: list[str], top: str, work: Path) -> None:
    log = work / "build.log"
    with log.open("a") as output:
        print("$", *command, file=output, flush=True)
        environment = toolchain.build_environment()
        code = subprocess.run(
            command, stdout=output, stderr=subprocess.STDOUT, env=environment, check=False
        ).returncode
    if code != 0:
        text = log.read_text(errors="replace")
        found = re.search(r"^.*(%Error|%Warning|\berror:|\*\*\*).*$", text, re.MULTILINE)
        reason = found.group().strip() if found else f"{command[0]} ended with {code}"
        raise UsageError(f"building {top} failed: {reason} (the whole log: {log})")
