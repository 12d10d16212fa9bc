"""Mutants of SystemVerilog, on the syntax tree of slang."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pyslang.parsing import Token
from pyslang.syntax import SyntaxNode, SyntaxTree

from mutation.mutant import Site, spliced
from mutation.operators import SWAPS

__all__ = ["sites"]

Part = SyntaxNode | Token

#: Left alone: what only declares, what is checked elsewhere, and what no value can be seen in.
_SKIPPED = {
    "ParameterPortList",
    "AnsiPortList",
    "VariableDimension",
    "PackageImportDeclaration",
    "ConcurrentAssertionMember",
    "ImmediateAssertionMember",
    "DPIImport",
    "EventControlWithExpression",
    "LoopGenerate.header",
}
_ASSIGNMENTS = re.compile(r"\w*AssignmentExpression|Post\w+Expression|Unary\w+(In|De)crement\w*")
_BASES = {"b": 2, "o": 8, "d": 10, "h": 16}
_LITERAL = re.compile(r"(\d+)?'s?([bodh])([\da-f_]+)", re.IGNORECASE)


def sites(source: bytes) -> Iterator[Site]:
    """Every site of a SystemVerilog source, from its beginning to its end."""
    tree = SyntaxTree.fromText(source.decode())
    yield from _Walk(source).below(tree.root, in_reset=False)


class _Walk:
    def __init__(self, source: bytes) -> None:
        """Of a source whose bytes slang counts as we do."""
        self.source = source

    def below(self, node: SyntaxNode, in_reset: bool) -> Iterator[Site]:
        kind = node.kind.name
        if kind in _SKIPPED or self._checks(node) or self._unused(node):
            return
        yield from self._here(node, in_reset)
        resets = kind == "ConditionalStatement" and "rst_n" in self.text(_parts(node)[2])
        for child in node:
            if isinstance(child, SyntaxNode):
                branch = "ElseClause" not in child.kind.name
                yield from self.below(child, branch if resets else in_reset)

    def text(self, node: Part) -> str:
        start, end = _span(node)
        return self.source[start:end].decode()

    def _site(self, node: Part, text: str, operator: str) -> Site:
        start, end = _span(node)
        return spliced(self.source, start, end, text, operator)

    def _checks(self, node: SyntaxNode) -> bool:
        """Whether it stops the elaboration of what is illegal."""
        return node.kind.name == "IfGenerate" and "$fatal" in self.text(node)

    def _unused(self, node: SyntaxNode) -> bool:
        """Whether it drives a signal that is there to tell the lint what is not used."""
        return node.kind.name == "ContinuousAssign" and "assign unused" in self.text(node)

    def _here(self, node: SyntaxNode, in_reset: bool) -> Iterator[Site]:
        kind = node.kind.name
        parts = _parts(node)
        first = parts[0] if parts else node
        if kind == "ExpressionStatement" and _ASSIGNMENTS.fullmatch(first.kind.name):
            clocked = first.kind.name == "NonblockingAssignmentExpression"
            drop = "reset-drop" if in_reset else "nonblocking-drop" if clocked else "statement-drop"
            yield self._site(node, ";", drop)
        elif kind == "ContinuousAssign":
            assignment = next(_all(node, "AssignmentExpression"))
            yield self._site(_parts(assignment)[2], "'0", "assign-zero")
        elif kind == "StandardCaseItem":
            yield self._site(node, "", "case-drop")
        elif kind == "NamedPortConnection":
            yield from self._port(node)
        elif kind == "ConditionalPredicate":
            yield self._site(node, f"!({self.text(node)})", "negate")
            yield self._site(node, "1'b1", "condition-drop")
        elif kind in ("UnaryLogicalNotExpression", "UnaryBitwiseNotExpression"):
            yield self._site(node, f"({self.text(parts[1])})", "not-drop")
        elif kind in ("IntegerLiteralExpression", "IntegerVectorExpression"):
            yield from self._constant(node)
        elif kind == "UnbasedUnsizedLiteralExpression":
            flipped = {"'0": "'1", "'1": "'0"}.get(self.text(node))
            if flipped:
                yield self._site(node, flipped, "constant")
        elif kind in ("BitSelect", "AscendingRangeSelect"):
            yield self._site(first, f"({self.text(first)}) + 1", "select")
        elif kind == "SimpleRangeSelect":
            yield self._site(first, f"({self.text(first)}) - 1", "select")
            yield self._site(parts[2], f"({self.text(parts[2])}) + 1", "select")
        elif not kind.endswith("AssignmentExpression") and kind.endswith("Expression"):
            yield from self._operator(node)

    def _operator(self, node: SyntaxNode) -> Iterator[Site]:
        parts = _parts(node)
        if len(parts) != 3:
            return
        left, token, right = parts
        if not isinstance(token, Token):
            return
        for other in SWAPS.get(token.rawText, ()):
            yield self._site(token, other, "operator")
        if token.rawText in ("&&", "||"):
            yield self._site(node, f"({self.text(right)})", "term-drop")
            yield self._site(node, f"({self.text(left)})", "term-drop")

    def _constant(self, node: SyntaxNode) -> Iterator[Site]:
        text = self.text(node)
        found = _LITERAL.fullmatch(text.replace(" ", ""))
        if found:
            value = int(found[3].replace("_", ""), _BASES[found[2].lower()])
            width = int(found[1] or 32)
            for other in sorted({(value + 1) % 2**width, (value - 1) % 2**width} - {value}):
                yield self._site(node, f"{width}'d{other}", "constant")
        elif text.isdecimal():
            yield self._site(node, str(int(text) + 1), "constant")
            if int(text) > 0:
                yield self._site(node, str(int(text) - 1), "constant")

    def _port(self, node: SyntaxNode) -> Iterator[Site]:
        """An input that is tied; a tied output does not elaborate."""
        found = re.match(r"\.(\w+)", self.text(node))
        if found and not re.search(r"_o$|clk|_axi[sl]_", found[1]):
            for value in ("'0", "'1"):
                yield self._site(node, f".{found[1]}({value})", "port-tie")


def _all(node: SyntaxNode, kind: str) -> Iterator[SyntaxNode]:
    for child in node:
        if isinstance(child, SyntaxNode):
            if child.kind.name == kind:
                yield child
            yield from _all(child, kind)


def _parts(node: SyntaxNode) -> list[Part]:
    """What it is made of; slang has a place for what may be missing."""
    parts = [part for part in node if isinstance(part, SyntaxNode | Token)]
    return [part for part in parts if _span(part)[0] < _span(part)[1]]


def _span(node: Part) -> tuple[int, int]:
    found = node.range if isinstance(node, Token) else node.sourceRange
    return found.start.offset, found.end.offset
