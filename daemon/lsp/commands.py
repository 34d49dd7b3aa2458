"""Commands: switch the target, trace again, show a model's table or findings, explain a code, tell args and inputs.

Wrong arguments and what cannot be done are errors of the request, with a sentence; what a client cannot show is in the
command's result, as Markdown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from advisor.fixes import comments
from advisor.words import suggestion

from ..comments import plain
from ..remote import AnalystError
from ..view import Model, View
from . import edits, pages, sheets

if TYPE_CHECKING:
    from .documents import Opened
    from .session import Session

SWITCH_TARGET = "advisor.switchTarget"
RETRACE = "advisor.retrace"
SHOW_TABLE = "advisor.showModelTable"
SHOW_FINDINGS = "advisor.showFindings"
EXPLAIN = "advisor.explain"
TELL = "advisor.tellInputs"
HOW_TO_TRUST = "advisor.howToTrust"

_OFFERED = 6
"""Targets in a question to the person."""

Result = dict[str, Any]
Insertions = Mapping[comments.Ask, comments.Insertion]
"""Where the comments go that were asked for and that work."""


class RequestFailed(JsonRpcException):
    """A valid request that cannot be answered."""

    CODE = lsp.LSPErrorCodes.RequestFailed
    MESSAGE = "request failed"


def _failed(error: AnalystError) -> RequestFailed:
    return RequestFailed(f"{error.message}{f': {error.remedy}' if error.remedy else ''}")


# ---- arguments


def _one(command: str, arguments: Sequence[Any], what: str, example: str) -> str | None:
    """The only argument, a text; None without one. Raises JsonRpcInvalidParams."""
    if not arguments or list(arguments) == [None]:
        return None
    if len(arguments) > 1 or not isinstance(arguments[0], str) or not arguments[0]:
        raise JsonRpcInvalidParams(f"{command}: expected {what} such as {example!r}, got {list(arguments)!r}")
    return arguments[0]


def _document(session: Session, command: str, uri: Any) -> Opened:
    opened = session.documents.of(uri) if isinstance(uri, str) else None
    if opened is None:
        raise JsonRpcInvalidParams(f"{command}: {uri!r} is not an open Python document: open it first")
    return opened


def _models(session: Session, command: str, arguments: Sequence[Any]) -> tuple[Opened, View, list[Model]]:
    """The models that ``{"uri": …, "model": …}`` names, all of the document without ``model``."""
    about = arguments[0] if len(arguments) == 1 else None
    if not isinstance(about, dict) or not isinstance(about.get("model", ""), str):
        raise JsonRpcInvalidParams(f'{command}: expected {{"uri": …, "model": …}}, got {list(arguments)!r}')
    opened = _document(session, command, about.get("uri"))
    if opened.view is None:
        raise RequestFailed(f"{opened.path.name} has not been analysed yet: try again in a moment")
    name = about.get("model")
    found = [m for m in opened.view.models if name in (None, m.name)]
    if not found:
        known = [m.name for m in opened.view.models]
        hint = suggestion(name, known) if name and known else ""
        raise JsonRpcInvalidParams(f"{command}: {opened.path.name} has no model {name or ''}{hint}".rstrip())
    return opened, opened.view, found


# ---- what they do


async def _show(session: Session, uri: str | None) -> bool:
    """Open a file in the client, where it can; whether it did."""
    if uri is None or not session.can("window.show_document.support"):
        return False
    try:
        result = await session.window_show_document_async(lsp.ShowDocumentParams(uri, take_focus=True))
    except JsonRpcException as e:
        session.log.info("the client did not open %s: %s", uri, e)
        return False
    return result.success


async def explain(session: Session, *arguments: Any) -> Result:
    """The page of a code: opened, and as Markdown."""
    code = _one(EXPLAIN, arguments, "a code", "CHN101")
    markdown = pages.texts().get(code or "")
    if code is None or markdown is None:
        hint = suggestion(code.upper(), list(pages.texts())) if code else ", give one such as CHN101"
        raise JsonRpcInvalidParams(f"{EXPLAIN}: no code {code or ''}{hint}")
    return {"code": code, "markdown": markdown, "shown": await _show(session, pages.href(code))}


async def show_table(session: Session, *arguments: Any) -> Result:
    """The layers of a model, or of all in a document: opened, and as Markdown."""
    return await _sheet(session, SHOW_TABLE, arguments, sheets.table, "layers")


async def show_findings(session: Session, *arguments: Any) -> Result:
    """The findings of a model, or of all in a document: opened, and as Markdown."""
    return await _sheet(session, SHOW_FINDINGS, arguments, sheets.findings, "findings")


async def _sheet(
    session: Session,
    command: str,
    arguments: Sequence[Any],
    render: Callable[[Opened, View, Sequence[Model]], str],
    what: str,
) -> Result:
    opened, view, models = _models(session, command, arguments)
    markdown = render(opened, view, models)
    name = models[0].name if len(models) == 1 else opened.path.stem
    uri = sheets.written(f"{name}-{what}", str(opened.path), markdown)
    return {"markdown": markdown, "shown": await _show(session, uri)}


async def retrace(session: Session, *arguments: Any) -> None:
    """Analyse a document anew, or all that are open."""
    uri = _one(RETRACE, arguments, "the URI of a document", "file:///home/me/net.py")
    session.retrace(None if uri is None else _document(session, RETRACE, uri))


def telling(opened: Opened, name: str) -> comments.Tell | None:
    """What asks for the comment for args and inputs above a model; None for one that does not stand here."""
    model = next((m for m in (opened.view.models if opened.view else ()) if m.name == name), None)
    if model is None or not opened.owns(model.span):
        return None
    return comments.Tell(model.span, bool(model.construct), model.input)


async def insertions(session: Session, opened: Opened, asked: Sequence[comments.Ask]) -> Insertions:
    """Where comments go in the present text of a document, as an analyst finds by trying: that of the reading lane
    where those in front have other things to do. Raises :class:`AnalystError`."""
    if not asked:
        return {}
    params = {"path": str(opened.path), "text": opened.text, "asks": [plain(ask) for ask in asked]}
    found = await session.lanes.call("comments", params, lane="read" if session.lanes.busy("front") else "front")
    return {
        ask: comments.Insertion(*given)
        for ask, given in zip(asked, found["insertions"], strict=True)
        if given is not None
    }


async def tell_inputs(session: Session, *arguments: Any) -> Result:
    """Write the comment that says a model's args and inputs, for the person to complete."""
    opened, _, models = _models(session, TELL, arguments)
    if len(models) > 1:
        raise JsonRpcInvalidParams(f"{TELL}: {opened.path.name} has several models: name one of them")
    edit = await _telling(session, opened, models[0].name)
    if edit is None:
        raise RequestFailed(f"{models[0].name} has an advisor comment already, or no line for one: correct it there")
    if not session.can("workspace.apply_edit"):
        raise RequestFailed("this editor takes no edits from commands: use the code action on the finding")
    params = lsp.ApplyWorkspaceEditParams(edit, label=f"Tell args and inputs of {models[0].name}")
    try:
        applied = await session.workspace_apply_edit_async(params)
    except JsonRpcException as e:
        raise RequestFailed(f"the editor did not apply the edit: {e}; use the code action on the finding") from e
    return {"applied": applied.applied}


async def _telling(session: Session, opened: Opened, name: str) -> lsp.WorkspaceEdit | None:
    """The edit; None where there is such a comment, or no place for one."""
    ask = telling(opened, name)
    generation = opened.generation
    try:
        found = await insertions(session, opened, [ask] if ask is not None else [])
    except AnalystError as e:
        raise _failed(e) from e
    if opened.generation != generation:
        raise RequestFailed(f"{opened.path.name} was edited meanwhile: try again")
    made = [edits.inserted(opened, insertion) for insertion in found.values()]
    return edits.workspace_edit(made[0], edits.versioned(session)) if made and made[0] else None


async def how_to_trust(session: Session, *arguments: Any) -> Result:
    """What has to be done for a document to be run, which the person does and no command: opened, and as Markdown."""
    about = arguments[0] if len(arguments) == 1 else None
    opened = _document(session, HOW_TO_TRUST, about.get("uri") if isinstance(about, dict) else about)
    trusted = session.trusts(opened.path)
    markdown = sheets.trust(None if trusted else session.trust.hint(opened.path))
    uri = sheets.written("trust", str(session.root_of(opened.path)), markdown)
    return {"markdown": markdown, "shown": await _show(session, uri)}


# ---- targets


async def switch_target(session: Session, *arguments: Any) -> Result:
    """Cost everything for another target; asks the person which when none is given."""
    known = await _targets(session)
    given = _one(SWITCH_TARGET, arguments, "a target's name", "cpu-x86")
    if given is None:
        given = await _asked(session, known)
        if given is None:
            return {"target": None}
    name = given if given in known else _file(session, given)
    if name is None:
        raise JsonRpcInvalidParams(f"{SWITCH_TARGET}: no target '{given}'{suggestion(given, known)}")
    session.switch_target(name)
    return {"target": name}


async def _targets(session: Session) -> list[str]:
    params = session.params(next(iter(session.roots()), session.cwd))
    try:
        found = await session.lanes.call("targets", {**params, "cwd": params["path"]}, lane="front")
    except AnalystError as e:
        raise _failed(e) from e
    return [t["name"] for t in found["targets"]]


def _file(session: Session, given: str) -> str | None:
    """A target's file by its path, relative to the first workspace folder."""
    file = next(iter(session.roots()), session.cwd) / given
    return str(file) if file.suffix == ".toml" and Path(file).is_file() else None


async def _asked(session: Session, known: Sequence[str]) -> str | None:
    """The person's choice: the targets in use, then the first of the others; None when none was made."""
    if not session.can("window.show_message"):
        raise JsonRpcInvalidParams(f"{SWITCH_TARGET}: name the target, one of {', '.join(known)}")
    used = [t for opened in session.documents for t in (opened.view.targets if opened.view else ())]
    offered = list(dict.fromkeys([*used, *known]))[:_OFFERED]
    more = f" ({len(known)} in all: `advisor targets` lists them)" if len(known) > len(offered) else ""
    question = lsp.ShowMessageRequestParams(
        lsp.MessageType.Info, f"Cost models for which target?{more}", [lsp.MessageActionItem(t) for t in offered]
    )
    try:
        answer = await session.window_show_message_request_async(question)
    except JsonRpcException as e:
        raise RequestFailed(f"the editor did not ask for the target: {e}; name it as the command's argument") from e
    return answer.title if answer is not None else None


COMMANDS = {
    SWITCH_TARGET: switch_target,
    RETRACE: retrace,
    SHOW_TABLE: show_table,
    SHOW_FINDINGS: show_findings,
    EXPLAIN: explain,
    TELL: tell_inputs,
    HOW_TO_TRUST: how_to_trust,
}


def register(session: Session) -> None:
    """Answer for the commands."""
    for name, handler in COMMANDS.items():
        session.command(name)(_bound(handler, session))


def _bound(handler: Callable[..., Any], session: Session) -> Callable[..., Any]:
    async def run(*arguments: Any) -> Any:
        return await handler(session, *arguments)

    return run
