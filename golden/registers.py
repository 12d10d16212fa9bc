"""The register map, as ``rtl/registers.toml`` has it: names, addresses, and what a build answers.

Addresses are in bytes; every register is one word of 32 bits.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from softmax_cosim.configs import Config
from softmax_cosim.golden.tables import LOADABLE, Loaded

__all__ = [
    "SOURCE",
    "Field",
    "Map",
    "Register",
    "Window",
    "entries",
    "load",
    "parse",
    "value",
]

#: Where the map lives, in a source tree.
SOURCE = Path(__file__).resolve().parents[1] / "rtl" / "registers.toml"

#: What writing does, and nothing else is legal.
ACCESS = ("ro", "rw", "w1s", "w1c", "clear")
WORD = 4

#: Tables whose first entry or row, for a sum of nothing, does not exist.
_FROM_ONE = ("LUT_ALPHA", "LUT_SIGMA")


@dataclasses.dataclass(frozen=True)
class Field:
    """Some bits of a register."""

    name: str
    lsb: int
    width: int
    description: str
    parameter: str = ""
    """The field of :class:`configs.Config` that it shows, if it shows one."""
    values: tuple[str, ...] = ()
    """What the parameter may be, in the order of the codes; else it is a number."""

    def get(self, word: int) -> int:
        """The field's value in a register's word."""
        return word >> self.lsb & (1 << self.width) - 1


@dataclasses.dataclass(frozen=True)
class Register:
    """One word."""

    name: str
    offset: int
    access: str
    description: str
    reset: int = 0
    """Value after reset, without the fields that show a parameter."""
    fields: Mapping[str, Field] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Window:
    """A table's entries, to be written one word each."""

    name: str
    offset: int
    entries: int
    """Words of address space; a power of two, of which a build's table takes a part."""
    method: str
    """The method that has the table."""
    description: str
    stride: int = 1
    """Words from one entry, or one row of entries, to the next."""


@dataclasses.dataclass(frozen=True)
class Map:
    """Every register and window, by name, in the order of their addresses.

    Raises:
        ValueError: at construction, for a map that contradicts itself.
    """

    address_width: int
    registers: Mapping[str, Register]
    windows: Mapping[str, Window]

    def __post_init__(self) -> None:
        end = 0
        for register in self.registers.values():
            _check(register.offset % WORD == 0, register.name, "is not at a multiple of 4")
            _check(register.offset >= end, register.name, "overlaps what stands before it")
            _check(register.access in ACCESS, register.name, f"has access {register.access!r}")
            _check(0 <= register.reset < 2**32, register.name, "has a reset value past 32 bits")
            end, bit = register.offset + WORD, 0
            for field in register.fields.values():
                place = f"{register.name}.{field.name}"
                _check(field.width > 0 and bit <= field.lsb, place, "overlaps the field below it")
                bit = field.lsb + field.width
                _check(bit <= 8 * WORD, place, "does not fit a word")
                _check(len(field.values) <= 1 << field.width, place, "has too many values")
        for window in self.windows.values():
            size = WORD * window.entries
            _check(size & (size - 1) == 0, window.name, "is not as large as a power of two")
            _check(window.offset % size == 0, window.name, "is not at a multiple of its size")
            _check(window.stride & (window.stride - 1) == 0, window.name, "has an odd stride")
            _check(window.offset >= end, window.name, "overlaps what stands before it")
            end = window.offset + size
        _check(end <= 1 << self.address_width, "address_width", "is too small")


def _check(right: bool, name: str, what: str) -> None:
    if not right:
        raise ValueError(f"register map: {name} {what}")


def parse(text: str) -> Map:
    """The map that a TOML text describes.

    Raises:
        ValueError: a map that contradicts itself, or names something twice.
        TypeError: an unknown or a missing key.
    """
    source = tomllib.loads(text)
    major, minor = source["version"]
    registers = [_register(entry) for entry in source["register"]]
    windows = [Window(**entry) for entry in source["window"]]
    by_name = {register.name: register for register in registers}
    found = Map(source["address_width"], by_name, {window.name: window for window in windows})
    _check(len(found.registers) == len(registers), "a register", "is named twice")
    _check(len(found.windows) == len(windows), "a window", "is named twice")
    version = by_name["VERSION"]
    fields = version.fields
    reset = major << fields["MAJOR"].lsb | minor << fields["MINOR"].lsb
    by_name["VERSION"] = dataclasses.replace(version, reset=reset)
    return found


def _register(entry: dict[str, Any]) -> Register:
    fields = {
        name: Field(name, **(values | {"values": tuple(values.get("values", ()))}))
        for name, values in entry.pop("field", {}).items()
    }
    return Register(**entry, fields=fields)


@cache
def load() -> Map:
    """The register map of this source tree."""
    return parse(SOURCE.read_text(encoding="utf-8"))


def value(register: Register, cfg: Config, *, loadable: bool = True) -> int:
    """What a build answers right after reset; ``loadable`` as it was built."""
    word = register.reset
    for field in register.fields.values():
        if field.parameter:
            shown = getattr(cfg, field.parameter)
            code = field.values.index(shown) if field.values else int(shown)
            word |= code << field.lsb
        elif field.name == "LOADABLE":
            word |= int(loadable and cfg.method in LOADABLE) << field.lsb
    return word


def entries(loaded: Loaded) -> Iterator[tuple[int, int]]:
    """The writes that load tables, as addresses and words, in the order of the addresses.

    Entry 0 of LUT_alpha and row 0 of LUT_sigma do not exist.
    """
    windows = load().windows
    for name, table in loaded.items():
        window = windows[name]
        first = 1 if name in _FROM_ONE else 0
        for index in range(first, len(table)):
            row = table[index : index + 1].ravel()  # one entry, or a row of entries
            for column, word in enumerate(row.tolist()):
                yield window.offset + WORD * (index * window.stride + column), word
