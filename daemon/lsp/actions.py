"""Code actions on our diagnostics: fix the finding, ignore it in its three places, explain it, tell about a model."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from lsprotocol import types as lsp

from advisor.config import ConfigError, resolve
from advisor.findings import Finding
from advisor.fixes import comments

from ..remote import AnalystError
from . import commands, edits, fixing, pages, targets
from .diagnostics import SOURCE

if TYPE_CHECKING:
    from .documents import Opened
    from .session import Session

KINDS = [lsp.CodeActionKind.QuickFix, fixing.FIX_ALL]
_ABOUT_COMMENTS = ("SUP", "TRC906")
"""Codes of findings about comments for the advisor: another comment is no answer to them."""


def wanted(context: lsp.CodeActionContext, kind: str = lsp.CodeActionKind.QuickFix.value) -> bool:
    """Whether the client asks for actions of that kind: it names it, one that it is a part of, or none."""
    only = [str(getattr(asked, "value", asked)) for asked in context.only or [""]]
    return any(asked in ("", kind) or kind.startswith(f"{asked}.") for asked in only)


def _ours(opened: Opened, uri: str, context: lsp.CodeActionContext) -> Iterator[tuple[lsp.Diagnostic, Finding | None]]:
    """Our diagnostics among those asked about, each with the finding that it shows; None where that is gone."""
    for diagnostic in context.diagnostics:
        if diagnostic.source == SOURCE and isinstance(diagnostic.code, str):
            yield diagnostic, _finding(opened, uri, diagnostic)


def asks(opened: Opened, uri: str, context: lsp.CodeActionContext) -> list[comments.Ask]:
    """The comments that might answer the diagnostics of ``context``: an analyst says where they go."""
    found = (f for _, f in _ours(opened, uri, context) if f is not None)
    return list(dict.fromkeys(ask for f in found for ask in (_tell(opened, f), _ignore(opened, f)) if ask is not None))


def actions(
    session: Session, opened: Opened, uri: str, context: lsp.CodeActionContext, insertions: commands.Insertions
) -> list[lsp.CodeAction]:
    """The actions for the diagnostics of ``context``, which the document ``uri`` shows; ``insertions`` answers
    :func:`asks`."""
    out: list[lsp.CodeAction] = []
    if context.only and wanted(context, fixing.FIX_ALL):  # asked for by name only, as when a file is saved
        out += fixing.all_safe(session, opened)
    if not wanted(context):
        return out
    for diagnostic, finding in _ours(opened, uri, context):
        if finding is not None:
            out += fixing.actions(session, opened, diagnostic, finding)
            out += _comments(session, opened, diagnostic, finding, insertions)
            out += _settings(session, opened, diagnostic, finding)
        out += _commands(session, opened, diagnostic)
    return _distinct(out)


def _finding(opened: Opened, uri: str, diagnostic: lsp.Diagnostic) -> Finding | None:
    """The finding that the diagnostic shows: by what it says of itself, and of several the one that stands there."""
    data: dict[str, Any] = diagnostic.data if isinstance(diagnostic.data, dict) else {}
    found = [f for f in (opened.view.findings if opened.view else ()) if f.code == diagnostic.code]
    if "fingerprint" in data:
        found = [f for f in found if f.fingerprint() == data["fingerprint"]]
    here = lsp.Location(uri, diagnostic.range)
    return next((f for f in found if opened.locate(f.span) == here), found[0] if len(found) == 1 else None)


def _distinct(found: Sequence[lsp.CodeAction]) -> list[lsp.CodeAction]:
    """Of actions that do the same for several diagnostics, the first, for all of them."""
    out: dict[tuple[str, str], lsp.CodeAction] = {}
    for action in found:
        first = out.setdefault((action.title, repr(action.edit or action.data)), action)
        if first is not action:
            first.diagnostics = [*(first.diagnostics or ()), *(action.diagnostics or ())]
    return list(out.values())


def _action(
    title: str, about: lsp.Diagnostic, edit: lsp.WorkspaceEdit | None = None, command: lsp.Command | None = None
) -> lsp.CodeAction:
    return lsp.CodeAction(title, lsp.CodeActionKind.QuickFix, diagnostics=[about], edit=edit, command=command)


def _tell(opened: Opened, finding: Finding) -> comments.Ask | None:
    if finding.code not in comments.TELLABLE or not opened.owns(finding.span):
        return None
    return commands.telling(opened, finding.model)


def _ignore(opened: Opened, finding: Finding) -> comments.Ask | None:
    if finding.code.startswith(_ABOUT_COMMENTS) or not opened.owns(finding.span):
        return None
    return comments.Ignore(finding.span, finding.code)


def _comments(
    session: Session, opened: Opened, about: lsp.Diagnostic, finding: Finding, insertions: commands.Insertions
) -> Iterator[lsp.CodeAction]:
    titles = {
        f"Tell the advisor args and inputs of {finding.model}": _tell(opened, finding),
        f"Ignore {finding.code} here": _ignore(opened, finding),
    }
    for title, ask in titles.items():
        insertion = insertions.get(ask) if ask is not None else None
        if insertion is not None and (found := edits.inserted(opened, insertion)):
            yield _action(title, about, edits.workspace_edit(found, edits.versioned(session)))


def _settings(session: Session, opened: Opened, about: lsp.Diagnostic, finding: Finding) -> Iterator[lsp.CodeAction]:
    """Entries of the nearest pyproject.toml, unless the editor's own settings win over it."""
    if opened.untitled or finding.code.startswith("SUP001"):
        return
    file = edits.settings_file(session, opened.path)
    if file is None:
        return
    said = session.settings_of(opened.path).overrides
    glob = edits.glob_of(opened.path, file.parent)
    missing = [] if file.exists() else [session.uri(file)]
    choices = (("per-file-ignores", glob, f"in {opened.path.name}"), ("ignore", None, "in the project"))
    for key, of, where in choices:
        if key in said or (key == "per-file-ignores" and of is None):
            continue
        found = edits.ignored(session, file, finding.code, of)
        if found is not None:
            title = f"Ignore {finding.code} {where} (pyproject.toml)"
            yield _action(title, about, edits.workspace_edit(found, edits.versioned(session), missing))


def _commands(session: Session, opened: Opened, about: lsp.Diagnostic) -> Iterator[lsp.CodeAction]:
    code = str(about.code)
    if code in pages.names():
        title = f"Explain {code}: {pages.names()[code]}"
        yield _action(title, about, command=lsp.Command(title, commands.EXPLAIN, arguments=[code]))
    if opened.trouble is not None and opened.trouble.code == code:
        title = "Trace again"
        yield _action(title, about, command=lsp.Command(title, commands.RETRACE, arguments=[opened.uri]))
    data = about.data if isinstance(about.data, dict) else {}
    if not data.get("target"):
        return
    used = list(opened.view.targets) if opened.view else [data["target"]]
    if session.can("window.show_message"):
        title = f"Switch target (now {', '.join(used)})"
        yield _action(title, about, command=lsp.Command(title, targets.SWITCH_TARGET))
        return
    for name in _configured(session, opened):  # a client that cannot ask which is given the choices
        if used != [name]:
            title = f"Switch target to {name}"
            yield _action(title, about, command=lsp.Command(title, targets.SWITCH_TARGET, arguments=[name]))


def _configured(session: Session, opened: Opened) -> Sequence[str]:
    """The targets of the settings, whichever was switched to; none where the settings are broken."""
    said = session.settings_of(opened.path).overrides
    try:
        return resolve(opened.path, said, session.root_of(opened.path)).targets
    except ConfigError:
        return ()  # a diagnostic says what is wrong with them


def register(session: Session) -> None:
    """Answer for code actions. Comments are tried by an analyst; the settings' files are read beside the event loop."""

    async def code_action(params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        uri, context = params.text_document.uri, params.context
        opened = session.documents.of(uri)
        if opened is None or not (wanted(context) or wanted(context, fixing.FIX_ALL)):
            return []
        generation = opened.generation
        insertions = await _insertions(session, opened, asks(opened, uri, context))
        if opened.generation != generation:
            return []  # edits of a text that is gone would miss their places
        found = await asyncio.to_thread(actions, session, opened, uri, context, insertions)
        return found if opened.generation == generation else []

    async def resolve(action: lsp.CodeAction) -> lsp.CodeAction:
        return await fixing.resolve(session, action)

    options = lsp.CodeActionOptions(code_action_kinds=KINDS, resolve_provider=True)
    session.feature(lsp.TEXT_DOCUMENT_CODE_ACTION, options)(code_action)
    session.feature(lsp.CODE_ACTION_RESOLVE)(resolve)


async def _insertions(session: Session, opened: Opened, asked: Sequence[comments.Ask]) -> commands.Insertions:
    try:
        return await commands.insertions(session, opened, asked)
    except AnalystError as e:  # the other actions need none
        session.log.warning("no comments are offered in %s: %s", opened.path, e)
        return {}
