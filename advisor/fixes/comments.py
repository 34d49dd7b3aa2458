"""Comments for the advisor that are written into Python text for a person: each is tried, and offered only if it works.

One silences a finding, the other says what a model is built and called with.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from ..discovery.directives import Directives, directives
from ..discovery.source import Source, read
from ..graph import Span

TELLABLE = frozenset({"TRC902", "TRC903", "TRC905"})
"""Codes of models that might be traced whole if the advisor were told their arguments and inputs."""

_SHAPE = re.compile(r"(\(\d+(?:, \d+)*,?\))(?: (\w+))?(?:  #.*)?")
_USUAL = "(1, 3, 224, 224)"
_Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


class Insertion(NamedTuple):
    """``text`` goes in before ``line`` and ``column``, both from 1 and in code points."""

    line: int
    column: int
    text: str

    def applied(self, text: str) -> str:
        lines = text.split("\n")
        line = lines[self.line - 1]
        lines[self.line - 1] = line[: self.column - 1] + self.text + line[self.column - 1 :]
        return "\n".join(lines)


class Ignore(NamedTuple):
    """Asks for what silences ``code`` at ``span``."""

    span: Span
    code: str


class Tell(NamedTuple):
    """Asks for the comment above the class or function whose name stands at ``span``, for a person to complete: what
    its constructor is called with, unless it could be ``built``, and what its ``forward`` gets. ``shown`` is the input
    as the report has it, ``(1, 3, 32, 32) float32  # first Conv2d``."""

    span: Span
    built: bool
    shown: str


Ask = Ignore | Tell


class Written:
    """One text that comments go into. Only the statements at its top that a comment concerns are parsed to try it: a
    file of thousands of lines costs no more than its class."""

    def __init__(self, path: Path, text: str) -> None:
        """``path`` is the file's."""
        self._path = path
        source = _parsed(path, text)  # not kept: the tree of a long text is big
        self._pieces = [] if source is None else _pieces(source)
        self._lines = [] if source is None else source.lines

    def insertions(self, asks: Iterable[Ask]) -> list[Insertion | None]:
        """Where each comment goes; None where none has the effect, as in a text that does not parse."""
        parsed: dict[tuple[int, int], _Piece | None] = {}
        return [self._insertion(ask, parsed) for ask in asks]

    def _insertion(self, ask: Ask, parsed: dict[tuple[int, int], _Piece | None]) -> Insertion | None:
        piece = self._piece(ask.span, parsed)
        if piece is None:
            return None
        down = piece.first - 1
        span = ask.span._replace(line=ask.span.line - down, end_line=ask.span.end_line - down)
        if isinstance(ask, Ignore):
            found = _ignoring(piece, span, ask.code)
        else:
            found = _telling(piece.source, span, ask.built, ask.shown)
        return None if found is None else found._replace(line=found.line + down)

    def _piece(self, span: Span, parsed: dict[tuple[int, int], _Piece | None]) -> _Piece | None:
        """The lines from the first to the last statement that the span touches; all where they cannot stand alone."""
        touched = [p for p in self._pieces if p[0] <= span.end_line and span.line <= p[1]]
        if not touched:
            return None
        for lines in ((touched[0][0], touched[-1][1]), (1, len(self._lines))):
            if lines not in parsed:
                parsed[lines] = self._alone(*lines)
            if (found := parsed[lines]) is not None:
                return found
        return None

    def _alone(self, first: int, last: int) -> _Piece | None:
        source = _parsed(self._path, "\n".join(self._lines[first - 1 : last]))
        return None if source is None else _Piece(first, source, ast.dump(source.tree))


class _Piece(NamedTuple):
    """Lines of a text from ``first`` on, parsed, and what they say."""

    first: int
    source: Source
    dump: str


def _pieces(source: Source) -> list[tuple[int, int]]:
    """The first and last lines of the statements at the top of a text, each with what stands above it; those that share
    a line, or are joined by a backslash, are one. They cover the text."""
    out: list[tuple[int, int]] = []
    for node in source.tree.body:
        end = node.end_lineno or node.lineno
        if out and (node.lineno <= out[-1][1] or source.lines[out[-1][1] - 1].endswith("\\")):
            out[-1] = (out[-1][0], end)
        else:
            out.append((out[-1][1] + 1 if out else 1, end))
    last = len(source.lines)
    return [*out[:-1], (out[-1][0], last)] if out else [(1, last)]


def _ignoring(piece: _Piece, span: Span, code: str) -> Insertion | None:
    """An entry in a comment that is there already, a comment at the end of one of the span's lines, or one above."""
    for insertion in _ignores(piece.source, span, code):
        after = _parsed(piece.source.path, insertion.applied(piece.source.text))
        down = insertion.text.endswith("\n")
        first, last = span.line + down, span.end_line + down
        if (
            after is not None
            and any(code in s.codes and first <= s.applies_to <= last for s in directives(after).suppressions)
            and ast.dump(after.tree) == piece.dump
        ):
            return insertion
    return None


def _ignores(source: Source, span: Span, code: str) -> Iterator[Insertion]:
    for s in directives(source).suppressions:
        if span.line <= s.applies_to <= span.end_line and s.span.line <= len(source.lines):
            comment = source.lines[s.span.line - 1][s.span.column - 1 :]
            codes, bracket, _ = comment.partition("]")
            if bracket:
                comma = "" if codes.rstrip().endswith(",") else ","
                yield Insertion(s.span.line, s.span.column + len(codes), f"{comma} {code}")
    for line in dict.fromkeys((span.line, span.end_line)):
        if line <= len(source.lines) and source.lines[line - 1].strip():
            width = len(source.lines[line - 1].rstrip())
            yield Insertion(line, width + 1, f"  # advisor: ignore[{code}]")
    if span.line <= len(source.lines):
        yield Insertion(span.line, 1, f"{_indent(source, span.line)}# advisor: ignore[{code}]\n")


def _telling(source: Source, name: Span, built: bool, shown: str) -> Insertion | None:
    """None too where there is such a comment already: that one has to be corrected."""
    node = _definition(source, name.line)
    if node is None:
        return None
    said = directives(source)
    if node.lineno in said.models:
        return None
    parts = [] if built else [_arguments(node)]
    line = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    comment = f"{_indent(source, line)}# advisor: {' '.join([*parts, f'input={_input(shown)}'])}\n"
    insertion = Insertion(line, 1, comment)
    after = _parsed(source.path, insertion.applied(source.text))
    return insertion if after is not None and _adds(said, directives(after), node.lineno + 1) else None


def _adds(before: Directives, after: Directives, line: int) -> bool:
    return line in after.models and len(after.problems) == len(before.problems)


def _definition(source: Source, line: int) -> _Definition | None:
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return next((n for n in ast.walk(source.tree) if isinstance(n, kinds) and n.lineno == line), None)


def _arguments(node: _Definition) -> str:
    """What the constructor needs, by name, each value to be filled in."""
    call, skip = node, 0
    if isinstance(node, ast.ClassDef):
        own = (n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__")
        call, skip = next(own, None), 1
    if call is None or isinstance(call, ast.ClassDef):
        return "args=()"
    a = call.args
    positional = [*a.posonlyargs, *a.args]
    required = positional[: len(positional) - len(a.defaults)][skip:]
    only = [p for p, default in zip(a.kwonlyargs, a.kw_defaults, strict=True) if default is None]
    if not required and not only:
        return "args=()"
    if len(a.posonlyargs) > skip:
        return f"args=({', '.join(['None'] * len(required))}{',' if len(required) == 1 else ''})"
    return "kwargs={" + ", ".join(f"'{p.arg}': None" for p in (*required, *only)) + "}"


def _input(shown: str) -> str:
    match = _SHAPE.fullmatch(shown)
    if match is None:
        return _USUAL
    shape, dtype = match.groups()
    return shape if dtype in (None, "float32") else f"{shape}:{dtype}"


def _indent(source: Source, line: int) -> str:
    text = source.lines[line - 1]
    return text[: len(text) - len(text.lstrip())]


def _parsed(path: Path, text: str) -> Source | None:
    found = read(path, text)
    return found if isinstance(found, Source) else None
