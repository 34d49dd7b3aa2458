"""The client's open documents: their texts, what is known of them, and where things stand in the client's positions."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lsprotocol import types
from pygls import uris

from advisor.findings import Finding
from advisor.graph import Span

from ..view import View, digest
from .texts import Codec, cleaned, edited, split

if TYPE_CHECKING:
    from .fixing import Fixes

LANGUAGES = ("python",)
"""Language ids of documents that are analysed."""

SCHEMES = ("file", "untitled")
"""Schemes of uris of documents that are analysed: no old versions out of git, no views of a debugger."""

_KEPT = 32
"""Files on disk whose lines are kept for positions in them."""


State = Literal["running", "known", "broken", "cancelled", "failed"]
"""How the analysis of a document stands: it runs or is about to, came to its end, found that the text cannot be
imported, was stopped by the person, or failed. A text that is edited stays ``broken`` until that is known better."""


class Opened:
    """One open document. ``path`` is a made-up one for a document that has never been saved (``untitled``).

    ``generation`` counts what the person did to it: edits, and whatever else makes earlier results useless. ``view``
    is what is known of it, its spans moved to the present text; ``stale`` says that some of that was found in an older
    text, or before something else changed. ``static`` are those of its findings that reading the source gave, in the
    text of the generation ``checked``. ``state`` is how its analysis stands, ``trouble`` why the last one
    came to nothing. ``fixes`` are what was found of a generation that may be over.
    """

    def __init__(self, uri: str, path: Path, version: int | None, text: str, elsewhere: Elsewhere) -> None:
        self.uri = uri
        self.path = path
        self.version = version
        self.generation = 0
        self.text = cleaned(text)
        self.lines: tuple[str, ...] = split(self.text)
        self.view: View | None = None
        self.stale = False
        self.static: list[Finding] = []
        self.checked = -1
        self.state: State = "running"
        self.trouble: Finding | None = None
        self.fixes: Fixes | None = None
        self.unsaved = False
        self._elsewhere = elsewhere

    @property
    def codec(self) -> Codec:
        """The client's way to count columns."""
        return self._elsewhere.codec

    @property
    def untitled(self) -> bool:
        return file_of(self.uri) is None

    @property
    def content(self) -> str:
        """The text's digest."""
        return digest(self.text)

    def owns(self, span: Span) -> bool:
        """Whether the span stands in this document."""
        return span.file == str(self.path)

    def holds(self, finding: Finding) -> bool:
        """Whether a finding of the view, or the trouble, is about the present text."""
        return not self.stale or finding is self.trouble or (self.checked == self.generation and finding in self.static)

    @property
    def behind(self) -> bool:
        """Whether what is known is of an older text and stays so until the person does something."""
        return self.stale and self.state in ("broken", "cancelled", "failed")

    def change(self, version: int | None, changes: Sequence[types.TextDocumentContentChangeEvent]) -> None:
        """Apply edits, in order."""
        for change in changes:
            self.lines = edited(self.lines, change, self.codec)
        self.text = "".join(self.lines)
        self.version = version
        self.unsaved = True

    def range(self, span: Span) -> types.Range:
        """The client's range of a span of this document."""
        codec = self.codec
        start = codec.position(self.lines, span.line, span.column)
        return types.Range(start, codec.position(self.lines, span.end_line, span.end_column))

    def locate(self, span: Span) -> types.Location | None:
        """Where the client finds a span of this or of any other file; None for a file that cannot be read."""
        if self.owns(span):
            return types.Location(self.uri, self.range(span))
        return self._elsewhere.locate(span)

    def at(self, uri: str, position: types.Position) -> tuple[int, int]:
        """The line and column, from 1 and in code points, of a client's position in the document ``uri``."""
        if position.line >= len(self.lines):
            return len(self.lines) + 1, 1
        return position.line + 1, self.codec.points(self.lines[position.line], position.character) + 1

    def uris(self) -> Sequence[str]:
        """The documents of the client that this one is made of: itself, or a notebook's cells."""
        return [self.uri]

    def versions(self) -> Mapping[str, int | None]:
        """Version by uri, of :meth:`uris`."""
        return {self.uri: self.version}


class Elsewhere:
    """Positions in other files: open ones, and those on disk."""

    def __init__(self, codec: Codec, by_path: Callable[[Path], Opened | None]) -> None:
        self.codec = codec
        self._by_path = by_path
        self._lines: OrderedDict[tuple[str, int, int], Sequence[str]] = OrderedDict()

    def locate(self, span: Span) -> types.Location | None:
        path = Path(span.file)
        if (opened := self._by_path(path)) is not None:
            return opened.locate(span._replace(file=str(opened.path)))
        uri = uris.from_fs_path(span.file) if path.is_absolute() else None
        if uri is None or (lines := self._read(path)) is None:
            return None
        start = self.codec.position(lines, span.line, span.column)
        return types.Location(uri, types.Range(start, self.codec.position(lines, span.end_line, span.end_column)))

    def _read(self, path: Path) -> Sequence[str] | None:
        try:
            stat = path.stat()
            key = (str(path), stat.st_mtime_ns, stat.st_size)
            if key not in self._lines:
                self._lines[key] = split(path.read_text(encoding="utf-8", errors="replace"))
        except OSError:
            return None
        self._lines.move_to_end(key)
        while len(self._lines) > _KEPT:
            self._lines.popitem(last=False)
        return self._lines[key]


class Documents:
    """All open documents of a client, by uri; a notebook's cells lead to the notebook."""

    def __init__(self, codec: Codec, made_up: Callable[[str], Path]) -> None:
        """``made_up`` gives a path for a document without one."""
        self.codec = codec
        self.elsewhere = Elsewhere(codec, self.by_path)
        self._made_up = made_up
        self._opened: dict[str, Opened] = {}
        self._cells: dict[str, str] = {}
        self._recent: list[str] = []

    def __iter__(self) -> Iterator[Opened]:
        """The documents, the one last opened or edited first."""
        return iter([self._opened[uri] for uri in reversed(self._recent)])

    def of(self, uri: str) -> Opened | None:
        """The open document, the notebook of a cell, or None."""
        return self._opened.get(self._cells.get(uri, uri))

    def by_path(self, path: Path) -> Opened | None:
        """The open document of a file."""
        return next((o for o in self._opened.values() if o.path == path), None)

    def path(self, uri: str) -> Path:
        """The file of a uri; a made-up path for what is no file."""
        return file_of(uri) or self._made_up(uri)

    def add(self, opened: Opened, cells: Sequence[str] = ()) -> None:
        """Enter a document; one of the same uri that was never closed is replaced."""
        self.remove(opened.uri)
        self._opened[opened.uri] = opened
        self.cells(opened, cells)
        self.touch(opened)

    def cells(self, opened: Opened, cells: Sequence[str]) -> None:
        """Say which documents are the cells of a notebook now."""
        for cell in [cell for cell, notebook in self._cells.items() if notebook == opened.uri]:
            del self._cells[cell]
        self._cells.update(dict.fromkeys(cells, opened.uri))

    def touch(self, opened: Opened) -> None:
        """The person is at this document now."""
        self._recent = [uri for uri in self._recent if uri != opened.uri] + [opened.uri]

    def remove(self, uri: str) -> Opened | None:
        """Forget a document; gives the one that was open."""
        opened = self._opened.pop(uri, None)
        if opened is not None:
            self.cells(opened, ())
            self._recent.remove(uri)
        return opened

    def buffers(self) -> dict[str, str]:
        """The unsaved texts by absolute path."""
        return {str(o.path): o.text for o in self._opened.values() if o.unsaved and not o.untitled}


def analysed(uri: str, language: str) -> bool:
    """Whether a document is one of ours."""
    return language in LANGUAGES and current(uri)


def current(uri: str) -> bool:
    """Whether a uri is that of a text as it is now, whatever it holds."""
    return uri.partition(":")[0].lower() in SCHEMES


def file_of(uri: str) -> Path | None:
    """The file of a uri, without links on the way, as workers name it; None for what is no file's, and for a text that
    no file can be called."""
    try:
        found = uris.to_fs_path(uri)
        return real(found) if found and b"\0" not in os.fsencode(found) else None
    except ValueError:  # no uri, or characters that this system has no bytes for
        return None


def real(path: str | Path) -> Path:
    """A path without links on the way; links that lead nowhere stay."""
    return Path(os.path.realpath(path))


def differs(path: Path, text: str) -> bool:
    """Whether the file on disk, if there is one, holds something else than ``text``."""
    body = text.encode()
    try:
        return path.stat().st_size != len(body) or path.read_bytes() != body
    except OSError:
        return True
