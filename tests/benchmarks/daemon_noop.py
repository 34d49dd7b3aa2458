"""A language server that does nothing: pygls as it comes answers each edit with no diagnostics. The yardstick of a
round trip, run as a program."""

from lsprotocol import types
from pygls.lsp.server import LanguageServer

server = LanguageServer("nothing", "1")


def publish(document: types.VersionedTextDocumentIdentifier | types.TextDocumentItem) -> None:
    server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(document.uri, [], document.version))


@server.feature(types.TEXT_DOCUMENT_DID_OPEN)
def opened(params: types.DidOpenTextDocumentParams) -> None:
    publish(params.text_document)


@server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
def changed(params: types.DidChangeTextDocumentParams) -> None:
    publish(params.text_document)


if __name__ == "__main__":
    server.start_io()
