"""Commands: trace again, show a model's table or findings, explain a code, tell args and inputs, how to trust; and the
list of all, those of other modules included.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from advisor.fixes import comments
from advisor.words import suggestion

from ..comments import plain
from ..remote import AnalystError
from ..view import Model, View
from . import auditing, checkup, edits, fixall, pages, sheets, targets
from .requests import RequestFailed, Result, document, failed, models_of, one, show

if TYPE_CHECKING:
    from .documents import Opened
    from .session import Session

RETRACE = "advisor.retrace"
SHOW_TABLE = "advisor.showModelTable"
SHOW_FINDINGS = "advisor.showFindings"
EXPLAIN = "advisor.explain"
TELL = "advisor.tellInputs"
HOW_TO_TRUST = "advisor.howToTrust"

Insertions = Mapping[comments.Ask, comments.Insertion]
"""Where the comments go that were asked for and that work."""


async def explain(session: Session, *arguments: Any) -> Result:
    """The page of a code: opened, and as Markdown."""
    code = one(EXPLAIN, arguments, "a code", "CHN101")
    markdown = pages.texts().get(code or "")
    if code is None or markdown is None:
        hint = suggestion(code.upper(), list(pages.texts())) if code else ", give one such as CHN101"
        raise JsonRpcInvalidParams(f"{EXPLAIN}: no code {code or ''}{hint}")
    return {"code": code, "markdown": markdown, "shown": await show(session, pages.href(code))}


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
    opened, view, models = models_of(session, command, arguments)
    markdown = render(opened, view, models)
    name = models[0].name if len(models) == 1 else opened.path.stem
    uri = sheets.written(f"{name}-{what}", str(opened.path), markdown)
    return {"markdown": markdown, "shown": await show(session, uri)}


async def retrace(session: Session, *arguments: Any) -> None:
    """Analyse a document anew, or all that are open."""
    uri = one(RETRACE, arguments, "the URI of a document", "file:///home/me/net.py")
    session.retrace(None if uri is None else document(session, RETRACE, uri))


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
    opened, _, models = models_of(session, TELL, arguments)
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
        raise failed(e) from e
    if opened.generation != generation:
        raise RequestFailed(f"{opened.path.name} was edited meanwhile: try again")
    made = [edits.inserted(opened, insertion) for insertion in found.values()]
    return edits.workspace_edit(made[0], edits.versioned(session)) if made and made[0] else None


async def how_to_trust(session: Session, *arguments: Any) -> Result:
    """What has to be done for a document to be run, which the person does and no command: opened, and as Markdown."""
    about = arguments[0] if len(arguments) == 1 else None
    opened = document(session, HOW_TO_TRUST, about.get("uri") if isinstance(about, dict) else about)
    trusted = session.trusts(opened.path)
    markdown = sheets.trust(None if trusted else session.trust.hint(opened.path))
    uri = sheets.written("trust", str(session.root_of(opened.path)), markdown)
    return {"markdown": markdown, "shown": await show(session, uri)}


COMMANDS = {
    targets.SWITCH_TARGET: targets.switch_target,
    RETRACE: retrace,
    SHOW_TABLE: show_table,
    SHOW_FINDINGS: show_findings,
    EXPLAIN: explain,
    TELL: tell_inputs,
    HOW_TO_TRUST: how_to_trust,
}


LONG = {
    auditing.AUDIT: auditing.audit,
    checkup.DOCTOR: checkup.doctor,
    fixall.APPLY_FIX: fixall.apply_fix,
    fixall.FIX_ALL: fixall.fix_all,
}
"""Commands that take their time: their first argument is the client's token for their progress, or None."""


def register(session: Session) -> None:
    """Answer for the commands."""
    for name, handler in {**COMMANDS, **LONG}.items():
        session.command(name)(_bound(handler, session))


def _bound(handler: Callable[..., Any], session: Session) -> Callable[..., Any]:
    async def run(*arguments: Any) -> Any:
        return await handler(session, *arguments)

    return run
