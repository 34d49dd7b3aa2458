"""The commands that apply fixes of a document, all or one: one edit, one step to undo.

Nothing is looked for that is not looked for anyway: where the search of the present text runs, it is waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from advisor.fixes.fix import SAFE, Fix
from advisor.reports.cells import plural

from . import fixing
from .progress import progress
from .requests import RequestFailed, Result, document

if TYPE_CHECKING:
    from .documents import Opened
    from .session import Session

FIX_ALL = "advisor.fixAll"
APPLY_FIX = "advisor.applyFix"


class _Asked(NamedTuple):
    """``unsafe``: also fixes after which the network has to be trained; ``preview``: the person sees the edits
    first."""

    opened: Opened
    unsafe: bool
    preview: bool


async def fix_all(session: Session, token: lsp.ProgressToken | None, *arguments: Any) -> Result:
    """Apply as many of a document's fixes as go together; how many those are, and what is to be said of the rest."""
    opened, unsafe, preview = _asked(session, arguments)
    _able(session, preview)
    fixes = await _known(session, opened, token)
    chosen = fixing.choice(fixes, unsafe=unsafe)
    if chosen is None:
        return {"applied": False, "count": 0, "note": _rest(fixes, None, unsafe) or "no finding has a fix"}
    title = f"Apply {plural(chosen.count, 'fix', 'fixes')} of the advisor"
    applied = await _apply(session, opened, chosen.fix, title, confirm=preview)
    note = "; ".join(said for said in (chosen.fix.note, _rest(fixes, chosen.fix, unsafe)) if said)
    return {"applied": applied, "count": chosen.count, "note": note}


async def apply_fix(session: Session, token: lsp.ProgressToken | None, *arguments: Any) -> Result:
    """Apply the fix of one finding, which the person sees first where the network would have to be trained."""
    about = arguments[0] if len(arguments) == 1 else None
    name = about.get("finding") if isinstance(about, dict) else None
    if not isinstance(about, dict) or not isinstance(name, str):
        wanted = '{"uri": …, "finding": its fingerprint}'
        raise JsonRpcInvalidParams(f"{APPLY_FIX}: expected {wanted}, got {list(arguments)!r}")
    opened = document(session, APPLY_FIX, about.get("uri"))
    _able(session, preview=False)
    fixes = await _known(session, opened, token)
    fix = fixes.found.get(name)
    if fix is None:
        why = fixes.unfixed.get(name) or "the finding is gone, or proposes no change"
        return {"applied": False, "note": why}
    applied = await _apply(session, opened, fix, fix.title, confirm=fix.applicability != SAFE)
    return {"applied": applied, "note": fix.note}


def _able(session: Session, preview: bool) -> None:
    """Raises :class:`RequestFailed` where the client cannot do what it takes."""
    if not session.can("workspace.apply_edit"):
        raise RequestFailed("this editor takes no edits from commands: use the code actions on the findings")
    if preview and not fixing.previews(session):
        raise RequestFailed("this editor cannot show edits before it makes them: leave `preview` out")


async def _apply(session: Session, opened: Opened, fix: Fix, title: str, *, confirm: bool) -> bool:
    """Whether the client made the edit. Raises :class:`RequestFailed`."""
    edit = await asyncio.to_thread(fixing.edit_of, session, opened, fix, confirm=confirm, title=title)
    if edit is None:
        raise RequestFailed("a file that the fix edits has changed since: it is offered again once verified")
    try:
        answer = await session.workspace_apply_edit_async(lsp.ApplyWorkspaceEditParams(edit, label=title))
    except JsonRpcException as e:
        raise RequestFailed(f"the editor did not apply the edit: {e}; use the code actions on the findings") from e
    return answer.applied


def _asked(session: Session, arguments: Sequence[Any]) -> _Asked:
    about = arguments[0] if len(arguments) == 1 else None
    flags = [about.get(key, False) for key in ("unsafe", "preview")] if isinstance(about, dict) else []
    if not isinstance(about, dict) or not all(isinstance(flag, bool) for flag in flags):
        wanted = '{"uri": …, "unsafe": true or false, "preview": true or false}'
        raise JsonRpcInvalidParams(f"{FIX_ALL}: expected {wanted}, got {list(arguments)!r}")
    return _Asked(document(session, FIX_ALL, about.get("uri")), *flags)


async def _known(session: Session, opened: Opened, token: lsp.ProgressToken | None) -> fixing.Fixes:
    """The fixes of the present text, once they have been looked for. Raises :class:`RequestFailed`."""
    name = opened.path.name
    if not session.trusts(opened.path):
        raise RequestFailed(f"a fix is offered once it was tried, and {name} may not be run: trust it first")
    generation = opened.generation
    async with progress(session, f"Advisor: fixes of {name}", token):
        await session.analysis.sought(opened)
    if opened.generation != generation:
        raise RequestFailed(f"{name} was edited meanwhile: try again")
    if opened.stale or opened.view is None:
        raise RequestFailed(f"the present text of {name} could not be traced: its diagnostics say why")
    fixes = fixing.known(opened) or fixing.Fixes(generation)
    if fixes.trouble and not fixes.found:
        raise RequestFailed(f"the search for fixes of {name} came to nothing: {fixes.trouble}")
    return fixes


def _rest(fixes: fixing.Fixes, chosen: Fix | None, unsafe: bool) -> str:
    """What is left to say: which fixes were not applied, and how to come by them. What findings on several targets
    have in common is one fix."""
    done = set(chosen.edits) if chosen is not None else set()
    left = {frozenset(fix.edits): fix for fix in fixes.found.values() if not done.issuperset(fix.edits)}
    safe = sum(fix.applicability == SAFE for fix in left.values())
    more, others = (len(left), 0) if unsafe else (safe, len(left) - safe)
    parts = []
    if more:
        parts.append(f"{plural(more, 'fix', 'fixes')} more may go once these are in: ask again")
    if others:
        parts.append(f"after {plural(others, 'other fix', 'other fixes')} the network has to be trained")
    return "; ".join(parts)
