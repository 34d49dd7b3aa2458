"""Where a piece of advice stands in the source, and which advice shares that place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

from ..graph import Graph, Op, Span
from ..rule import Advice

NOWHERE = Span("", 1, 1, 1, 1)

INSTALLED = ("site-packages", "dist-packages")
"""Folders of code that nobody edits."""


def no_numbers(span: Span) -> frozenset[int]:
    """What is known of the numbers in a call where the source cannot be read."""
    return frozenset()


@dataclass(frozen=True, slots=True)
class Sources:
    """What is known of the audited source. ``file``: of a chain of calls that created a layer, a finding stands on the
    innermost in this file (a helper imported from elsewhere is rarely what the author of ``file`` can edit); ``span``
    is where the model is defined: findings of layers whose source is unknown stand there. ``numbers`` gives the
    integers that are written in the call at a span."""

    file: str = ""
    span: Span = NOWHERE
    numbers: Callable[[Span], frozenset[int]] = no_numbers


UNKNOWN = Sources()
"""Nothing is known."""


def origin(graph: Graph, advice: Advice, sources: Sources) -> tuple[Span, ...]:
    """The calls that made what the advice is about, innermost first; advice with the same origin shares a finding.

    Advice about a number starts with the innermost call in project code that writes it, and shares that with all
    others about it whoever the callers were: one edit there changes them all. A block's starts with what all its
    layers have in common, unless that lies outside the audited file and the layers do not.

    Without any, advice shares nothing: that two modules of unknown origin are called on one line says nothing about
    where their widths come from.
    """
    chain = _chain(graph, graph.by_key[advice.op])
    if advice.number is not None:
        for span in chain:
            if editable(span, sources.file) and advice.number in sources.numbers(span):
                return (span,)
    if not advice.block:
        return chain
    shared = chain
    for other in (_chain(graph, graph.by_key[k]) for k in advice.layers):
        while shared and shared != other[-len(shared) :]:
            shared = shared[1:]
    files = {s.file for s in shared}
    return shared if sources.file in files or (shared and sources.file not in {s.file for s in chain}) else chain


def place(graph: Graph, advice: Advice, sources: Sources) -> tuple[Span, tuple[Span, ...]]:
    """Where a finding stands, and the other calls that made the layer."""
    calls = origin(graph, advice, sources)
    outside = graph.by_key[advice.op].call or sources.span
    here = next((s for s in calls if s.file == sources.file), calls[0] if calls else outside)
    around = calls if advice.number is None else _chain(graph, graph.by_key[advice.op])
    return here, tuple(dict.fromkeys(s for s in around if s != here))


def _chain(graph: Graph, op: Op) -> tuple[Span, ...]:
    """The places that made ``op``, innermost first: its module's creation outwards; a function's call."""
    if op.module and op.path in graph.modules:
        return graph.modules[op.path].created
    return (op.call,) if op.call is not None else ()


def editable(span: Span, file: str) -> bool:
    """Whether the person who audits ``file`` can edit the span's: it is not installed, or both are."""
    return not _installed(span.file) or _installed(file)


def _installed(file: str) -> bool:
    return not set(INSTALLED).isdisjoint(PurePath(file).parts)
