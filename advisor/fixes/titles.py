"""How fixes read: their titles, and which other models they change."""

from __future__ import annotations

from collections.abc import Sequence

from ..graph import Graph
from ..moves import Move, Together
from ..report import ModelReport
from ..units import percent, time
from .edits import Edit

NAMED = 2
"""Different changes that a title names."""


def title(move: Move, graph: Graph, gain_us: float | None, gain_percent: float | None) -> str:
    """What a fix does, once for all layers to which it does the same, and what that saves."""
    said = dict.fromkeys(_each(move, graph))
    text = "; ".join(list(said)[:NAMED]) + (f" and {len(said) - NAMED} more" if len(said) > NAMED else "")
    text = text[:1].upper() + text[1:]
    if gain_us is None or gain_percent is None:
        return text
    if gain_us <= 0:
        return f"{text}: at no gain" if gain_us == 0 else f"{text}: costs {time(-gain_us)} ({percent(-gain_percent)})"
    return f"{text}: saves {time(gain_us)} ({percent(gain_percent)})"


def _each(move: Move, graph: Graph) -> list[str]:
    """The descriptions of all single moves, each for the graph that the ones before it left."""
    if not isinstance(move, Together):
        return [move.describe(graph)]
    found: list[str] = []
    for one in move.moves:
        found += _each(one, graph)
        graph = one.apply(graph)
    return found


def also(edits: Sequence[Edit], model: ModelReport, models: Sequence[ModelReport]) -> str:
    """Which others of ``models`` use numbers that the edits of ``model`` change; empty where none does."""
    places = {e.span for e in edits}
    others = [
        m.name
        for m in models
        if m is not model and m.graph is not None and m.graph.numbers is not None
        for numbers in (m.graph.numbers,)
        if any(numbers.literals[i].span in places for i in numbers.readers)
    ]
    return f"also changes {', '.join(dict.fromkeys(others))}" if others else ""
