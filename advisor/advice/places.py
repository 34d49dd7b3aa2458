"""Where a piece of advice stands in the source, and which advice shares that place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from ..findings import Related
from ..graph import Graph, Op, Span
from ..rule import Advice
from .carrier import carrier, editable

NOWHERE = Span("", 1, 1, 1, 1)


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


_LITERALS: WeakKeyDictionary[Graph, dict[tuple[tuple[int, ...], int, str], Span | None]] = WeakKeyDictionary()
"""What :func:`literal` found: a graph's rules ask for the same groups on every target."""


def literal(graph: Graph, advice: Advice, sources: Sources) -> Span | None:
    """The number in the source that a person would edit to follow the advice; None where the advice is about none, or
    where it comes from was not followed to a file that its author edits."""
    if advice.number is None or graph.numbers is None:
        return None
    known = _LITERALS.setdefault(graph, {})
    key = (tuple(advice.layers) or (advice.op,), advice.number, sources.file)
    if key not in known:
        found = carrier(graph.numbers, graph, *key)
        known[key] = found.span if found is not None and editable(found.span, sources.file) else None
    return known[key]


def origin(graph: Graph, advice: Advice, sources: Sources) -> tuple[Span, ...]:
    """The places that made what the advice is about, innermost first; advice with the same origin shares a finding.

    Advice about a number stands on the literal that carries it, and shares that with all others about it whoever the
    callers were: one edit there changes them all. Where no literal is known, it starts with the innermost call in
    project code that writes the number. A block's starts with what all its layers have in common, unless that lies
    outside the audited file and the layers do not.

    Without any, advice shares nothing: that two modules of unknown origin are called on one line says nothing about
    where their widths come from.
    """
    written = literal(graph, advice, sources)
    if written is not None:
        return (written,)
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


def place(graph: Graph, advice: Advice, sources: Sources) -> tuple[Span, tuple[Related, ...]]:
    """Where a finding stands, and the other calls that made the layer: from a literal the way to it."""
    chain = _chain(graph, graph.by_key[advice.op])
    written = literal(graph, advice, sources)
    if written is not None:
        return written, _way(written, chain)
    calls = origin(graph, advice, sources)
    outside = graph.by_key[advice.op].call or sources.span
    here = next((s for s in calls if s.file == sources.file), calls[0] if calls else outside)
    around = calls if advice.number is None else chain
    return here, tuple(Related(s, "created from here") for s in dict.fromkeys(around) if s != here)


def _way(written: Span, chain: tuple[Span, ...]) -> tuple[Related, ...]:
    """From a literal to the layer: the calls between, outermost first; then who calls the one that it is written in."""
    within = next((n for n, call in enumerate(chain) if _holds(call, written)), len(chain) - 1)
    way = tuple(dict.fromkeys(reversed(chain[: within + 1])))
    told = [Related(call, "on its way to the layer") for call in way[:-1]]
    told += [Related(call, "the layer is created here") for call in way[-1:]]
    told += [Related(call, "called from here") for call in dict.fromkeys(chain[within + 1 :]) if call not in way]
    return tuple(told)


def _holds(call: Span, inner: Span) -> bool:
    return call.file == inner.file and call[1:3] <= inner[1:3] and inner[3:] <= call[3:]


def _chain(graph: Graph, op: Op) -> tuple[Span, ...]:
    """The places that made ``op``, innermost first: its module's creation outwards; a function's call."""
    if op.module and op.path in graph.modules:
        return graph.modules[op.path].created
    return (op.call,) if op.call is not None else ()
