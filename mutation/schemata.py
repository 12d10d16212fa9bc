"""Many mutants of SystemVerilog in one source; which one is at work is chosen when it runs.

A statement, a continuous assignment or what an input of an instance is given stands there once for
each of its mutants, behind ``if (chosen == its number)``, and once as it was. So one build serves
hundreds of mutants. What is decided at elaboration (constants, generate blocks, what packages
compute) cannot be chosen so late; such a mutant wants a build of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pyslang.parsing import Token
from pyslang.syntax import SyntaxNode, SyntaxTree

from mutation.mutant import Mutant

__all__ = ["CHOSEN", "CPP", "PACKAGE", "blamed", "guarded", "mark", "mentioned"]

#: Environment variable: the number of the mutant at work; none without it.
CHOSEN = "COSIM_MUTANT"

PACKAGE = """/// Which mutant is at work, as the environment says.
package mutants_pkg;
  import "DPI-C" function int unsigned mutant_chosen();
  int unsigned chosen = mutant_chosen();
endpackage
"""
CPP = f"""#include <cstdlib>
extern "C" unsigned int mutant_chosen() {{
  const char* text = std::getenv("{CHOSEN}");
  return text ? std::strtoul(text, nullptr, 10) : 0;
}}
"""
#: Numbers that nothing else in a design has, to be found in what Verilator writes.
_FIRST = 0x5A3C0000
_GUARD = re.compile(r"mutants_pkg::chosen == 32'd(\d+)")
_KINDS = {
    "ContinuousAssign": "assign",
    "NamedPortConnection": "port",
    **dict.fromkeys(
        (
            *("ExpressionStatement", "ConditionalStatement", "CaseStatement"),
            *("ForLoopStatement", "ReturnStatement"),
        ),
        "statement",
    ),
}


def mark(n: int) -> int:
    """The number that chooses the mutant that is ``n``-th."""
    return _FIRST + n


def mentioned(text: str) -> set[int]:
    """Which mutants are in C++ that Verilator wrote; in the other ones this design has no part."""
    found = (int(number, 16) for number in re.findall(r"0x(5a3c[0-9a-f]{4})U", text))
    return {number - _FIRST for number in found}


@dataclass
class _Holder:
    """A part of a source that can stand there several times."""

    kind: str
    start: int
    end: int
    inner: list[_Holder] = field(default_factory=list)
    mutants: list[tuple[int, bytes]] = field(default_factory=list)
    """Number, and the part changed."""


def guarded(source: bytes, mutants: Mapping[int, Mutant]) -> tuple[bytes, set[int]]:
    """A source with all of these mutants that can be chosen late, and which ones they are."""
    root = _Holder("root", 0, len(source))
    tree = SyntaxTree.fromText(source.decode())
    _collect(source, tree.root, root)
    placed = set()
    for n, mutant in mutants.items():
        start, end, text = _change(source, mutant.text)
        if holder := _smallest(source, root, start, end):
            changed = source[holder.start : start] + text + source[end : holder.end]
            holder.mutants.append((n, changed))
            placed.add(n)
    return _rendered(source, root), placed


def blamed(text: bytes, lines: Iterable[int]) -> set[int]:
    """The mutants that stand in these lines of a guarded source."""
    found, written = set(), text.decode().splitlines()
    for line in lines:
        for above in reversed(written[:line]):
            if numbers := _GUARD.findall(above):
                found.add(int(numbers[-1]) - _FIRST)
                break
    return found


def _change(source: bytes, text: bytes) -> tuple[int, int, bytes]:
    """What has to be cut out of a source, and what comes in its place."""
    most = min(len(source), len(text))
    start = next((at for at in range(most) if source[at] != text[at]), most)
    tail = 0
    while tail < most - start and source[-1 - tail] == text[-1 - tail]:
        tail += 1
    return start, len(source) - tail, text[start : len(text) - tail]


def _collect(source: bytes, node: SyntaxNode, holder: _Holder) -> None:
    """Put every part below a node that can stand several times where it belongs."""
    if node.kind.name == "FunctionDeclaration":  # constants may be made of it
        return
    kind = _KINDS.get(node.kind.name)
    made = _Holder(kind, *_span(node)) if kind else None
    if made:
        holder.inner.append(made)
    for child in node:
        if isinstance(child, SyntaxNode):
            _collect(source, child, made or holder)


def _smallest(source: bytes, holder: _Holder, start: int, end: int) -> _Holder | None:
    """The smallest part around a change."""
    for inner in holder.inner:
        if inner.start <= start and end <= inner.end:
            return _smallest(source, inner, start, end)
    # What is assigned to cannot be chosen: it would have two drivers.
    driven = holder.kind == "assign" and start < source.index(b"=", holder.start)
    return None if holder.kind == "root" or driven else holder


def _rendered(source: bytes, holder: _Holder) -> bytes:
    """A part with its mutants and those of what is within."""
    at, pieces = holder.start, []
    for inner in sorted(holder.inner, key=lambda inner: inner.start):
        pieces += [source[at : inner.start], _rendered(source, inner)]
        at = inner.end
    plain = b"".join([*pieces, source[at : holder.end]])
    if not holder.mutants:
        return plain
    if holder.kind == "port":
        return _port(plain, holder.mutants)
    if holder.kind == "assign":
        chain = _chain(_assignment(plain), [(n, _assignment(text)) for n, text in holder.mutants])
        return b"always_comb begin\n" + chain + b"end"
    return b"begin\n" + _chain(plain, holder.mutants) + b"end"


def _chain(plain: bytes, mutants: Sequence[tuple[int, bytes]]) -> bytes:
    parts = [f"if ({_chosen(n)}) begin\n".encode() + text + b"\nend else " for n, text in mutants]
    return b"".join(parts) + b"begin\n" + plain + b"\nend\n"


def _chosen(n: int) -> str:
    return f"mutants_pkg::chosen == 32'd{mark(n)}"


def _assignment(text: bytes) -> bytes:
    return re.sub(rb"^\s*assign\b", b"", text)


def _port(plain: bytes, mutants: Sequence[tuple[int, bytes]]) -> bytes:
    name, value = _connection(plain)
    for n, text in mutants:
        guard = f"({_chosen(n)}) ?\n(".encode()  # each on a line, by which it is blamed
        value = guard + _connection(text)[1] + b") :\n(" + value + b")"
    return b"." + name + b"(" + value + b")"


def _connection(text: bytes) -> tuple[bytes, bytes]:
    """Name of a port, and what it is connected to."""
    found = re.fullmatch(rb"\s*\.(\w+)\s*(?:\((.*)\))?\s*", text, re.DOTALL)
    assert found, text
    return found[1], found[2] if found[2] is not None else found[1]


def _span(node: SyntaxNode | Token) -> tuple[int, int]:
    found = node.range if isinstance(node, Token) else node.sourceRange
    return found.start.offset, found.end.offset
