"""Documents as the client opens, edits, saves and closes them. All of it at once and in order: nothing waits here."""

from __future__ import annotations

from lsprotocol import types

from .analysis import Analysis
from .configuration import untrusted
from .diagnostics import Diagnostics
from .documents import Opened, analysed, current, differs
from .notebooks import Notebook, notebook
from .session import Session


class _Desk:
    """Takes documents in and lets them go."""

    def __init__(self, session: Session, analysis: Analysis, diagnostics: Diagnostics) -> None:
        self.session = session
        self.analysis = analysis
        self.diagnostics = diagnostics

    def enter(self, opened: Opened, cells: list[str]) -> None:
        opened.unsaved = isinstance(opened, Notebook) or differs(opened.path, opened.text)
        self.session.documents.add(opened, cells)
        untrusted(self.session, [opened.path])
        self.analysis.opened(opened)
        if opened.unsaved and not opened.untitled:
            self.analysis.others(opened)  # those that import it see its unsaved text from now on

    def leave(self, uri: str) -> None:
        opened = self.session.documents.remove(uri)
        if opened is not None:
            self.analysis.closed(opened)
            self.diagnostics.closed(opened.uris())


def register(session: Session, analysis: Analysis, diagnostics: Diagnostics) -> None:
    """Handle the notifications about documents."""
    desk = _Desk(session, analysis, diagnostics)
    _texts(session, desk)
    _notebooks(session, desk)


def _texts(session: Session, desk: _Desk) -> None:
    @session.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        item = params.text_document
        if analysed(item.uri, item.language_id):
            documents = session.documents
            desk.enter(Opened(item.uri, documents.path(item.uri), item.version, item.text, documents.elsewhere), [])

    @session.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        opened = session.documents.of(params.text_document.uri)
        if opened is None:
            return  # a document in another language
        before = opened.lines
        opened.change(params.text_document.version, params.content_changes)
        desk.analysis.edited(opened, before)

    @session.feature(types.TEXT_DOCUMENT_DID_SAVE, types.SaveOptions(include_text=False))
    def saved(params: types.DidSaveTextDocumentParams) -> None:
        opened = session.documents.of(params.text_document.uri)
        if opened is not None:
            opened.unsaved = differs(opened.path, opened.text)
        desk.analysis.others(opened)

    @session.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        desk.leave(params.text_document.uri)


def _notebooks(session: Session, desk: _Desk) -> None:
    @session.feature(types.NOTEBOOK_DOCUMENT_DID_OPEN)
    def notebook_opened(params: types.DidOpenNotebookDocumentParams) -> None:
        if not current(params.notebook_document.uri):
            return  # an old version out of git, say: what is in that may be anybody's
        path = session.documents.path(params.notebook_document.uri)
        entered = notebook(params, path, session.documents.elsewhere)
        desk.enter(entered, [cell.uri for cell in entered.cells])

    @session.feature(types.NOTEBOOK_DOCUMENT_DID_CHANGE)
    def notebook_changed(params: types.DidChangeNotebookDocumentParams) -> None:
        opened = session.documents.of(params.notebook_document.uri)
        if not isinstance(opened, Notebook):
            return  # one that was never opened here
        before, shown = opened.lines, set(opened.uris())
        opened.version = params.notebook_document.version
        opened.apply(params.change)
        session.documents.cells(opened, [cell.uri for cell in opened.cells])
        desk.diagnostics.closed(sorted(shown - set(opened.uris())))
        if before != opened.lines:
            desk.analysis.edited(opened, before)

    @session.feature(types.NOTEBOOK_DOCUMENT_DID_CLOSE)
    def notebook_closed(params: types.DidCloseNotebookDocumentParams) -> None:
        desk.leave(params.notebook_document.uri)
