"""Mutants of Python: the operators of cosmic-ray, and statements dropped, of which it has none."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code

from mutation.mutant import Site, spliced

__all__ = ["sites"]

#: Of two hundred operators, those that turn one into its nearest other, as `SWAPS` do.
_BINARY = (
    *("Add_Sub", "Sub_Add", "Mul_Add", "Div_Mul", "FloorDiv_Mul", "Mod_FloorDiv", "Pow_Mul"),
    *("LShift_RShift", "RShift_LShift", "BitOr_BitAnd", "BitAnd_BitOr", "BitXor_BitOr"),
)
_COMPARISON = (
    *("Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is", "Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt"),
    *("Gt_GtE", "Gt_LtE", "GtE_Gt", "GtE_Lt"),
)
_OPERATORS = (
    *(f"ReplaceBinaryOperator_{pair}" for pair in _BINARY),
    *(f"ReplaceComparisonOperator_{pair}" for pair in _COMPARISON),
    *(f"ReplaceUnaryOperator_Delete_{sign}" for sign in ("USub", "Invert", "Not")),
    *("AddNot", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "ReplaceAndWithOr"),
    *("ReplaceOrWithAnd", "ReplaceBreakWithContinue", "ReplaceContinueWithBreak"),
    *("ExceptionReplacer", "NumberReplacer", "ZeroIterationForLoop"),
)


def sites(source: bytes) -> Iterator[Site]:
    """Every site of a Python source, from its beginning to its end."""
    found = [*_replaced(source.decode()), *_dropped(source)]
    yield from sorted(found, key=lambda site: (site.line, site.column))


def _replaced(source: str) -> Iterator[Site]:
    nodes, unseen = list(ast_nodes(get_ast(source))), _annotations(source)
    for name in _OPERATORS:
        operator, occurrence = plugins.get_operator(f"core/{name}")(), 0
        for node in nodes:
            for (line, column), _ in operator.mutation_positions(node):
                if not any(low <= (line, column) < high for low, high in unseen):
                    change = _change(source, operator, occurrence)
                    yield Site(line, column + 1, name.removeprefix("Replace"), change)
                occurrence += 1


def _change(source: str, operator: Any, occurrence: int) -> Callable[[], bytes]:
    return lambda: str(mutate_code(source, operator, occurrence)).encode()


Span = tuple[tuple[int, int], tuple[int, int]]


def _annotations(source: str) -> list[Span]:
    """Where types stand, which nobody evaluates."""
    found: list[ast.expr | None] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.arg | ast.AnnAssign):
            found.append(node.annotation)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append(node.returns)
    return [_span(node) for node in found if node]


def _span(node: ast.expr | ast.stmt) -> Span:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)


def _dropped(source: bytes) -> Iterator[Site]:
    starts = [0]
    for text in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(text))
    for node in ast.walk(ast.parse(source)):
        called = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Await)
        if called or isinstance(node, ast.AugAssign | ast.Raise | ast.Assert):
            assert isinstance(node, ast.stmt)
            (line, column), (last, end) = _span(node)
            start, stop = starts[line - 1] + column, starts[last - 1] + end
            yield spliced(source, start, stop, "pass", "statement-drop")
