"""User code on the stack: which frame is the user's, and what it is executing, as an exact span.

User code is everything but torch, the standard library and this package; a library such as timm counts as user code.
A position is kept as ``(code, lasti)`` and becomes a span only when somebody asks: most positions of a trace are
asked for once, many of a construction never.

A span is the list ``[file, line, column, end_line, end_column]``: lines and columns from 1 in code points, end
exclusive.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import linecache
import os
import sys
import sysconfig
import tokenize
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType

import torch

from .recording import Position, identity

Span = list  # [str, int, int, int, int]

TORCH = f"{Path(torch.__file__).parent}{os.sep}"
OURS = f"{Path(__file__).parents[1]}{os.sep}"
_STDLIB = sysconfig.get_path("stdlib") + os.sep
_PACKAGES = tuple(_STDLIB + name + os.sep for name in ("site-packages", "dist-packages"))

_user_file: dict[str, bool] = {}
_spans: dict[tuple[int, int], tuple[CodeType, Span | None]] = {}
_entries: dict[int, CodeType] = {}


def is_user_file(name: str) -> bool:
    """Whether a code object's file name is user code."""
    known = _user_file.get(name)
    if known is None:
        library = name.startswith(_STDLIB) and not name.startswith(_PACKAGES)
        known = not (name.startswith((TORCH, OURS, "<")) or library)
        _user_file[name] = known
    return known


def entry(function: Callable) -> Callable:
    """Mark a function of ours as the way into user code: frames beyond its own belong to whoever called us."""
    _entries[identity(function.__code__)] = function.__code__
    return function


def is_entry(code: CodeType) -> bool:
    """Whether this is the code of an :func:`entry`."""
    return identity(code) in _entries


def user_or_entry(frame: FrameType | None) -> tuple[FrameType, CodeType] | None:
    """The innermost frame that is the user's or an :func:`entry`'s, from ``frame`` outwards, and its code."""
    while frame is not None:
        code = frame.f_code  # each look at this raises an audit event
        if is_user_file(code.co_filename) or identity(code) in _entries:
            return frame, code
        frame = frame.f_back
    return None


def span(position: Position) -> Span | None:
    """The expression at a position; None for code without lines."""
    code, lasti = position
    key = (identity(code), lasti)
    known = _spans.get(key)
    if known is None:
        known = _spans[key] = (code, _span(code, lasti))  # the code object is kept so that its id stays its own
    return known[1]


def _span(code: CodeType, lasti: int) -> Span | None:
    if sys.version_info >= (3, 11):
        line, end_line, column, end_column = next(
            itertools.islice(code.co_positions(), lasti // 2, None), (None, None, None, None)
        )
        if line is None:
            return None
        if end_line is not None and column is not None and end_column is not None:
            file = code.co_filename
            if column and linecache.getline(file, line).encode()[column - 1 : column] == b".":
                line, column = _chain_start(code, end_line, end_column) or (line, column)
            return [file, line, _column(file, line, column), end_line, _column(file, end_line, end_column)]
    else:
        line = next((n for start, end, n in code.co_lines() if start <= lasti < end), None)
        if line is None:
            return None
    return expression_at(code.co_filename, line)


def _chain_start(code: CodeType, end_line: int, end_column: int) -> tuple[int, int] | None:
    """Where the call that ends here begins: of a method call over several lines CPython gives the method's name."""
    try:
        lines, first = inspect.getsourcelines(code)
        indented = lines[0][:1].isspace()
        tree = ast.parse("".join(["if 1:\n" if indented else "\n", *lines]))
    except (OSError, TypeError, SyntaxError, ValueError, tokenize.TokenError):
        return None
    shift = max(first, 1) - 2  # module code begins at line 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.end_col_offset == end_column and node.end_lineno == end_line - shift:
            return node.lineno + shift, node.col_offset
    return None


def _column(file: str, line: int, byte: int) -> int:
    """A 0-based UTF-8 byte offset as a 1-based column in code points."""
    text = linecache.getline(file, line)
    return (byte if text.isascii() else len(text.encode()[:byte].decode(errors="ignore"))) + 1


_expressions: dict[str, dict[int, ast.expr]] = {}


def expression_at(file: str, line: int) -> Span:
    """The outermost call that begins on ``line``, else the outermost expression, else the line: for Pythons without
    column tables.
    """
    nodes = _expressions.get(file)
    if nodes is None:
        nodes = _expressions[file] = _outermost("".join(linecache.getlines(file)))
    node = nodes.get(line)
    if node is None or node.end_lineno is None or node.end_col_offset is None:
        text = linecache.getline(file, line).rstrip("\n")
        return [file, line, len(text) - len(text.lstrip()) + 1, line, len(text) + 1]
    end = node.end_lineno
    return [file, line, _column(file, line, node.col_offset), end, _column(file, end, node.end_col_offset)]


def _outermost(source: str) -> dict[int, ast.expr]:
    """Line → the expression that stands for it: a call before any other expression, the outermost of its kind."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return {}
    found: dict[int, ast.expr] = {}
    for node in ast.walk(tree):  # breadth first: outer nodes come first
        if not isinstance(node, ast.expr) or isinstance(getattr(node, "ctx", None), ast.Store):
            continue
        have = found.get(node.lineno)
        if have is None or (isinstance(node, ast.Call) and not isinstance(have, ast.Call)):
            found[node.lineno] = node
    return found
