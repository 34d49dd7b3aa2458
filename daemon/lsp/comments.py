"""Comments for the advisor that an action writes into Python text: each is tried, and offered only if it works."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from advisor.discovery.directives import Directives, directives
from advisor.discovery.source import Source, read
from advisor.graph import Span

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


@lru_cache(maxsize=64)
def ignoring(text: str, span: Span, code: str) -> Insertion | None:
    """What silences ``code`` at ``span`` of ``text``: an entry in a comment that is there already, a comment at the end
    of one of its lines, or one above. None where none of them would, as in a text that does not parse."""
    source = _parsed(span.file, text)
    if source is None:
        return None
    before = ast.dump(source.tree)
    for insertion in _ignores(source, span, code):
        after = _parsed(span.file, insertion.applied(source.text))
        down = insertion.text.endswith("\n")
        first, last = span.line + down, span.end_line + down
        if (
            after is not None
            and any(code in s.codes and first <= s.applies_to <= last for s in directives(after).suppressions)
            and ast.dump(after.tree) == before
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


@lru_cache(maxsize=64)
def telling(text: str, name: Span, built: bool, shown: str) -> Insertion | None:
    """The comment above the class or function whose name stands at ``name``, for a person to complete: what its
    constructor is called with, unless it could be ``built``, and what its ``forward`` gets.

    ``shown`` is the input as the report has it, ``(1, 3, 32, 32) float32  # first Conv2d``. None where the comment
    would have no effect, as where there is one already: that one has to be corrected.
    """
    source = _parsed(name.file, text)
    node = None if source is None else _definition(source, name.line)
    if source is None or node is None:
        return None
    said = directives(source)
    if node.lineno in said.models:
        return None
    parts = [] if built else [_arguments(node)]
    line = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    comment = f"{_indent(source, line)}# advisor: {' '.join([*parts, f'input={_input(shown)}'])}\n"
    insertion = Insertion(line, 1, comment)
    after = _parsed(name.file, insertion.applied(source.text))
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


def _parsed(file: str, text: str) -> Source | None:
    found = read(Path(file), text)
    return found if isinstance(found, Source) else None
