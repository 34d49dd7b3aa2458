"""The integers that are written in a call: which of the calls that made a layer says how wide it is."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Callable, Iterator, Sequence

from .. import syntax
from ..graph import Span

Lines = Callable[[str], Sequence[str]]
"""The lines of a file, without their ends; none where it cannot be read."""


def known_lines(file: str) -> Sequence[str]:
    """The lines of a file as Python itself knows them: on the disk, or typed into a console or a notebook."""
    linecache.checkcache(file)
    return linecache.getlines(file)


def numbers(span: Span, lines: Lines = known_lines) -> frozenset[int]:
    """The integers among the arguments of the call at ``span``, those of calls within it left out; none where the file
    cannot be read any more or the span is no call."""
    text = _text(span, lines)
    try:
        call = syntax.expression(f"({text})")
    except (SyntaxError, ValueError):
        return frozenset()
    if not isinstance(call, ast.Call):
        return frozenset()
    arguments = [*call.args, *(k.value for k in call.keywords)]
    return frozenset(n for argument in arguments for n in _written(argument))


def _written(node: ast.AST) -> Iterator[int]:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        yield node.value
    elif not isinstance(node, ast.Call):
        for child in ast.iter_child_nodes(node):
            yield from _written(child)


def _text(span: Span, of: Lines) -> str:
    lines = [line.rstrip("\n") for line in of(span.file)[span.line - 1 : span.end_line]]
    if not lines:
        return ""
    lines[-1] = lines[-1][: span.end_column - 1]
    lines[0] = lines[0][span.column - 1 :]
    return "\n".join(lines)
