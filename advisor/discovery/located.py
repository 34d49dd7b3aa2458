"""Expressions that were carried away from their file, and still know where their constants stand in it.

An attempt's ``Net(width=60)`` is evaluated in the worker, far from the call site that it was read off. So that the 60
keeps its place, constants are evaluated to numbers and strings that carry it, and a text made of them is an
:class:`Expression`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from .. import syntax
from ..graph import Span
from .constants import Constants, command_line
from .outline import Outline


class _Placed:
    """A constant's value that knows where it stands."""

    site: Span


class PlacedInt(int, _Placed):
    """A whole number with its site."""


class PlacedFloat(float, _Placed):
    """A number with its site."""


class PlacedStr(str, _Placed):
    """A string with its site."""


_KINDS: dict[type, type] = {int: PlacedInt, float: PlacedFloat, str: PlacedStr}


class Expression(str):
    """The text of an expression or statement. ``sites`` are those of its numbers and strings (:func:`constants`) in the
    order of the text, None for one that stands nowhere."""

    sites: Sequence[Span | None] = ()


def placed(value: Any, site: Span) -> Any:
    """The value of a constant, which knows that it stands at ``site`` where it is a number or a string."""
    kind = _KINDS.get(type(value))
    if kind is None:
        return value
    found = kind(value)
    found.site = site
    return found


class LocatedConstants(Constants):
    """Evaluates expressions to values that know where they stand."""

    def __init__(self, outline: Outline, settings: Mapping[str, Any]) -> None:
        super().__init__(outline, settings)
        self.flags = command_line(outline, self.constant)

    def constant(self, node: ast.Constant) -> Any:
        return placed(node.value, self.outline.source.span(node))


def literal(text: str, file: str, line: int, column: int) -> Any:
    """What :func:`ast.literal_eval` makes of ``text``, which stands on one line of ``file`` from this column on, with
    sites. Raises what that raises."""
    tree = syntax.expression(text)
    operands = {
        id(operand)
        for node in ast.walk(tree)
        if isinstance(node, ast.UnaryOp | ast.BinOp)
        for operand in ast.iter_child_nodes(node)
    }

    def at(byte: int) -> int:
        return column + len(text.encode()[:byte].decode(errors="replace"))

    for node in constants(tree):
        if id(node) not in operands:  # literal_eval takes plain numbers only there
            end = node.end_col_offset or node.col_offset
            node.value = placed(node.value, Span(file, line, at(node.col_offset), line, at(end)))
    return ast.literal_eval(tree)


# ---- texts


def written(value: Any) -> Expression:
    """``repr(value)``."""
    return _expression(repr(value), list(_sites(value)))


def unparsed(node: ast.AST, site: Callable[[ast.expr], Span] | None) -> Expression:
    """The text of a node; ``site`` says where its constants stand, None for nowhere."""
    text = ast.unparse(node)
    if site is None:
        return Expression(text)
    found = list(constants(node))
    try:
        again = list(constants(syntax.module(text)))
    except (SyntaxError, ValueError, RecursionError):
        return Expression(text)
    if [c.value for c in again] != [c.value for c in found]:
        return Expression(text)  # unparsing reorders arguments after a star
    return _expression(text, [site(c) for c in found])


def joined(*parts: str) -> Expression:
    """The parts as one text; plain strings among them hold no numbers and no strings."""
    return _expression("".join(parts), [s for part in parts if isinstance(part, Expression) for s in part.sites])


def constants(tree: ast.AST) -> Iterator[ast.Constant]:
    """The numbers and strings of an expression or statement in the order of the text, those within f-strings left out.
    The worker counts them alike."""
    found: list[ast.Constant] = []
    todo = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Constant) and type(node.value) in (*_KINDS, *_KINDS.values()):
            found.append(node)
        elif not isinstance(node, ast.JoinedStr):
            todo += ast.iter_child_nodes(node)
    return iter(sorted(found, key=lambda c: (c.lineno, c.col_offset)))


def places(texts: Sequence[str]) -> list[list[Span | None]]:
    """The sites of each text, as the request has them."""
    return [list(text.sites) if isinstance(text, Expression) else [] for text in texts]


def _expression(text: str, sites: Sequence[Span | None]) -> Expression:
    made = Expression(text)
    if any(s is not None for s in sites):
        made.sites = tuple(sites)
    elif sites:
        made.sites = (None,) * len(sites)
    return made


def _sites(value: Any) -> Iterator[Span | None]:
    """Those of the numbers and strings in a value, in the order that its ``repr`` has them."""
    if isinstance(value, dict):
        for key, held in value.items():
            yield from _sites(key)
            yield from _sites(held)
    elif isinstance(value, list | tuple | set | frozenset):
        for held in value:
            yield from _sites(held)
    elif isinstance(value, int | float | str) and not isinstance(value, bool):
        yield value.site if isinstance(value, _Placed) else None
