"""What requests and commands share: their arguments, their errors, and showing a document that was made for them.

Wrong arguments and what cannot be done are errors of the request, with a sentence; what a client cannot show is in the
command's result, as Markdown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from advisor.words import suggestion

from ..remote import AnalystError
from ..view import Model, View

if TYPE_CHECKING:
    from .documents import Opened
    from .session import Session

Result = dict[str, Any]


class RequestFailed(JsonRpcException):
    """A valid request that cannot be answered."""

    CODE = lsp.LSPErrorCodes.RequestFailed
    MESSAGE = "request failed"


def failed(error: AnalystError) -> RequestFailed:
    """The request's error for an analyst's."""
    return RequestFailed(f"{error.message}{f': {error.remedy}' if error.remedy else ''}")


def one(command: str, arguments: Sequence[Any], what: str, example: str) -> str | None:
    """The only argument, a text; None without one. Raises JsonRpcInvalidParams."""
    if not arguments or list(arguments) == [None]:
        return None
    if len(arguments) > 1 or not isinstance(arguments[0], str) or not arguments[0]:
        raise JsonRpcInvalidParams(f"{command}: expected {what} such as {example!r}, got {list(arguments)!r}")
    return arguments[0]


def document(session: Session, command: str, uri: Any) -> Opened:
    """The open document of a uri. Raises JsonRpcInvalidParams."""
    opened = session.documents.of(uri) if isinstance(uri, str) else None
    if opened is None:
        raise JsonRpcInvalidParams(f"{command}: {uri!r} is not an open Python document: open it first")
    return opened


def models_of(session: Session, command: str, arguments: Sequence[Any]) -> tuple[Opened, View, list[Model]]:
    """The models that ``{"uri": …, "model": …}`` names, all of the document without ``model``."""
    about = arguments[0] if len(arguments) == 1 else None
    if not isinstance(about, dict) or not isinstance(about.get("model", ""), str):
        raise JsonRpcInvalidParams(f'{command}: expected {{"uri": …, "model": …}}, got {list(arguments)!r}')
    opened = document(session, command, about.get("uri"))
    if opened.view is None:
        raise RequestFailed(f"{opened.path.name} has not been analysed yet: try again in a moment")
    name = about.get("model")
    found = [m for m in opened.view.models if name in (None, m.name)]
    if not found:
        known = [m.name for m in opened.view.models]
        hint = suggestion(name, known) if name and known else ""
        raise JsonRpcInvalidParams(f"{command}: {opened.path.name} has no model {name or ''}{hint}".rstrip())
    return opened, opened.view, found


async def show(session: Session, uri: str | None) -> bool:
    """Open a file in the client, where it can; whether it did."""
    if uri is None or not session.can("window.show_document.support"):
        return False
    try:
        result = await session.window_show_document_async(lsp.ShowDocumentParams(uri, take_focus=True))
    except JsonRpcException as e:
        session.log.info("the client did not open %s: %s", uri, e)
        return False
    return result.success
