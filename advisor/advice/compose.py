"""The finding for advice that shares a place: its text, where it stands, what it moves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ..costs import gain_error
from ..findings import Finding, Related
from ..graph import Graph, Op
from ..moves import SetWidth
from ..rule import Advice, Look, Outcome, Rule
from ..units import percent, time
from .places import Sources, place

NAMED = 3
"""How many widths of other layers a message names."""

SAME = 0.5
"""A change of the model's latency by at most this many percent is called no cost, as in the rules' own words."""


class Part(NamedTuple):
    """One piece of advice that speaks: its message, and its outcomes with the largest gain first."""

    advice: Advice
    message: str
    outcomes: list[Outcome]


def compose(
    rule: Rule, parts: Sequence[Part], whole: Outcome | None, look: Look, sources: Sources, model: str
) -> Finding:
    """The finding of ``parts``, of which the first leads; ``whole`` is the outcome of all their moves at once.

    A gain that may as well be none, for all that its prediction is certain of, is information and no warning."""
    lead = parts[0].advice
    graph = look.graph
    here, _ = place(graph, lead, sources)
    keys = sorted({k for p in parts for k in (p.advice.layers or (p.advice.op,))}, key=graph.position.__getitem__)
    told = None if rule.any_target else whole
    error = None if told is None else gain_error(look.costs, told.after)
    doubtful = told is not None and error is not None and told.gain_us < error
    return Finding(
        code=rule.code,
        message=parts[0].message + _more(parts, told, look),
        span=here,
        model=model,
        target=None if rule.any_target else look.target.name,
        gain_us=None if told is None else told.gain_us,
        gain_percent=None if told is None else told.gain_percent,
        label=None if told is None else told.after.label,
        move=None if whole is None else whole.move.to_plain(),
        alternatives=[
            _alternative(o, graph) for p in parts for o in p.outcomes if told is not None and o.move != told.move
        ],
        related=list(dict.fromkeys(_related(parts, look, sources))),
        layers=list(dict.fromkeys(named(graph.by_key[k]) for k in keys)),
        severity="information" if doubtful and lead.severity == "warning" else lead.severity,
        gain_error_us=error,
    )


def _related(parts: Sequence[Part], look: Look, sources: Sources) -> Iterator[Related]:
    for part in parts:
        yield from place(look.graph, part.advice, sources)[1]
    for part in parts:
        for key, text in part.advice.related:
            if (site := look.graph.site(look.graph.by_key[key])) is not None:
                yield Related(site, text)


def _more(parts: Sequence[Part], whole: Outcome | None, look: Look) -> str:
    """The end of a message that speaks for several layers."""
    if len(parts) == 1:
        return ""
    text = f"; likewise {len(parts) - 1} more from this line{_widths(parts, look.graph)}"
    if whole is None:
        return text
    if -SAME <= whole.gain_percent < 0.05:
        error = 100 * look.error_us(whole) / look.costs.latency_us if look.costs.latency_us else 0.0
        most = error - whole.gain_percent
        return f"{text}, together at " + ("no cost" if most <= SAME else f"{percent(most)} at the most")
    verb = "save" if whole.gain_us >= 0 else "cost"
    text += f": together they {verb} {time(abs(whole.gain_us))} ({percent(abs(whole.gain_percent))})"
    factor = whole.after.macs / look.costs.macs if look.costs.macs else 1.0
    return f"{text}, for {factor:.2f} times the MACs" if factor >= 1.005 else text


def _widths(parts: Sequence[Part], graph: Graph) -> str:
    """What the others' widths become, where they are not the leading part's."""
    best = [p.outcomes[0].move for p in parts if p.outcomes]
    texts = [m.describe(graph).removeprefix("set width ") for m in best if isinstance(m, SetWidth)]
    others = [t for t in dict.fromkeys(texts) if t != texts[0]]
    if not others:
        return ""
    return f" ({', '.join(others[:NAMED])}{', …' if len(others) > NAMED else ''})"


def _alternative(outcome: Outcome, graph: Graph) -> dict[str, Any]:
    return {
        "move": outcome.move.to_plain(),
        "describe": outcome.move.describe(graph),
        "gain_us": outcome.gain_us,
        "gain_percent": outcome.gain_percent,
    }


def named(op: Op) -> str:
    """The module's path; a function by its name, within the module that called it."""
    if op.module and op.path:
        return op.path
    return f"{op.path} ({op.target.rpartition('.')[2]})" if op.path else op.target
