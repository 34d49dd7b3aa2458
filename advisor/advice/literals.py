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
    return frozenset(number for number, _ in _constants(_text(span, lines)))


def located(span: Span, number: int, lines: Lines = known_lines) -> tuple[Span, ...]:
    """Where ``number`` stands among the arguments of the call at ``span``, as :func:`numbers` reads them."""
    text = _text(span, lines)
    if str(number) not in text:
        return ()  # most calls: nothing has to be parsed
    rows = text.split("\n")

    def at(line: int, byte: int) -> tuple[int, int]:
        first = line == 1
        before = rows[line - 1].encode(errors="surrogatepass")[: byte - first].decode(errors="replace")
        return span.line + line - 1, len(before) + (span.column if first else 1)

    return tuple(
        Span(span.file, *at(c.lineno, c.col_offset), *at(c.end_lineno or c.lineno, c.end_col_offset or c.col_offset))
        for found, c in _constants(text)
        if found == number
    )


def called(span: Span, lines: Lines = known_lines) -> str:
    """The text of the call at ``span`` on one line."""
    return " ".join(_text(span, lines).split())


def _constants(text: str) -> list[tuple[int, ast.Constant]]:
    """The integers, with their places, among the arguments of the call that ``text`` is; none where it is no call."""
    try:
        call = syntax.expression(f"({text})")
    except (SyntaxError, ValueError):
        return []
    if not isinstance(call, ast.Call):
        return []
    arguments = [*call.args, *(k.value for k in call.keywords)]
    return [n for argument in arguments for n in _written(argument)]


def _written(node: ast.AST) -> Iterator[tuple[int, ast.Constant]]:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        yield node.value, node
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
