"""What a Liberty file says: its groups, and its tables, between whose points one interpolates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from softmax_cosim.configs import UsageError

__all__ = ["Group", "Table", "parse", "tables"]

_TOKEN = re.compile(
    r'(?s:/\*.*?\*/)|\\\r?\n|[ \t\r\f]+|"(?P<string>[^"]*)"|(?P<mark>[(){};:,\n])|'
    r'(?P<word>[^\s"(){};:,\\]+)'
)
_LOAD = "total_output_net_capacitance"
_SLOPES = ("input_transition_time", "input_net_transition")

Token = tuple[str, str]
"""Its text as a mark, and as a word; one is empty."""


@dataclass
class Group:
    """``kind (name, ...) { key : value; key (value, ...); groups }``."""

    kind: str
    names: list[str] = field(default_factory=list)
    values: dict[str, list[str]] = field(default_factory=dict)
    """Of several attributes of one name, the last."""
    groups: list[Group] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The first of its names; empty without any."""
        return self.names[0] if self.names else ""

    def all(self, *kinds: str) -> Iterator[Group]:
        """The groups within it that are of these kinds."""
        return (group for group in self.groups if group.kind in kinds)

    def has(self, kind: str) -> bool:
        """Whether there is such a group, however deep within it."""
        return any(group.kind == kind or group.has(kind) for group in self.groups)

    def text(self, key: str) -> str:
        """The first value of an attribute; empty without it."""
        return (self.values.get(key) or [""])[0]

    def number(self, key: str) -> float | None:
        """The first value of an attribute; None without it.

        Raises:
            UsageError: it is no number.
        """
        return float(self.numbers(key)[0]) if self.text(key) else None

    def numbers(self, key: str) -> npt.NDArray[np.float64]:
        """All numbers of an attribute.

        Raises:
            UsageError: there is none, or something else.
        """
        words = " ".join(self.values.get(key, [])).replace(",", " ").split()
        try:
            return np.array([float(word) for word in words or [""]])
        except ValueError:
            raise UsageError(f"{key} of {self.kind} {self.name} is not numbers") from None


@dataclass(frozen=True)
class Table:
    """Values over the load of an output and the slope of an input, or one of them, or neither."""

    loads: npt.NDArray[np.float64]
    slopes: npt.NDArray[np.float64]
    values: npt.NDArray[np.float64]
    """Shape [loads, slopes]."""

    def at(self, load: float, slope: float) -> float:
        """Interpolated between the points around; beyond the outermost, as there."""
        along = [np.interp(slope, self.slopes, row) for row in self.values]
        return float(np.interp(load, self.loads, along))


def parse(text: str) -> Group:
    """The groups of a file that Yosys takes for a library; the outermost has no name."""
    top = Group("file")
    _fill(top, [*_tokens(text)][::-1])
    return top


def tables(group: Group, kinds: tuple[str, ...], templates: Mapping[str, Group]) -> list[Table]:
    """The tables of these kinds in a group.

    Raises:
        UsageError: one that is not over load and slope, or of another size than its axes.
    """
    return [_table(one, templates) for one in group.all(*kinds)]


def _table(group: Group, templates: Mapping[str, Group]) -> Table:
    template = templates.get(group.name, Group("template"))
    loads = slopes = np.zeros(1)
    order = []
    for axis in "12":
        variable = template.text(f"variable_{axis}")
        if not variable:
            continue
        own = f"index_{axis}" in group.values
        points = (group if own else template).numbers(f"index_{axis}")
        if variable == _LOAD:
            loads = points
        elif variable in _SLOPES:
            slopes = points
        else:
            raise UsageError(f"a table {group.kind} is over {variable}, which is not known here")
        order.append(variable)
    values = group.numbers("values")
    if values.size != loads.size * slopes.size:
        raise UsageError(f"a table {group.kind} ({group.name}) has {values.size} values")
    if order[:1] == [_LOAD] or len(order) < 2:
        return Table(loads, slopes, values.reshape(loads.size, slopes.size))
    return Table(loads, slopes, values.reshape(slopes.size, loads.size).T)


def _tokens(text: str) -> Iterator[Token]:
    for found in _TOKEN.finditer(text):
        if found["mark"]:
            yield found["mark"], ""
        elif found.lastgroup:
            yield "", found[found.lastgroup]


def _fill(group: Group, tokens: list[Token]) -> None:
    """Take what stands in a group, and its end, off the end of the tokens."""
    while tokens:
        mark, word = tokens.pop()
        if mark == "}":
            return
        if not word or not tokens:
            continue
        mark, _ = tokens.pop()
        if mark == ":":
            group.values[word] = _until(tokens, ";\n")
        elif mark == "(":
            given = _until(tokens, ")")
            while tokens and tokens[-1][0] == "\n":
                tokens.pop()
            if tokens and tokens[-1][0] == "{":
                tokens.pop()
                inner = Group(word, " ".join(given).replace(",", " ").split())
                _fill(inner, tokens)
                group.groups.append(inner)
            else:
                group.values[word] = given


def _until(tokens: list[Token], ends: str) -> list[str]:
    """Words up to a mark."""
    words = []
    while tokens:
        mark, word = tokens.pop()
        if mark and mark in ends:
            break
        if not mark:
            words.append(word)
    return words
