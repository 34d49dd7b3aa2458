"""Fixes of verified edits: how they read, whether they are safe, what they gain."""

from __future__ import annotations

from collections.abc import Iterable

from ..graph import Graph
from ..moves import Move, Together, flat
from ..units import percent, time
from .edits import Edit, by_file
from .fix import Applicability, Fix, digest
from .prices import Price
from .proposal import Sources

NAMED = 2
"""Different changes that a title names."""

_WIDTH = "set width "
"""How most descriptions begin: once is enough."""

SAFE = frozenset({"remove_bias", "merge_linear"})
"""Kinds of moves that leave the network's function as it is, with weights that are carried over."""


def made(
    does: str,
    edits: tuple[Edit, ...],
    move: Move,
    safety: Applicability,
    price: Price | None,
    note: str,
    sources: Sources,
) -> Fix:
    """The fix of verified ``edits`` of the texts in ``sources``; ``does`` is what its title says before the saving."""
    return Fix(
        title=f"{does}{_saving(price)}",
        applicability=safety,
        edits=edits,
        move=move.to_plain(),
        gain_us=None if price is None else price.gain_us,
        gain_percent=None if price is None else price.gain_percent,
        gain_error_us=None if price is None else price.error_us,
        label=None if price is None else price.after.label,
        note=note,
        base={file: digest(sources.text(file)) for file in by_file(edits)},
    )


def applicability(*moves: Move) -> Applicability:
    """Safe where all moves leave the network's function as it is."""
    return "safe" if all(one.kind in SAFE for move in moves for one in flat(move)) else "unsafe"


def described(move: Move, graph: Graph) -> str:
    """What a move does, once for all layers to which it does the same, as a sentence begins."""
    said = list(dict.fromkeys(_each(move, graph)))
    more = f" and {len(said) - NAMED} more" if len(said) > NAMED else ""
    text = "; ".join(said[:NAMED]).replace(f"; {_WIDTH}", ", ") + more
    return text[:1].upper() + text[1:]


def _each(move: Move, graph: Graph) -> Iterable[str]:
    """The descriptions of all single moves, each for the graph that the ones before it left."""
    if not isinstance(move, Together):
        return (move.describe(graph),)
    found: list[str] = []
    for one in move.moves:
        found += _each(one, graph)
        graph = one.apply(graph)
    return found


def _saving(price: Price | None) -> str:
    if price is None:
        return ""
    us, share = time(abs(price.gain_us)), percent(abs(price.gain_percent))
    if "0 us" in (us, share) or share == "0 %":
        return ": costs nothing"
    return f": saves {us} ({share})" if price.gain_us > 0 else f": costs {us} ({share})"
