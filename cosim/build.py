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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from configs import Config
from configs.errors import UsageError
from cosim import toolchain

__all__ = ["PROFILES", "ROOT", "Build", "build", "parameters_of", "rtl_sources"]

ROOT = Path(__file__).resolve().parents[1]

#: Compiler options: ``test`` compiles fast, ``fast`` runs fast.
PROFILES: Mapping[str, Sequence[str]] = {
    "test": ("OPT_FAST=-O1", "OPT_SLOW=-O0", "OPT_GLOBAL=-O1"),
    "fast": ("OPT_FAST=-O3 -march=native", "OPT_SLOW=-O1", "OPT_GLOBAL=-O3 -march=native"),
}

#: With ``public=False`` cocotb sees these signals of the top module and nothing else: its ports.
_PORTS = ("clk_i", "rst_ni", "*_axis_*", "*_i", "*_o")


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
        """The environment for :meth:`command`; see :func:`cosim.toolchain.run_environment`."""
        return toolchain.run_environment(
            test_modules, toplevel or self.top, seed=seed, tests=tests, results=results, root=ROOT
        )


def parameters_of(cfg: Config) -> dict[str, str | int]:
    """The SystemVerilog parameters that make the core this configuration."""
    return {
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


def rtl_sources() -> list[Path]:
    """The RTL, packages first, as listed in ``rtl/softmax.f``.

    Raises:
        UsageError: the list or a file in it is missing.
    """
    listing = ROOT / "rtl" / "softmax.f"
    if not listing.is_file():
        raise UsageError(f"{listing} is missing; run from a clone of the project")
    lines = (line.split("//")[0].strip() for line in listing.read_text().splitlines())
    paths = [listing.parent / line for line in lines if line]
    for path in paths:
        if not path.is_file():
            raise UsageError(f"{path}, listed in {listing}, is missing")
    return paths


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
        sources: SystemVerilog files, packages first; the RTL when not given.
        extra_sources: further SystemVerilog or ``.vlt`` files.
        cpp: C++ files to link; headers beside them count as inputs.
        main: the C++ main; cocotb's own when not given.
        parameters: overrides and additions to the parameters of ``cfg``.
        public: whether cocotb sees every signal, or (faster) only the top module's ports.
        waves: whether the executable can write a VCD waveform; free while it does not.
        profile: a key of :data:`PROFILES`.
        args: further arguments for Verilator.
        build_root: folder of the builds; ``build/sim`` when not given.

    Raises:
        UsageError: a tool is missing, the folder cannot be written, or the build failed; then the
            sentence holds the first error and names the log.
    """
    toolchain.check()
    files = [*(rtl_sources() if sources is None else sources), *extra_sources]
    values = (parameters_of(cfg) if cfg else {}) | dict(parameters or {})
    job = _Job(
        top=top,
        files=[Path(file).resolve() for file in files],
        cpp=[Path(file).resolve() for file in (*cpp, main or toolchain.cocotb_main())],
        arguments=[
            *(["--public-flat-rw"] if public else []),
            *(["--trace"] if waves else []),
            *toolchain.verilator_arguments(args),
            *(f"-G{key}={_literal(value)}" for key, value in values.items()),
        ],
        ports_public=not public,
        make=[*toolchain.make_arguments(), *PROFILES[profile]],
    )
    label = name or (cfg.name if cfg else top)
    folder = (build_root or ROOT / "build" / "sim") / f"{label}-{job.key()}"
    if " " in str(folder):
        raise UsageError(
            f"make cannot build in {folder}: move the project to a path without spaces"
        )
    if not folder.is_dir():
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with _locked(folder.with_name(f"{folder.name}.lock")):
                if not folder.is_dir():
                    _run(job, folder)
        except OSError as error:
            raise UsageError(f"cannot build in {folder.parent}: {error.strerror}") from error
    return Build(folder / job.executable, folder, top)


@dataclass(frozen=True)
class _Job:
    top: str
    files: list[Path]
    cpp: list[Path]
    arguments: list[str]
    ports_public: bool
    make: list[str]
    executable: str = "simulation"

    def key(self) -> str:
        """Hash of everything that shapes the executable; 12 hexadecimal digits."""
        digest = hashlib.sha256()
        parts = (self.top, self.arguments, self.ports_public, self.make, toolchain.fingerprint())
        digest.update(repr(parts).encode())
        headers = {header for file in self.cpp for header in file.parent.glob("*.h")}
        for file in (*self.files, *self.cpp, *sorted(headers)):
            try:
                content = file.read_bytes()
            except OSError as error:
                raise UsageError(f"cannot read the source {file}: {error.strerror}") from None
            digest.update(f"\0{file.name}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()[:12]


def _literal(value: str | int) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _run(job: _Job, folder: Path) -> None:
    work = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    log = work / "build.log"
    extra: list[str] = []
    if job.ports_public:
        control = work / "ports.vlt"
        rules = (f'public_flat_rw -module "{job.top}" -var "{port}"' for port in _PORTS)
        control.write_text("\n".join(("`verilator_config", *rules, "")))
        extra.append(str(control))
    verilate = [
        str(toolchain.verilator()),
        *("--cc", "--exe", "--vpi", "--assert", "--x-assign", "unique", "--x-initial", "unique"),
        *("-Mdir", str(work), "--prefix", "Vtop", "-o", job.executable, "--top-module", job.top),
        *("-LDFLAGS", toolchain.link_flags()),
        *job.arguments,
        *map(str, job.cpp),
        *extra,
        *map(str, job.files),
    ]
    cores = len(os.sched_getaffinity(0))
    make = ["make", "-C", str(work), "-f", "Vtop.mk", f"-j{cores}", *job.make]
    for command in (verilate, make):
        _call(command, log, job, folder)
    for pattern in ("*.o", "*.a", "*.gch", "*.d"):
        for file in work.glob(pattern):
            file.unlink()
    work.rename(folder)


def _call(command: list[str], log: Path, job: _Job, folder: Path) -> None:
    with log.open("a") as output:
        print("$", *command, file=output, flush=True)
        code = subprocess.run(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=toolchain.build_environment(),
            check=False,
        ).returncode
    if code == 0:
        return
    kept = folder.with_name(f"{folder.name}.log")
    shutil.copy(log, kept)
    text = log.read_text(errors="replace")
    found = re.search(r"^.*(%Error|%Warning|\berror:|\*\*\*).*$", text, re.MULTILINE)
    reason = found.group().strip() if found else f"{command[0]} ended with {code}"
    raise UsageError(f"building {job.top} failed: {reason} (the whole log: {kept})")
