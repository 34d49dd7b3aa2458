"""What a literal is written in, as a person reads it: the row of a table, the call, the default of a parameter."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

from .. import syntax
from ..graph import Span

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


class Around(NamedTuple):
    """``text`` of what holds the literal, on one line; ``position`` among its items from 1, 0 where it is not counted,
    in a call or an assignment."""

    text: str
    position: int = 0


class Text:
    """One file by its lines (without their ends), parsed once somebody asks."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = [line.rstrip("\n") for line in lines]

    def around(self, span: Span) -> Around:
        """What the literal at ``span`` is written in; its line where the file is no Python."""
        if not 0 < span.line <= len(self._lines):
            return Around("")
        path = list(self._path(span))
        if path and isinstance(path[-1], ast.Constant) and isinstance(path[-1].value, str):
            return Around(self._segment(path[-1]))  # a string that spells out a layer
        for inner, outer in zip(reversed(path), reversed(path[:-1]), strict=False):
            found = self._within(inner, outer)
            if found is not None:
                return found
        return Around(" ".join(self._lines[span.line - 1].split()))

    def _within(self, inner: ast.AST, outer: ast.AST) -> Around | None:
        """``inner`` as a part of ``outer``, where that is what a person would call it."""
        if isinstance(outer, ast.List | ast.Tuple | ast.Set):
            position = next((n for n, e in enumerate(outer.elts, 1) if e is inner), 0)
            return Around(self._segment(outer), position if len(outer.elts) > 1 else 0)
        if isinstance(outer, ast.Dict):
            key = next((k for k, v in zip(outer.keys, outer.values, strict=True) if v is inner), None)
            return Around(f"{self._segment(key)}: {self._segment(inner)}" if key is not None else self._segment(inner))
        if isinstance(outer, ast.Call | ast.stmt) and not isinstance(outer, _FUNCTIONS):
            return Around(self._segment(outer)) if isinstance(outer, ast.Call | ast.Assign | ast.AnnAssign) else None
        if isinstance(outer, _FUNCTIONS):
            name = _defaulted(outer.args, inner)
            return Around(f"{name}={self._segment(inner)}") if name else None
        return None

    def _path(self, span: Span) -> Iterator[ast.AST]:
        """The nodes around ``span``, outermost first."""
        first, last = self._byte(span.line, span.column), self._byte(span.end_line, span.end_column)
        node: ast.AST | None = self._tree
        while node is not None:
            node = next((n for n in _children(node) if _starts(n) <= first and last <= _ends(n)), None)
            if node is not None:
                yield node

    @cached_property
    def _tree(self) -> ast.AST | None:
        try:
            return syntax.module("\n".join(self._lines))
        except (SyntaxError, ValueError, RecursionError):
            return None

    def _byte(self, line: int, column: int) -> tuple[int, int]:
        text = self._lines[line - 1] if line <= len(self._lines) else ""
        return line, len(text[: column - 1].encode(errors="surrogatepass"))

    def _segment(self, node: ast.AST) -> str:
        (line, start), (end_line, end) = _starts(node), _ends(node)
        rows = [row.encode(errors="surrogatepass") for row in self._lines[line - 1 : end_line]]
        rows[-1] = rows[-1][:end]
        rows[0] = rows[0][start:]
        return " ".join(b"\n".join(rows).decode(errors="replace").split())


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes below that have a place, those of parts without one in these' stead."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr | ast.stmt | ast.keyword | ast.excepthandler):
            yield child
        else:
            yield from _children(child)


_Placed = ast.expr | ast.stmt | ast.keyword | ast.excepthandler


def _starts(node: ast.AST) -> tuple[int, int]:
    assert isinstance(node, _Placed)
    return node.lineno, node.col_offset


def _ends(node: ast.AST) -> tuple[int, int]:
    assert isinstance(node, _Placed)
    return node.end_lineno or node.lineno, node.end_col_offset or node.col_offset


def _defaulted(arguments: ast.arguments, value: ast.AST) -> str:
    """The parameter whose default ``value`` is."""
    positional = [*arguments.posonlyargs, *arguments.args]
    pairs = [
        *zip(positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    return next((parameter.arg for parameter, default in pairs if default is value), "")
