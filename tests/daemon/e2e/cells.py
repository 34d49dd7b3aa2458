"""A notebook that an editor has open."""

from __future__ import annotations

from lsprotocol import types

from .editor import uri_of
from .models import NET

NOTEBOOK = ["# A *notebook*", "from torch import nn\n\nWIDTH = 65", NET.partition("nn\n\n\n")[2].replace("65", "WIDTH")]


class Cells:
    """An open notebook: a cell of text, one that says a width, and one with the model."""

    def __init__(self, editor, path) -> None:
        self.editor, self.path, self.version = editor, path, 1
        kinds = [types.NotebookCellKind.Markup, types.NotebookCellKind.Code, types.NotebookCellKind.Code]
        self.uris = [f"vscode-notebook-cell:{path}#{n}" for n in range(3)]
        cells = [types.NotebookCell(kind, uri) for kind, uri in zip(kinds, self.uris, strict=True)]
        document = types.NotebookDocument(uri_of(path), "jupyter-notebook", self.version, cells)
        items = [
            types.TextDocumentItem(uri, "markdown" if n == 0 else "python", 1, text)
            for n, (uri, text) in enumerate(zip(self.uris, NOTEBOOK, strict=True))
        ]
        editor.notebook_document_did_open(types.DidOpenNotebookDocumentParams(document, items))

    def edit(self, cell: int, line: int, text: str) -> None:
        """Replace a line of a cell."""
        self.version += 1
        where = types.Range(types.Position(line, 0), types.Position(line + 1, 0))
        document = types.VersionedTextDocumentIdentifier(self.version, self.uris[cell])
        change = types.NotebookDocumentCellContentChanges(
            document, [types.TextDocumentContentChangePartial(range=where, text=text)]
        )
        event = types.NotebookDocumentChangeEvent(cells=types.NotebookDocumentCellChanges(text_content=[change]))
        identifier = types.VersionedNotebookDocumentIdentifier(self.version, uri_of(self.path))
        self.editor.notebook_document_did_change(types.DidChangeNotebookDocumentParams(identifier, event))

    async def shown(self, cell: int) -> list[types.Diagnostic]:
        params = types.DocumentDiagnosticParams(types.TextDocumentIdentifier(self.uris[cell]))
        return list((await self.editor.text_document_diagnostic_async(params)).items)

    def close(self) -> None:
        identifiers = [types.TextDocumentIdentifier(uri) for uri in self.uris]
        notebook = types.NotebookDocumentIdentifier(uri_of(self.path))
        self.editor.notebook_document_did_close(types.DidCloseNotebookDocumentParams(notebook, identifiers))
