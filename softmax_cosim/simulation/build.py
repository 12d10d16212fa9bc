"""Build a simulation executable, once per set of inputs.

A build is known by its command lines and by the contents of every file that Verilator and the
compiler read (:mod:`.cache`); it stands in ``<name>-<hashes>`` in the folder of the builds.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from softmax_cosim.configs import Config
from softmax_cosim.configs.errors import UsageError
from softmax_cosim.paths import RTL, build_folder
from softmax_cosim.simulation import joint, power_up, toolchain, wrapper
from softmax_cosim.simulation.cache import kept
from softmax_cosim.simulation.compile import DESIGN, EXECUTABLE, LOG, PROFILES, Job

__all__ = [
    "PROFILES",
    "Build",
    "build",
    "literal",
    "parameters_of",
    "property_sources",
    "rtl_sources",
]

#: With ``public=False`` cocotb sees these signals of the top module and nothing else: its ports.
_PORTS = ("*_i", "*_ni", "*_o", "*_axis_*", "*_axil_*")


@dataclass(frozen=True)
class Build:
    """A simulation that is ready to run."""

    executable: Path
    folder: Path
    top: str
    design: Path | None = None
    """The library that the executable loads; it may load others as well."""

    @property
    def is_there(self) -> bool:
        """Whether nobody has deleted it."""
        return self.executable.is_file() and (self.design is None or self.design.is_file())

    @property
    def log(self) -> Path:
        """What the tools said when it was made."""
        return self.folder / LOG

    @property
    def warnings(self) -> int:
        """How many warnings Verilator gave of a design that is not ours."""
        try:
            return joint.warnings(self.log.read_text(errors="replace"))
        except OSError:
            return 0

    def command(
        self, *, draw: str = "1", waves: Path | None = None, plusargs: Sequence[str] = ()
    ) -> list[str]:
        """The command line that starts the simulation.

        Args:
            draw: what registers hold before reset, see :mod:`.power_up`.
            waves: VCD file to write; the build must have been made with ``waves=True``.
            plusargs: further arguments for the model.
        """
        trace = ["--trace", "--trace-file", str(waves)] if waves else []
        design = [str(self.design)] if self.design else []
        return [str(self.executable), *design, *trace, *power_up.plusargs(draw), *plusargs]

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
            test_modules, toplevel or self.top, seed=seed, tests=tests, results=results
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
    ours = {"ROW_EXP": int(cfg.row_exp), "BASE2": int(cfg.base2)}
    return values | (ours if cfg.method == "split" else {})


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


def property_sources(cfg: Config | None = None) -> list[Path]:
    """The properties of the streams, and the files that bind them into the RTL.

    Of a design of somebody's own, those that hold for any stream.
    """
    pattern = "stream_hold_*.sv" if cfg and cfg.design else "*.sv"
    return sorted((RTL / "sva").glob(pattern))


def build(
    cfg: Config | None = None,
    *,
    top: str = "softmax_top",
    name: str | None = None,
    sources: Sequence[Path] | None = None,
    extra_sources: Sequence[Path] = (),
    cpp: Sequence[Path] = (),
    main: Path | None = None,
    host: Path | None = None,
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
        host: C++ of a program that is to load the design, which then needs no main.
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
    written: dict[str, str] = {} if public else {"ports.vlt": _ports_only(top)}
    judge = None
    if sources is None:
        sources = rtl_sources()
        if cfg and cfg.design:
            sources, reading = _of_design(cfg, written), _reading(cfg)
            judge = joint.Joint(cfg, [*reading, *_absolute(sources)]).fault
            args = [*reading, *args]
    values = (parameters_of(cfg) if cfg else {}) | dict(parameters or {})
    job = Job(
        top=top,
        files=_absolute([*sources, *extra_sources]),
        written=written,
        cpp=_absolute([*cpp, *([] if host else [main or toolchain.cocotb_main()])]),
        arguments=[
            *(["--public-flat-rw"] if public else []),
            *(["--trace"] if waves else []),
            *toolchain.verilator_arguments(args),
            *(f"-G{key}={literal(value)}" for key, value in values.items()),
        ],
        profile=profile,
        judge=judge,
        hosted_by=_absolute([host])[0] if host else None,
    )
    label = name or (cfg.name if cfg else top)
    root = (build_root or build_folder("sim")).resolve()
    try:
        folder = kept(root, label, job.key(), job.make)
        if host:
            return Build(Path(job.host(folder).made[0]), folder, top, folder / DESIGN)
    except OSError as error:
        about = f" ({error.filename})" if error.filename else ""
        raise UsageError(f"cannot build in {root}: {error.strerror}{about}") from error
    return Build(folder / EXECUTABLE, folder, top)


def _absolute(files: Sequence[Path]) -> list[str]:
    """Paths as the tools open them.

    Raises:
        UsageError: one cannot be read.
    """
    for file in files:
        toolchain.check_path(file)
        try:
            file.open("rb").close()
        except OSError as error:
            raise UsageError(f"cannot read the source {file}: {error.strerror}") from None
    return [os.path.abspath(file) for file in files]  # noqa: PTH100 (links are followed by nobody)


def _of_design(cfg: Config, written: dict[str, str]) -> list[Path]:
    """The files of somebody's own design; what goes around it is added to ``written``.

    Raises:
        UsageError: it has none, or a parameter cannot be given.
    """
    rtl = cfg.design and cfg.design.rtl
    if not rtl:
        raise UsageError(
            f"{cfg.name} is a golden model without RTL; name its top module and sources, "
            "or measure the model alone: cosim score"
        )
    written[wrapper.NAME] = wrapper.written(cfg)
    return rtl.paths


def _reading(cfg: Config) -> list[str]:
    """How Verilator is to read a design that is not ours, whose warnings are its owner's."""
    assert cfg.design is not None
    assert cfg.design.rtl is not None
    rtl = cfg.design.rtl
    return [
        *("-Wno-fatal", "--no-timing"),
        *(f"-I{folder}" for folder in rtl.include_dirs),
        *(word for folder in rtl.libraries for word in ("-y", folder)),
        *(f"+libext+{suffix}" for suffix in rtl.suffixes),
        *(f"+define+{name}={value}" for name, value in rtl.defines.items()),
        *([f"+{rtl.language}ext+v"] if rtl.language else []),
        *(["+define+COSIM_LENGTH"] if wrapper.has_length(cfg) else []),
    ]


def literal(value: str | int) -> str:
    """A parameter's value as SystemVerilog writes it."""
    return f'"{value}"' if isinstance(value, str) else str(value)


def _ports_only(top: str) -> str:
    rules = (f'public_flat_rw -module "{top}" -var "{port}"' for port in _PORTS)
    return "\n".join(("`verilator_config", *rules, ""))
