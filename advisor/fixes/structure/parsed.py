"""One Python file as LibCST reads it, with the place of every node and what the file defines."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import cached_property
from typing import TypeVar, cast

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider

from ...graph import Span
from ...recent import Recent
from ..proposal import Unfixable

_NEWLINE = re.compile(r"\r\n?")
_N = TypeVar("_N", bound=cst.CSTNode)

Definition = cst.FunctionDef | cst.ClassDef


class Parsed:
    """The tree of one text (lines end in ``\\n``), whose nodes have spans as the graph's: columns in code points."""

    def __init__(self, file: str, text: str) -> None:
        """Raises :class:`Unfixable` for what LibCST cannot parse."""
        self.file = file
        self.text = _NEWLINE.sub("\n", text)
        try:
            wrapper = MetadataWrapper(cst.parse_module(self.text), unsafe_skip_copy=True)
        except cst.ParserSyntaxError as e:
            raise Unfixable(f"{file} cannot be edited: line {e.raw_line}: {e.message}") from e
        except RecursionError as e:
            raise Unfixable(f"{file} cannot be edited: its expressions are nested too deeply") from e
        self.tree = wrapper.module
        self._places = cast("Mapping[cst.CSTNode, CodeRange]", wrapper.resolve(PositionProvider))
        self._parents = _parents(self.tree)
        self._kinds: dict[type[cst.CSTNode], tuple[list[tuple[int, int]], list[cst.CSTNode]]] = {}

    @cached_property
    def lines(self) -> list[str]:
        """Without line ends."""
        return self.text.split("\n")

    # ---- places

    def span(self, node: cst.CSTNode) -> Span:
        """The place of a node, parentheses around an expression and blanks left out."""
        place = self._places[node]
        start, end = place.start, place.end
        return Span(self.file, start.line, start.column + 1, end.line, end.column + 1)

    def written(self, node: cst.CSTNode) -> str:
        """The text of a node as it stands in the file."""
        return self.between(self.span(node))

    def between(self, span: Span) -> str:
        """The text of a span."""
        lines = self.lines[span.line - 1 : span.end_line]
        if not lines:
            return ""
        lines[-1] = lines[-1][: span.end_column - 1]
        lines[0] = lines[0][span.column - 1 :]
        return "\n".join(lines)

    def indent(self, line: int) -> str:
        """The blanks at the beginning of a line."""
        text = self.lines[line - 1]
        return text[: len(text) - len(text.lstrip())]

    # ---- nodes

    @cached_property
    def nodes(self) -> list[cst.CSTNode]:
        """Every node that stands below another."""
        return list(self._parents)

    def each(self, kind: type[_N], within: cst.CSTNode | None = None) -> Iterator[_N]:
        """All nodes of a kind, or those ``within`` another, in the order of the text."""
        starts, found = self._of_kind(kind)
        if within is None or isinstance(within, cst.Module):
            yield from cast("list[_N]", found)
            return
        span = self.span(within)
        for i in range(bisect_left(starts, span[1:3]), len(starts)):
            if starts[i] > span[3:]:
                return
            node = found[i]
            if self.inside(node, within):
                yield cast("_N", node)

    def _of_kind(self, kind: type[cst.CSTNode]) -> tuple[list[tuple[int, int]], list[cst.CSTNode]]:
        """Where the nodes of a kind begin, and the nodes."""
        if kind not in self._kinds:
            found = [(self.span(n)[1:3], i, n) for i, n in enumerate(self.nodes) if isinstance(n, kind)]
            found.sort(key=lambda f: f[:2])
            self._kinds[kind] = [f[0] for f in found], [f[2] for f in found]
        return self._kinds[kind]

    def parent(self, node: cst.CSTNode) -> cst.CSTNode | None:
        return self._parents.get(node)

    def around(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """What a node stands in, innermost first."""
        at = self.parent(node)
        while at is not None:
            yield at
            at = self.parent(at)

    def inside(self, node: cst.CSTNode, outer: cst.CSTNode) -> bool:
        """Whether ``node`` is ``outer`` or stands in it."""
        return node is outer or any(n is outer for n in self.around(node))

    def enclosing(self, node: cst.CSTNode, *kinds: type[_N]) -> _N | None:
        """The innermost node of the kinds that ``node`` stands in: its function, its class, its statement."""
        return next((n for n in self.around(node) if isinstance(n, kinds)), None)

    def statement(self, node: cst.CSTNode) -> cst.SimpleStatementLine | cst.BaseCompoundStatement | None:
        """The statement that ``node`` is a part of."""
        if isinstance(node, cst.SimpleStatementLine | cst.BaseCompoundStatement):
            return node
        return self.enclosing(node, cst.SimpleStatementLine, cst.BaseCompoundStatement)

    @cached_property
    def _by_end(self) -> dict[tuple[int, int], list[cst.BaseExpression]]:
        found: dict[tuple[int, int], list[cst.BaseExpression]] = {}
        for node in self.nodes:
            if isinstance(node, cst.BaseExpression) and node in self._places:
                found.setdefault(self.span(node)[3:], []).append(node)
        return found

    def expression(self, span: Span) -> cst.BaseExpression | None:
        """The outermost expression at exactly that place."""
        same = [n for n in self._by_end.get(span[3:], ()) if self.span(n)[1:] == span[1:]]
        return next((n for n in same if self.parent(n) not in same), None)

    def call_node(self, span: Span) -> cst.Call | None:
        """The call at a span of the graph's. Where a method's name stands on a line of its own, Python says that the
        call begins there: only the end is the same then."""
        ending = [n for n in self._by_end.get(span[3:], ()) if isinstance(n, cst.Call)]
        exact = [n for n in ending if self.span(n)[1:] == span[1:]]
        return next(iter(exact or [n for n in ending if self.span(n)[1:3] <= span[1:3]]), None)

    # ---- definitions

    @cached_property
    def definitions(self) -> dict[str, Definition]:
        """Functions and classes of the file by name, those at its top before those within others."""
        found: dict[str, Definition] = {}
        for node in sorted(self.each(cst.FunctionDef), key=self._depth):
            if not isinstance(self._owner(node), cst.ClassDef):
                found.setdefault(node.name.value, node)
        for node in sorted(self.each(cst.ClassDef), key=self._depth):
            found.setdefault(node.name.value, node)
        return found

    def _owner(self, node: Definition) -> Definition | None:
        return self.enclosing(node, cst.FunctionDef, cst.ClassDef)

    def _depth(self, node: cst.CSTNode) -> int:
        return sum(1 for _ in self.around(node))

    def method(self, owner: cst.ClassDef, name: str) -> cst.FunctionDef | None:
        """A class's own method."""
        return next((f for f in owner.body.body if isinstance(f, cst.FunctionDef) and f.name.value == name), None)

    def bases(self, owner: cst.ClassDef) -> list[str]:
        """What a class is derived from, as written."""
        return [self.written(b.value) for b in owner.bases if b.keyword is None and not b.star]


def _parents(tree: cst.Module) -> dict[cst.CSTNode, cst.CSTNode]:
    """Node → what it stands in, without the blanks. (LibCST's own provider is slower: it calls hooks.)"""
    names: dict[type[cst.CSTNode], list[str]] = {}
    found: dict[cst.CSTNode, cst.CSTNode] = {}
    pending: list[cst.CSTNode] = [tree]
    while pending:
        node = pending.pop()
        kind = type(node)
        if kind not in names:
            names[kind] = [f.name for f in fields(kind)]
        for name in names[kind]:
            value = getattr(node, name)
            for child in value if isinstance(value, list | tuple) else (value,):
                if isinstance(child, cst.CSTNode) and not isinstance(child, cst.BaseParenthesizableWhitespace):
                    found[child] = node
                    pending.append(child)
    return found


_parsed: Recent[tuple[str, str], Parsed] = Recent(16)


def parsed(file: str, text: str) -> Parsed:
    """The file as it has that text; the last few are kept. Raises :class:`Unfixable` for what cannot be parsed."""
    found = _parsed.get((file, text))
    if found is None:
        found = Parsed(file, text)
        _parsed.put((file, text), found)
    return found
