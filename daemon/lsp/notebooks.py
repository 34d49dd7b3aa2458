"""Notebooks: the Python cells of an open one are analysed as one module, and every result goes back to its cell."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lsprotocol import types

from advisor.discovery.notebooks import joined
from advisor.graph import Span

from .documents import LANGUAGES, Elsewhere, Opened
from .texts import cleaned, edited, split


@dataclass
class Cell:
    """One cell. Only code in Python counts for the module; the others are kept since edits count all cells."""

    uri: str
    code: bool
    version: int | None
    text: str
    lines: tuple[str, ...]


class Notebook(Opened):
    """An open notebook: its text is that of the module its cells make."""

    def __init__(self, uri: str, path: Path, version: int | None, elsewhere: Elsewhere, cells: list[Cell]) -> None:
        self.cells = cells
        self._offsets: list[int] = []
        super().__init__(uri, path, version, "", elsewhere)
        self.join()

    def join(self) -> None:
        """Make the module anew after a change of the cells."""
        self.text, self._offsets = joined([cell.text for cell in self._code()])
        self.lines = split(self.text)

    def _code(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.code]

    def _cell(self, line: int) -> tuple[Cell, int] | None:
        """The cell that a line of the module (from 1) stands in, and how many lines of the module are before it."""
        index = bisect_right(self._offsets, line - 1) - 1
        return (self._code()[index], self._offsets[index]) if index >= 0 else None

    def range(self, span: Span) -> types.Range:
        found = self._cell(span.line)
        if found is None:
            return types.Range(types.Position(0, 0), types.Position(0, 0))
        cell, before = found
        start = self.codec.position(cell.lines, span.line - before, span.column)
        return types.Range(start, self.codec.position(cell.lines, span.end_line - before, span.end_column))

    def locate(self, span: Span) -> types.Location | None:
        if not self.owns(span):
            return super().locate(span)
        found = self._cell(span.line)
        return types.Location(found[0].uri, self.range(span)) if found is not None else None

    def at(self, uri: str, position: types.Position) -> tuple[int, int]:
        for cell, before in zip(self._code(), self._offsets, strict=True):
            if cell.uri == uri:
                line = min(position.line, len(cell.lines))
                column = self.codec.points(cell.lines[line], position.character) if line < len(cell.lines) else 0
                return before + line + 1, column + 1
        return len(self.lines) + 1, 1

    def uris(self) -> Sequence[str]:
        return [cell.uri for cell in self._code()] or [self.uri]

    def versions(self) -> Mapping[str, int | None]:
        return {cell.uri: cell.version for cell in self._code()}

    def apply(self, event: types.NotebookDocumentChangeEvent) -> None:
        """Take over a change of the notebook."""
        if event.cells is None:
            return
        if event.cells.structure is not None:
            self._restructure(event.cells.structure)
        by_uri = {cell.uri: cell for cell in self.cells}
        for change in event.cells.text_content or ():
            cell = by_uri.get(change.document.uri)
            if cell is None:
                continue  # not a cell of this notebook: nothing that is analysed
            for part in change.changes:
                cell.lines = edited(cell.lines, part, self.codec)
            cell.text = "".join(cell.lines)
            cell.version = change.document.version
        self.unsaved = True
        self.join()

    def _restructure(self, structure: types.NotebookDocumentCellChangeStructure) -> None:
        known = {cell.uri: cell for cell in self.cells}
        known.update(_documents(structure.did_open or ()))
        array = structure.array
        new = [_cell(c, known) for c in array.cells or ()]
        self.cells[array.start : array.start + array.delete_count] = new


def _documents(documents: Sequence[types.TextDocumentItem]) -> dict[str, Cell]:
    return {
        d.uri: Cell(d.uri, d.language_id in LANGUAGES, d.version, text := cleaned(d.text), split(text))
        for d in documents
    }


def _cell(cell: types.NotebookCell, known: Mapping[str, Cell]) -> Cell:
    found = known.get(cell.document)
    if found is None:  # text, or code in a language that the client does not tell us
        return Cell(cell.document, False, None, "", ())
    found.code = found.code and cell.kind == types.NotebookCellKind.Code
    return found


def notebook(params: types.DidOpenNotebookDocumentParams, path: Path, elsewhere: Elsewhere) -> Notebook:
    """The notebook that a client has opened."""
    document = params.notebook_document
    known = _documents(params.cell_text_documents)
    return Notebook(document.uri, path, document.version, elsewhere, [_cell(c, known) for c in document.cells])
