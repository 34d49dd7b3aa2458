"""Code lenses: above each model what it costs and scores, how many findings it has, and what to do where it could not
be run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lsprotocol import types as lsp

from advisor.fixes.comments import TELLABLE
from advisor.reports import cells

from ..view import Model, View
from . import words
from .commands import HOW_TO_TRUST, RETRACE, SHOW_FINDINGS, SHOW_TABLE, TELL

if TYPE_CHECKING:
    from .documents import Opened, State
    from .session import Session

UNTRUSTED = "static only: not trusted · how to allow it"

STOPPED: Mapping[State, str] = {
    "cancelled": "you stopped the analysis · trace again",
    "failed": "the analysis failed · try again",
}
"""What stands above a model that an analysis did not come to, and that none is on its way for."""

_SCORES = 2
"""Zero-shot scores in a lens, of all that a hover has."""
_LONG = 90
"""Characters of a reason in a lens."""


def lenses(opened: Opened, uri: str, hint: str | None) -> list[lsp.CodeLens]:
    """The lenses of the models that stand in the document ``uri``; ``hint`` says how to allow a document to run that
    may not, None for one that may."""
    if opened.view is None:
        return []
    out = []
    for model in opened.view.models:
        where = opened.locate(model.span) if opened.owns(model.span) else None
        if where is None or where.uri != uri:
            continue
        mark = "~" if opened.stale else ""
        about = {"uri": opened.uri, "model": model.name}
        if hint is None and opened.state in STOPPED:
            again = lsp.Command(STOPPED[opened.state], RETRACE, arguments=[opened.uri])
            out.append(lsp.CodeLens(where.range, command=again))
        out += [
            lsp.CodeLens(
                where.range,
                command=lsp.Command(
                    f"{mark}{title}", command, tooltip=hint if command == HOW_TO_TRUST else None, arguments=[about]
                ),
            )
            for title, command in _titles(model, opened.view, trusted=hint is None)
        ]
    return out


def _titles(model: Model, view: View, trusted: bool) -> list[tuple[str, str]]:
    """What stands above ``model``, each with its command."""
    whole = model.status == "ok" and model.rung != "static"
    costed = {target: total for target, total in model.totals.items() if whole or words.costed(total)}
    part = "" if whole else ", up to there"
    out = [(f"{target}{part}: {words.totals(total)}", SHOW_TABLE) for target, total in costed.items()]
    if not whole and (view.phase == "traced" or not trusted):
        out.insert(0, (_reason(model, view), SHOW_TABLE) if trusted else (UNTRUSTED, HOW_TO_TRUST))
    if scored := [f"{name} {text}" for name, text in model.scores[:_SCORES] if not text.startswith("none")]:
        out.append((f"at initialisation: {' · '.join(scored)}", SHOW_TABLE))
    if any(f.model == model.name and not f.code.startswith("TRC") for f in view.findings):
        out.append((_findings(model), SHOW_FINDINGS))
    if trusted and any(f.code in TELLABLE and f.model == model.name for f in view.findings):
        out.append(("tell args and inputs", TELL))
    return out


def _reason(model: Model, view: View) -> str:
    """Why the model was not traced, from its finding or the one that kept its whole file from it; its status where
    there is none."""
    traces = [f for f in view.findings if f.code.startswith("TRC")]
    whole = (f for f in traces if not f.model and f.severity == "error")
    finding = next((f for f in traces if f.model == model.name), None) or next(whole, None)
    if finding is None:
        return "not traced: read from the source only"
    reason = finding.message.removeprefix(f"{model.name}: ").partition("; ")[0]
    return reason if len(reason) <= _LONG else f"{reason[: _LONG - 1]}…"


def _findings(model: Model) -> str:
    """``3 findings · together 1.18 ms → 0.98 ms (−17 %) on cpu-x86``, the first target that they save time on."""
    saved = next((f"{text} on {name}" for name, total in model.totals.items() if (text := words.together(total))), "")
    text = cells.plural(model.findings, "finding")
    return f"{text} · together {saved}" if saved else text


def register(session: Session) -> None:
    """Answer for lenses."""

    async def code_lens(params: lsp.CodeLensParams) -> list[lsp.CodeLens]:
        uri = params.text_document.uri
        opened = session.documents.of(uri)
        if opened is None or not session.settings_of(opened.path).code_lens:
            return []
        await session.analysis.settled(opened)
        hint = None if session.trusts(opened.path) else session.trust.hint(opened.path)
        return lenses(opened, uri, hint)

    session.feature(lsp.TEXT_DOCUMENT_CODE_LENS, lsp.CodeLensOptions(resolve_provider=False))(code_lens)
