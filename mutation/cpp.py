"""Mutants of C++, on the syntax tree of tree-sitter."""

from __future__ import annotations

import re
from collections.abc import Iterator

import tree_sitter_cpp
from tree_sitter import Language, Node, Parser

from mutation.mutant import Site, spliced
from mutation.operators import SWAPS

__all__ = ["sites"]

_WITH_OPERATOR = {"binary_expression", "assignment_expression", "update_expression"}
_INTEGER = re.compile(r"(\d+)([uUlL]*)")
#: What stands in them is a type, or text.
_SKIPPED = {"template_argument_list", "type_descriptor", "preproc_include", "linkage.string"}


def sites(source: bytes) -> Iterator[Site]:
    """Every site of a C++ source, from its beginning to its end."""
    yield from _below(source, Parser(Language(tree_sitter_cpp.language())).parse(source).root_node)


def _below(source: bytes, node: Node) -> Iterator[Site]:
    if node.type in _SKIPPED:
        return
    yield from _here(source, node)
    for child in node.children:
        yield from _below(source, child)


def _here(source: bytes, node: Node) -> Iterator[Site]:
    def text(part: Node | None) -> str:
        return source[part.start_byte : part.end_byte].decode() if part else ""

    def site(part: Node, becomes: str, operator: str) -> Site:
        return spliced(source, part.start_byte, part.end_byte, becomes, operator)

    if node.type in _WITH_OPERATOR and (token := node.child_by_field_name("operator")):
        for other in SWAPS.get(text(token), ()):
            yield site(token, other, "operator")
        if text(token) in ("&&", "||"):
            for side in ("right", "left"):
                yield site(node, f"({text(node.child_by_field_name(side))})", "term-drop")
    elif node.type == "expression_statement":
        yield site(node, ";", "statement-drop")
    elif node.type == "unary_expression" and text(node)[0] in "!~-":
        yield site(node, f"({text(node.child_by_field_name('argument'))})", "not-drop")
    elif node.type in ("true", "false"):
        yield site(node, {"true": "false", "false": "true"}[node.type], "constant")
    elif node.type == "number_literal" and (found := _INTEGER.fullmatch(text(node))):
        value = int(found[1])
        for number in (value + 1, value - 1) if value else (1,):
            yield site(node, f"{number}{found[2]}", "constant")
    elif node.type in ("if_statement", "while_statement", "conditional_expression"):
        condition = node.child_by_field_name("condition")
        if condition and condition.type == "condition_clause":
            condition = condition.child_by_field_name("value")
        if condition:
            yield site(condition, f"!({text(condition)})", "negate")
            yield site(condition, "true", "condition-drop")
