"""A design of somebody's own: what it is made of, how it speaks, and what is known of it.

In a configuration's file these are keys beside the numbers; ``docs/own-rtl.md`` explains each.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from softmax_cosim.configs import filelist
from softmax_cosim.configs.errors import UsageError
from softmax_cosim.configs.formula import Formula
from softmax_cosim.configs.there import is_dir, is_file

__all__ = ["KEYS", "Design", "Ports", "Rtl"]

LANGUAGES = ("1364-1995", "1364-2001", "1364-2005", "1800-2005", "1800-2009", "1800-2012")
LAYOUTS = ("packed", "unpacked", "ports")
INPUTS = ("valid", "start")
OUTPUTS = ("valid", "done", "level", "after")
_NAME = re.compile(r"[A-Za-z_][\w$]*")
_LANE = re.compile(r"\{lane(?:\+(\d{1,4}))?\}")


@dataclass(frozen=True)
class Ports:
    """The design's pins: ``""`` for one that it does not have."""

    clock: str = "clk"
    reset: str = "rst_n"
    reset_active: str = "low"
    in_valid: str = ""
    in_ready: str = ""
    in_busy: str = ""
    """High when a row cannot be taken: the opposite of ready."""
    in_data: str = ""
    in_keep: str = ""
    """One bit a lane, set where there is an element; likewise ``out_keep``."""
    in_mask: str = ""
    """One bit a lane, set where the element takes no part."""
    in_first: str = ""
    """High with the first beat of a row; ``in_last`` and ``out_last`` with its last."""
    in_last: str = ""
    in_length: str = ""
    """Elements of the row, as a number that stands with each of its beats."""
    out_valid: str = ""
    out_ready: str = ""
    out_data: str = ""
    out_keep: str = ""
    out_last: str = ""
    tie: Mapping[str, int] = dataclasses.field(default_factory=dict, hash=False)
    """Further inputs, held at these values."""
    layout: str = "packed"
    """Lanes of data as one vector, as an unpacked array, or as ports of which ``{lane}`` in the
    name counts from 0, ``{lane+1}`` from 1."""
    first_lane: str = "low"
    """Where lane 0 lies in a vector: in the ``low`` or the ``high`` bits."""

    @classmethod
    def of(cls, values: object, where: str) -> Self:
        """From the table ``[ports]`` of a configuration.

        Raises:
            UsageError: naming what is wrong in ``where``.
        """
        if not isinstance(values, dict):
            raise UsageError(f"{where}: ports is {values!r}; give a table [ports]")
        known = [field.name for field in dataclasses.fields(cls)]
        for key, value in values.items():
            if key not in known:
                raise UsageError(
                    f"{where}: unknown key ports.{key}; the keys are {', '.join(known)}"
                )
            if key != "tie" and not isinstance(value, str):
                raise UsageError(f"{where}: ports.{key} = {value!r}; give the name of a port")
        ports = cls(**values)
        ports._check(where)
        return ports

    def _check(self, where: str) -> None:
        for key, options in (
            ("reset_active", ("low", "high")),
            ("layout", LAYOUTS),
            ("first_lane", ("low", "high")),
        ):
            if getattr(self, key) not in options:
                raise UsageError(
                    f"{where}: ports.{key} = {getattr(self, key)!r}; "
                    f"choose one of {', '.join(options)}"
                )
        for key in ("in_data", "out_data", "clock"):
            if not getattr(self, key):
                raise UsageError(f"{where}: ports.{key} is missing; name the port")
        for key, name in self.names.items():
            shown = self.of_lane(name, 0) if key in ("in_data", "out_data") else name
            if not _NAME.fullmatch(shown):
                raise UsageError(f"{where}: ports.{key} = {name!r} is no name of a port")
            if key in ("in_data", "out_data") and bool(_LANE.search(name)) != (
                self.layout == "ports"
            ):
                raise UsageError(
                    f"{where}: ports.{key} = {name!r} with layout {self.layout}; "
                    "{lane} in the name goes with layout ports"
                )
        seen: dict[str, str] = {}
        for key, name in self.names.items():
            if name in seen:
                raise UsageError(f"{where}: ports.{seen[name]} and ports.{key} are both {name!r}")
            seen[name] = key
        if not isinstance(self.tie, dict) or not all(
            isinstance(value, int) and not isinstance(value, bool) for value in self.tie.values()
        ):
            raise UsageError(f"{where}: ports.tie = {self.tie!r}; give {{port = number}}")
        if self.in_ready and self.in_busy:
            raise UsageError(f"{where}: ports.in_ready and ports.in_busy; name one of them")

    @staticmethod
    def of_lane(name: str, lane: int) -> str:
        """The port of a lane, of a name with ``{lane}``."""
        return _LANE.sub(lambda found: str(lane + int(found[1] or 0)), name)

    @property
    def names(self) -> dict[str, str]:
        """The ports that there are, by key."""
        options = ("tie", "layout", "first_lane", "reset_active")
        every = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {key: name for key, name in every.items() if name and key not in options}


@dataclass(frozen=True)
class Rtl:
    """SystemVerilog or Verilog of a design, and what it takes to read it."""

    top: str
    files: tuple[str, ...] = ()
    """Absolute paths, packages first."""
    include_dirs: tuple[str, ...] = ()
    defines: Mapping[str, str] = dataclasses.field(default_factory=dict, hash=False)
    libraries: tuple[str, ...] = ()
    """Folders in which modules are looked for that no file has."""
    suffixes: tuple[str, ...] = ()
    parameters: Mapping[str, str | int] = dataclasses.field(default_factory=dict, hash=False)
    language: str = ""
    """Of files that end in ``.v``; empty for SystemVerilog."""

    @property
    def paths(self) -> list[Path]:
        """The files."""
        return [Path(file) for file in self.files]


@dataclass(frozen=True)
class Design:
    """What a configuration says of a design of somebody's own, beside its numbers."""

    file: str
    """The configuration."""
    rtl: Rtl | None = None
    """None for a golden model alone."""
    ports: Ports | None = None
    """None for the ports and the five parameters of ``rtl/softmax_top.sv``."""
    input: str = "valid"
    """``valid``: with each beat, or ``start``: a pulse with a row, and the next after its end; the
    row stays at the input until then."""
    output: str = "valid"
    """``valid``: with each beat; ``done``: a pulse; ``level``: rises, and stays until the next row;
    ``after``: a number of cycles after the beat went in."""
    after: int = 0
    """Cycles, with ``output = "after"``."""
    overlap: bool = True
    """Whether a row may go in before the one before came out."""
    golden: str = ""
    """``module:function`` beside the file, see :mod:`.golden.own`; empty when there is none."""
    tolerance: int = 0
    """Steps of the output format by which an output may differ from the golden model's."""
    latency: str = ""
    """Cycles of a row, see :mod:`.configs.formula`; empty when nobody knows them."""
    table_bytes: int | None = None
    reference: str = "softmax"
    """What the float model computes of a row: ``softmax``, or ``module:function``."""
    longer: str = "refuse"
    """What becomes of rows that are too long: ``refuse`` the trace, or ``leave out`` the rows."""

    @property
    def folder(self) -> Path:
        """Where the configuration's file is."""
        return Path(self.file).parent

    @property
    def backpressure(self) -> bool:
        """Whether its output can be made to wait."""
        return self.ports is None or bool(self.ports.out_ready)

    @classmethod
    def revived(cls, values: Mapping[str, Any]) -> Self:
        """From what :func:`dataclasses.asdict` made of one."""
        rtl, ports = values["rtl"], values["ports"]
        made = dict(values)
        if rtl is not None:
            lists = {key: tuple(value) for key, value in rtl.items() if isinstance(value, list)}
            made["rtl"] = Rtl(**dict(rtl) | lists)
        made["ports"] = None if ports is None else Ports(**ports)
        return cls(**made)

    @classmethod
    def of(cls, path: Path, values: Mapping[str, Any]) -> Self:
        """From the keys of a configuration's file that are a design's.

        Raises:
            UsageError: naming the file and what is wrong.
        """
        checked = _Checked(path, values)
        handshake = values.get("handshake", {})
        if not isinstance(handshake, dict) or set(handshake) - set(_HANDSHAKE):
            raise UsageError(
                f"{path}: handshake is {handshake!r}; its keys are {', '.join(_HANDSHAKE)}"
            )
        spoken = _Checked(path, handshake, "handshake.")
        input = spoken.choice("input", INPUTS, "valid")
        output = spoken.choice("output", OUTPUTS, "valid")
        design = cls(
            file=str(path.resolve()),
            rtl=checked.rtl(),
            ports=Ports.of(values["ports"], str(path)) if "ports" in values else None,
            input=input,
            output=output,
            after=spoken.count("after", 0, 100_000),
            overlap=spoken.flag("overlap", input != "start"),
            golden=checked.text("golden"),
            tolerance=checked.count("tolerance", 0, 2**31),
            latency=checked.text("latency"),
            table_bytes=checked.count("table_bytes", None, 2**40),
            reference=checked.text("reference", "softmax"),
            longer=checked.choice("longer", ("refuse", "leave out"), "refuse"),
        )
        design._check(path, handshake)
        return design

    def _check(self, path: Path, handshake: Mapping[str, Any]) -> None:
        if self.rtl is None and not self.golden:
            raise UsageError(
                f"{path}: neither method, top nor golden is there; "
                "name one of our methods, the top module of a design, or a golden function"
            )
        if self.rtl is None and self.ports is not None:
            raise UsageError(f"{path}: ports without top; name the design's top module")
        if self.tolerance and not self.golden:
            raise UsageError(f"{path}: tolerance without golden; there is nothing to differ from")
        if self.latency:
            Formula.parse(self.latency, f"{path}: latency")
        if handshake and self.ports is None:
            raise UsageError(f"{path}: handshake without ports; say what the ports are called")
        if self.ports is None:
            return
        pin = self.ports.in_valid
        if not pin:
            raise UsageError(f"{path}: ports.in_valid is missing; name the port that starts a beat")
        if self.input == "start" and self.overlap:
            raise UsageError(
                f'{path}: handshake.overlap = true goes with handshake.input = "valid"; '
                "what is started takes a row when it is done with the one before"
            )
        if self.output == "after":
            if "after" not in handshake or self.ports.out_valid:
                raise UsageError(
                    f"{path}: handshake.output after wants handshake.after = CYCLES, "
                    "and no ports.out_valid"
                )
        elif not self.ports.out_valid:
            raise UsageError(
                f"{path}: ports.out_valid is missing; name the port, or say "
                'handshake.output = "after" with handshake.after = CYCLES'
            )
        if self.output != "valid" and self.ports.out_ready:
            raise UsageError(f"{path}: ports.out_ready goes with handshake.output valid")


_HANDSHAKE = ("input", "output", "after", "overlap")
#: The keys of a configuration's file that belong here.
KEYS = (
    *("top", "sources", "filelist", "include_dirs", "defines", "parameters", "language"),
    *("ports", "handshake", "golden", "tolerance", "latency", "table_bytes", "reference", "longer"),
)


@dataclass(frozen=True)
class _Checked:
    """Values of a file, checked one by one."""

    path: Path
    values: Mapping[str, Any]
    prefix: str = ""

    def wrong(self, key: str, wanted: str) -> UsageError:
        return UsageError(f"{self.path}: {self.prefix}{key} = {self.values[key]!r}; give {wanted}")

    def text(self, key: str, default: str = "") -> str:
        value = self.values.get(key, default)
        if not isinstance(value, str):
            raise self.wrong(key, "a text")
        return value

    def choice(self, key: str, options: tuple[str, ...], default: str) -> str:
        value = self.values.get(key, default)
        if value not in options:
            raise self.wrong(key, f"one of {', '.join(options)}")
        return str(value)

    def flag(self, key: str, default: bool) -> bool:
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def count(self, key: str, default: Any, most: int) -> Any:
        value = self.values.get(key, default)
        if value is not default and (
            not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most
        ):
            raise self.wrong(key, f"a whole number from 0 to {most}")
        return value

    def texts(self, key: str) -> list[str]:
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self.wrong(key, "a list of file names")
        return value

    def table(self, key: str) -> dict[str, str | int]:
        value = self.values.get(key, {})
        good = isinstance(value, dict) and all(
            isinstance(each, str | int) and not isinstance(each, bool) and _NAME.fullmatch(name)
            for name, each in value.items()
        )
        if not good:
            raise self.wrong(key, "a table of names with texts or whole numbers")
        return dict(value)

    def rtl(self) -> Rtl | None:
        """The keys that name sources."""
        top, folder = self.text("top"), self.path.resolve().parent
        made_of = ("sources", "filelist", "include_dirs", "defines", "parameters", "language")
        if not top:
            for key in made_of:
                if key in self.values:
                    raise UsageError(f"{self.path}: {key} without top; name the top module")
            return None
        if not _NAME.fullmatch(top):
            raise self.wrong("top", "the name of a module")
        listed = filelist.FileList()
        if name := self.text("filelist"):
            listed = filelist.read(folder / name)
        for source in self.texts("sources"):
            if not is_file(folder / source):
                raise UsageError(f"{self.path}: the source {source} does not exist in {folder}")
            listed.files.append(folder / source)
        for name in self.texts("include_dirs"):
            if not is_dir(folder / name):
                raise UsageError(f"{self.path}: the folder {name} does not exist in {folder}")
            listed.include_dirs.append(folder / name)
        if not listed.files and not listed.libraries:
            raise UsageError(f"{self.path}: top without sources; give sources or filelist")
        language = self.text("language")
        if language and language not in LANGUAGES:
            raise self.wrong("language", f"one of {', '.join(LANGUAGES)}")
        if language and not any(file.suffix == ".v" for file in listed.files):
            raise UsageError(f"{self.path}: language is that of files *.v, and there are none")
        defines = {name: str(value) for name, value in self.table("defines").items()}
        return Rtl(
            top=top,
            files=tuple(str(file) for file in listed.files),
            include_dirs=tuple(map(str, listed.include_dirs)),
            defines=listed.defines | defines,
            libraries=tuple(map(str, listed.libraries)),
            suffixes=tuple(listed.suffixes),
            parameters=self.table("parameters"),
            language=language,
        )
