"""Reading one Python file: text, syntax tree and positions, or a problem with its place. Never executes anything."""

from __future__ import annotations

import ast
import errno
import io
import re
import stat
import tokenize
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .. import syntax
from ..graph import Span
from .notebooks import NotebookError, cells, is_notebook, joined

MAX_BYTES = 2_000_000
"""A larger file is data rather than code; it is reported, not parsed."""

MAX_NOTEBOOK_BYTES = 50_000_000
"""The same for notebooks, which hold pictures."""

_NO_FILES = (
    (stat.S_ISDIR, "a folder that cannot be searched"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)
_NEWLINE = re.compile(r"\r\n?")


@dataclass(frozen=True, slots=True)
class Problem:
    """Something a person has to look at in a source file; ``kind`` is one word for it.

    Kinds: ``unreadable``, ``too-large``, ``encoding``, ``notebook``, ``syntax``, ``nesting`` (the file has no
    :class:`Source`);
    ``directive``, ``bare-ignore`` (comments for the advisor, see :mod:`.directives`).
    """

    kind: str
    message: str
    span: Span


@dataclass(eq=False)
class Source:
    """One parsed file. ``lines`` are without line ends; ``tree`` is the :mod:`ast` of ``text``."""

    path: Path
    text: str
    tree: ast.Module

    @cached_property
    def lines(self) -> list[str]:
        return self.text.split("\n")

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of :attr:`tree`."""
        return syntax.nodes(self.tree)

    def column(self, line: int, byte: int) -> int:
        """The 1-based column in code points of a 0-based UTF-8 offset, as :mod:`ast` counts them."""
        text = self.lines[line - 1] if line <= len(self.lines) else ""
        return byte + 1 if text.isascii() else len(text.encode()[:byte].decode(errors="replace")) + 1

    def span(self, node: ast.expr | ast.stmt) -> Span:
        """The range of a node of :attr:`tree`."""
        end_line = node.end_lineno or node.lineno
        end = node.end_col_offset if node.end_col_offset is not None else node.col_offset + 1
        return Span(
            str(self.path),
            node.lineno,
            self.column(node.lineno, node.col_offset),
            end_line,
            self.column(end_line, end),
        )

    def top(self) -> Span:
        """The first character: where a problem of the whole file stands."""
        return _at(self.path)

    def definition(self, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> Span:
        """The range of the name in ``class Name`` or ``def name``: where a finding on the whole definition stands."""
        text = self.lines[node.lineno - 1]
        at = text.find(node.name, self.column(node.lineno, node.col_offset) - 1)
        start = max(at, 0) + 1
        return Span(str(self.path), node.lineno, start, node.lineno, start + len(node.name))


def read(path: Path, text: str | None = None) -> Source | Problem:
    """Parse the file at ``path``, or ``text`` in its place (an editor's unsaved buffer)."""
    found = text_of(path, text)
    return found if isinstance(found, Problem) else parse(path, found)


def text_of(path: Path, text: str | None = None) -> str | Problem:
    """The Python text of the file at ``path``, or ``text`` in its place, with ``\\n`` at the ends of lines.

    That of a notebook on the disk is its code cells as one module; ``text`` is such a module already.
    """
    if text is not None:
        return _NEWLINE.sub("\n", text)
    try:
        data = contents(path)
    except OSError as e:
        return Problem("unreadable", f"cannot read this: {e.strerror or e}", _at(path))
    if len(data) > (MAX_NOTEBOOK_BYTES if is_notebook(path) else MAX_BYTES):
        return Problem("too-large", f"files over {MAX_BYTES:,} bytes are not audited", _at(path))
    if is_notebook(path):
        try:
            found = joined(cells(data))[0]
        except NotebookError as e:
            return Problem("notebook", str(e), _at(path))
    else:
        decoded = _decode(path, data)
        if isinstance(decoded, Problem):
            return decoded
        found = decoded
    return _NEWLINE.sub("\n", found)


def contents(path: Path) -> bytes:
    """The first bytes of a regular file, one more than are read at most.

    Raises :class:`OSError` for what cannot be read, and for what is no regular file: a pipe would be waited for and a
    device read without end.
    """
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        kind = next((name for test, name in _NO_FILES if test(mode)), "no regular file")
        raise OSError(errno.EINVAL, f"it is {kind}")
    with path.open("rb") as file:
        return file.read((MAX_NOTEBOOK_BYTES if is_notebook(path) else MAX_BYTES) + 1)


def parse(path: Path, text: str) -> Source | Problem:
    """Parse ``text`` (line ends are ``\\n``) under the name ``path``."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in users' strings are not ours to report
            tree = syntax.module(text)
    except SyntaxError as e:
        return Problem("syntax", f"syntax error: {e.msg}", _at(path, e.lineno or 1, e.offset or 1))
    except ValueError as e:  # null bytes, before Python 3.12
        return Problem("syntax", f"syntax error: {e}", _at(path))
    except (RecursionError, MemoryError):
        return Problem("nesting", "expressions are nested too deeply to parse", _at(path))
    return Source(path, text, tree)


def _decode(path: Path, data: bytes) -> str | Problem:
    """The file's text by its byte order mark or coding comment (PEP 263), UTF-8 otherwise."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return data.decode(encoding)
    except UnicodeDecodeError as e:
        line = data.count(b"\n", 0, e.start) + 1
        message = f"not {e.encoding}: byte 0x{data[e.start]:02x}; save it as UTF-8 or declare its encoding (PEP 263)"
        return Problem("encoding", message, _at(path, line))
    except (SyntaxError, LookupError) as e:
        return Problem("encoding", f"cannot decode this file: {e}", _at(path))


def _at(path: Path, line: int = 1, column: int = 1) -> Span:
    return Span(str(path), max(line, 1), max(column, 1), max(line, 1), max(column, 1) + 1)
