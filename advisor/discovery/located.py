"""Expressions that were carried away from their file, and still know where their constants stand in it.

An attempt's ``Net(width=60)`` is evaluated in the worker, far from the call site that it was read off. So that the 60
keeps its place, constants are evaluated to numbers and strings that carry it, and a text made of them is an
:class:`Expression`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from .. import syntax
from .constants import Constants, command_line
from .outline import Outline


class Site(NamedTuple):
    """Where a constant stands, as :mod:`ast` has it: lines from 1, columns as UTF-8 bytes from 0, the end exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int


class _Placed:
    """A constant's value that knows its :class:`Site`."""

    site: Site


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

    sites: Sequence[Site | None] = ()


def placed(node: ast.Constant, file: str) -> Any:
    """The value of a constant of ``file``, with its site where it is a number or a string."""
    kind = _KINDS.get(type(node.value))
    if kind is None:
        return node.value
    value = kind(node.value)
    value.site = site(node, file)
    return value


def site(node: ast.Constant, file: str) -> Site:
    """Where a constant of ``file`` stands."""
    end = node.col_offset if node.end_col_offset is None else node.end_col_offset
    return Site(file, node.lineno, node.col_offset, node.end_lineno or node.lineno, end)


class LocatedConstants(Constants):
    """Evaluates expressions to values that know where in ``file`` they stand."""

    def __init__(self, outline: Outline, settings: Mapping[str, Any], file: str) -> None:
        super().__init__(outline, settings)
        self._file = file
        self.flags = command_line(outline, self.constant)

    def constant(self, node: ast.Constant) -> Any:
        return placed(node, self._file)


def literal(text: str, file: str, line: int, column: int) -> Any:
    """What :func:`ast.literal_eval` makes of ``text``, which stands at this line and byte of ``file``, with sites.
    Raises what that raises."""
    tree = ast.parse(text.strip(), mode="eval")
    column += len(text) - len(text.lstrip())
    operands = {
        id(operand)
        for node in ast.walk(tree)
        if isinstance(node, ast.UnaryOp | ast.BinOp)
        for operand in ast.iter_child_nodes(node)
    }
    if "\n" not in text:
        for node in constants(tree):
            if id(node) not in operands:  # literal_eval takes plain numbers only there
                node.lineno, node.end_lineno = line, line
                node.col_offset += column
                node.end_col_offset = (node.end_col_offset or 0) + column
                node.value = placed(node, file)
    return ast.literal_eval(tree)


# ---- texts


def written(value: Any) -> Expression:
    """``repr(value)``."""
    return _expression(repr(value), list(_sites(value)))


def unparsed(node: ast.AST, file: str) -> Expression:
    """The text of a node of ``file``; without a file, without sites."""
    text = ast.unparse(node)
    if not file:
        return Expression(text)
    found = list(constants(node))
    try:
        again = list(constants(syntax.module(text)))
    except (SyntaxError, ValueError, RecursionError):
        return Expression(text)
    if [c.value for c in again] != [c.value for c in found]:
        return Expression(text)  # unparsing reorders arguments after a star
    return _expression(text, [site(c, file) for c in found])


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


def places(texts: Sequence[str]) -> list[list[Site | None]]:
    """The sites of each text, as the request has them."""
    return [list(text.sites) if isinstance(text, Expression) else [] for text in texts]


def _expression(text: str, sites: list[Site | None] | list[Site]) -> Expression:
    made = Expression(text)
    if any(s is not None for s in sites):
        made.sites = tuple(sites)
    elif sites:
        made.sites = (None,) * len(sites)
    return made


def _sites(value: Any) -> Iterator[Site | None]:
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
