"""Hover: the layers that a call made with their costs, a model's totals, and why a finding matters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING

from lsprotocol import types as lsp

from advisor.findings import Finding
from advisor.graph import Span
from advisor.reports import cells
from advisor.units import size

from ..view import Model, Place, View
from . import layers, pages, words
from .hints import stale
from .markup import Markup

if TYPE_CHECKING:
    from .documents import Opened
    from .session import Session

_WIDTHS = 6
"""Widths that are shown, each with where it comes from."""
_CALL = 72
"""Characters of a call that are shown."""
_ORIGINS = 8
"""Links of a chain of calls that are shown."""


def hover(opened: Opened, uri: str, position: lsp.Position, markup: Markup) -> lsp.Hover | None:
    """What is known of the place at ``position`` of the document ``uri``; None where that is nothing."""
    view = opened.view
    if view is None:
        return None
    at = opened.at(uri, position)
    model = next((m for m in view.models if opened.owns(m.span) and _covers(m.span, at)), None)
    place = None if model else _place(opened, view, at)
    call = place if place is not None and _covers(place.span, at) else None
    found = [f for f in view.findings if (opened.owns(f.span) and _covers(f.span, at)) or _concerns(f, call)]
    blocks = list(about(model, view, markup)) if model else list(_layers(opened, view, place, markup)) if place else []
    blocks += explained(found, lambda f: _finding(f, markup), markup)
    if not blocks:
        return None
    blocks.append(markup.text(stale(opened)))
    span = model.span if model else place.span if place else found[0].span
    where = opened.locate(span)
    return lsp.Hover(
        contents=markup.content(blocks), range=where.range if where is not None and where.uri == uri else None
    )


def _covers(span: Span, at: tuple[int, int]) -> bool:
    """Whether ``at`` lies in ``span``; a span without extent stands for its line."""
    if (span.line, span.column) == (span.end_line, span.end_column):
        return span.line == at[0]
    return (span.line, span.column) <= at < (span.end_line, span.end_column)


def _concerns(finding: Finding, call: Place | None) -> bool:
    """Whether a finding is about a layer that the call makes: it stands on the number that causes it, which may be
    elsewhere, and a person looks at the layer."""
    if call is None or not call.created:
        return False
    return any(i.model == finding.model and i.path in finding.layers for i in call.instances)


def _place(opened: Opened, view: View, at: tuple[int, int]) -> Place | None:
    """The innermost place at ``at``; else the one whose call begins further on in the same line: the name that it is
    assigned to is part of the statement."""
    own = [p for p in layers.shown(view) if opened.owns(p.span)]
    around = [p for p in own if _covers(p.span, at)]
    if around:
        return max(around, key=lambda p: (p.span.line, p.span.column, -p.span.end_line, -p.span.end_column))
    after = [p for p in own if p.created and p.span.line == at[0] and p.span.column > at[1]]
    return min(after, key=lambda p: p.span.column, default=None)


# ---- layers


def _layers(opened: Opened, view: View, place: Place, markup: Markup) -> Iterator[str]:
    models = list(dict.fromkeys(i.model for i in place.instances))
    first = place.instances[0]
    if len(place.instances) == 1:
        yield f"{markup.bold(first.label)} {markup.text('in ' + first.model)}"
    else:
        made = "made here" if place.created else "run here"
        of = models[0] if len(models) == 1 else cells.plural(len(models), "model")
        yield markup.bold(f"{cells.plural(len(place.instances), 'layer')} of {of}") + markup.text(f", {made}")
    yield layers.table(place.instances, view, markup)
    yield _widths(opened, place, markup)
    if place.origin:
        yield markup.text("Called from ") + links(opened, place.origin, markup)


def _widths(opened: Opened, place: Place, markup: Markup) -> str:
    """Where the channels and features of the layers come from, a line each."""
    lines = []
    for width in place.widths[:_WIDTHS]:
        if width.call:
            call = width.call if len(width.call) <= _CALL else f"{width.call[: _CALL - 1]}…"
            comes = markup.text(": ") + markup.code(call) + markup.text(f", {width.how}" if width.how else "")
            lines.append(markup.text(f"Its {width.number} comes from ") + links(opened, [width.span], markup) + comes)
        elif width.span == place.span:
            lines.append(markup.text(f"Its {width.number} is decided by this call"))
        else:
            decided = markup.text(f"Its {width.number} is decided by the call in ")
            lines.append(decided + links(opened, [width.span], markup))
    if (more := len(place.widths) - len(lines)) > 0:
        lines.append(markup.text(f"and {cells.plural(more, 'width')} more"))
    return "\n".join(f"- {line}" if markup.markdown else line for line in lines)


def links(opened: Opened, spans: Sequence[Span], markup: Markup) -> str:
    """The places as links: those of this file by line, then the others."""
    parts = []
    for span in sorted(set(spans), key=lambda s: (not opened.owns(s), s))[:_ORIGINS]:
        where = opened.locate(span)
        text = f"line {span.line}" if opened.owns(span) else f"{PurePath(span.file).name}:{span.line}"
        parts.append(markup.link(text, f"{where.uri}#L{where.range.start.line + 1}" if where else None))
    more = len(set(spans)) - len(parts)
    return ", ".join(parts) + (f" and {more} more" if more > 0 else "")


# ---- models


def about(model: Model, view: View, markup: Markup) -> Iterator[str]:
    how = ", read from the source only" if model.rung == "static" else f", traced by {model.rung}" if model.rung else ""
    yield markup.bold(model.name) + markup.text(f" {model.status}{how}")
    if model.totals:
        yield totals_table(model, markup)
    facts = [("built as", model.construct), ("input", model.input)]
    yield "\n".join(f"{'- ' if markup.markdown else ''}{name} {markup.code(text)}" for name, text in facts if text)
    for target, total in model.totals.items():
        if total.doubtful:
            doubts = cells.plural(total.doubtful, "kernel")
            yield markup.text(f"{doubts} on {target} outside what the prediction was trained on")
        if saved := words.together(total):
            yield markup.text(f"All findings together on {target}: {saved}, {total.label}")
    if model.scores:
        yield markup.bold("At initialisation") + markup.text(
            f", without data, for inputs {model.scored}: to compare networks for one task, not an accuracy"
        )
        yield markup.table(
            [["proxy", "score"], *([markup.text(n), markup.text(t)] for n, t in model.scores)], right=[1]
        )
    yield "\n".join(f"{'- ' if markup.markdown else ''}{markup.text(note)}" for note in view.notes)


def totals_table(model: Model, markup: Markup) -> str:
    """A row a target: what the model costs there."""
    rows = [["target", "latency", "MACs", "params", "weights", "peak memory", "figures"]]
    for target, t in model.totals.items():
        if words.costed(t):
            latency = words.whole(t) + words.uncounted(t.uncounted)
            figures = [latency, cells.count(t.macs), cells.count(t.params), size(t.weights_bytes), size(t.peak_bytes)]
        else:
            figures = [words.UNKNOWN] * 5
        rows.append([markup.code(target), *figures, t.label])
    return markup.table(rows, right=range(1, 6))


# ---- findings


def explained(findings: Iterable[Finding], line: Callable[[Finding], str], markup: Markup) -> Iterator[str]:
    """The findings code by code, each as ``line`` writes it, those that read alike once; after a code's why it
    matters."""
    codes: dict[str, list[Finding]] = {}
    for finding in findings:
        codes.setdefault(finding.code, []).append(finding)
    for code, found in codes.items():
        for text, times in Counter(line(f) for f in found).items():
            yield f"{text} (×{times})" if times > 1 else text
        if why := pages.why(code):
            yield f"> {why}" if markup.markdown else why  # a page is Markdown already


def _finding(finding: Finding, markup: Markup) -> str:
    name = pages.names().get(finding.code, "")
    return f"{markup.link(finding.code, pages.href(finding.code))} {name}: {markup.text(words.message(finding))}"


def register(session: Session) -> None:
    """Answer for hovers, in Markdown where the client renders it."""

    async def answer(params: lsp.HoverParams) -> lsp.Hover | None:
        uri = params.text_document.uri
        opened = session.documents.of(uri)
        formats = session.can("text_document.hover.content_format")
        markup = Markup(not formats or lsp.MarkupKind.Markdown in formats)
        return hover(opened, uri, params.position, markup) if opened is not None else None

    session.feature(lsp.TEXT_DOCUMENT_HOVER)(answer)
