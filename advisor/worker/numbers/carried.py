"""Expressions of the request, whose numbers stand in other places than in their own text: see PLACES of
``advisor/discovery/request.py``."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Sequence
from types import CodeType
from typing import Any

from .loading import follows
from .rewriting import _filled, _Rewriter
from .strings import placed
from .traced import Literal, of_literal

Site = Sequence[Any]
"""File, line, column, end line, end column, as in :class:`advisor.graph.Span`."""

_KINDS = (int, float, str)
_NAME = "<string>"


def compiled(text: str, mode: str, sites: Sequence[Site | None]) -> CodeType:
    """The code of an expression (``mode`` ``eval``) or of statements (``exec``), in which the numbers are traced that
    have a place in ``sites``. Raises what compiling it raises."""
    tree: Any = ast.parse(text, _NAME, mode)
    found = _constants(tree)
    places = {id(c): s for c, s in zip(found, sites, strict=False) if s is not None and follows(s[0])}
    if len(found) != len(sites) or not places:
        return compile(tree, _NAME, mode, dont_inherit=True)
    rewriter = _Carried(places)
    rewriter.node(tree)
    return _filled(compile(tree, _NAME, mode, dont_inherit=True), rewriter.found)


def _constants(tree: ast.AST) -> list[ast.Constant]:
    """The numbers and strings in the order of the text, those within f-strings left out."""
    found: list[ast.Constant] = []
    todo = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Constant) and type(node.value) in _KINDS:
            found.append(node)
        elif not isinstance(node, ast.JoinedStr):
            todo += ast.iter_child_nodes(node)
    return sorted(found, key=lambda c: (c.lineno, c.col_offset))


class _Carried(_Rewriter):
    """Marks the literals that have a place."""

    def __init__(self, places: dict[int, Site]) -> None:
        super().__init__(_NAME, [])
        self._places = places

    def _constant(self, node: ast.Constant) -> None:
        site, value = self._places.get(id(node)), node.value
        if site is None or not value:
            return
        file, line, column, end_line, end_column = site
        (start, _), (end, _) = byte_column(file, line, column), byte_column(file, end_line, end_column)
        if isinstance(value, int | float):
            self._mark(node, of_literal(Literal(file, (line, start, end_line, end), value)))
        elif isinstance(value, str) and line == end_line and end - start == len(value.encode()) + 2:
            self._mark(node, placed(value, (file, line, start + 1)))  # no prefix and no escapes: only its quotes


def byte_column(file: str, line: int, column: int) -> tuple[int, str]:
    """A column in code points from 1 as UTF-8 bytes from 0, and the text from there on."""
    text = linecache.getline(file, line)
    return len(text[: column - 1].encode(errors="surrogatepass")), text[column - 1 :]
