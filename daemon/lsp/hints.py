"""Inlay hints: what comes out of each layer and what it costs, behind the call that made it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lsprotocol import types as lsp

from advisor.graph import Span

from ..view import Place, View
from . import layers, words
from .documents import Opened, State
from .markup import Markup

if TYPE_CHECKING:
    from .session import Session

_BEFORE = "Of the text before the last edits; "
_COMING = _BEFORE + "a new analysis is on its way."
STALE: Mapping[State, str] = {
    "running": _COMING,
    "known": _COMING,  # an analysis is due, because something else changed
    "broken": _BEFORE + "since then it could not be imported.",
    "cancelled": _BEFORE + "the analysis of this one was stopped: the command advisor.retrace starts it again.",
    "failed": _BEFORE + "the analysis of this one failed, the first diagnostic says why: the command advisor.retrace"
    " tries again.",
}
"""What is said of figures that are not of the present text."""


def hints(opened: Opened, uri: str, within: lsp.Range, show: Sequence[str]) -> list[tuple[lsp.InlayHint, Place]]:
    """The hints of ``within``, a range of the document ``uri``, each with its place; without tooltips.

    A hint stands at the end of the line that closes the call; where several end on a line, each behind its own.
    """
    view = opened.view
    if view is None:
        return []
    first, last = opened.at(uri, within.start), opened.at(uri, within.end)
    places = [p for p in layers.shown(view) if opened.owns(p.span)]
    ends = Counter(p.span.end_line for p in places)
    target = view.targets[0] if view.targets else None
    out = []
    for place in places:
        end = _end(opened, place.span, alone=ends[place.span.end_line] == 1)
        if not first <= end <= last:
            continue
        label = words.hint(place.instances, target, show, opened.stale)
        where = opened.locate(Span(place.span.file, *end, *end))
        if label and where is not None and where.uri == uri:
            data = {"uri": uri, "generation": opened.generation, "span": list(place.span[1:])}
            out.append((lsp.InlayHint(position=where.range.start, label=label, padding_left=True, data=data), place))
    return out


def _end(opened: Opened, span: Span, alone: bool) -> tuple[int, int]:
    if not alone or span.end_line > len(opened.lines):
        return span.end_line, span.end_column
    return span.end_line, len(opened.lines[span.end_line - 1].rstrip("\r\n")) + 1


def stale(opened: Opened) -> str:
    """Why what is shown may not be so; empty where it is of the present text."""
    return STALE[opened.state] if opened.stale else ""


def tooltip(view: View, place: Place, opened: Opened, markup: Markup) -> lsp.MarkupContent:
    """The table of the place's layers, with what kind of numbers it holds."""
    return markup.content([layers.table(place.instances, view, markup), markup.text(stale(opened))])


def resolved(hint: lsp.InlayHint, opened: Opened | None, markup: Markup) -> lsp.InlayHint:
    """``hint`` with its tooltip; as it was, when the document has been edited since."""
    data = hint.data
    if opened is None or opened.view is None or not isinstance(data, dict):
        return hint
    if data.get("generation") == opened.generation:
        for place in layers.shown(opened.view):
            if list(place.span[1:]) == data.get("span"):
                hint.tooltip = tooltip(opened.view, place, opened, markup)
                break
    return hint


def register(session: Session) -> None:
    """Answer for hints; tooltips at once for clients that do not ask for them later."""

    async def inlay_hint(params: lsp.InlayHintParams) -> list[lsp.InlayHint]:
        uri = params.text_document.uri
        opened = session.documents.of(uri)
        if opened is None:
            return []
        settings = session.settings_of(opened.path)
        if not settings.inlay_hints:
            return []
        await session.analysis.settled(opened)
        found = hints(opened, uri, params.range, settings.inlay_show)
        later = session.can("text_document.inlay_hint.resolve_support.properties") or ()
        if "tooltip" not in later and opened.view is not None:
            for hint, place in found:
                hint.tooltip = tooltip(opened.view, place, opened, Markup(True))
        return [hint for hint, _ in found]

    async def resolve(hint: lsp.InlayHint) -> lsp.InlayHint:
        data = hint.data if isinstance(hint.data, dict) else {}
        return resolved(hint, session.documents.of(str(data.get("uri"))), Markup(True))

    session.feature(lsp.TEXT_DOCUMENT_INLAY_HINT, lsp.InlayHintOptions(resolve_provider=True))(inlay_hint)
    session.feature(lsp.INLAY_HINT_RESOLVE)(resolve)
