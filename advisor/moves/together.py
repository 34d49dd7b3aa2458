"""Several moves as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ..graph import Graph
from .base import Move, from_plain, need, register


@register
@dataclass(frozen=True)
class Together(Move):
    """Apply ``moves`` one after another; where one of them cannot be applied, nothing is."""

    kind: ClassVar[str] = "together"
    moves: tuple[Move, ...]

    def __post_init__(self) -> None:
        read = tuple(from_plain(m) if isinstance(m, Mapping) else m for m in self.moves)
        object.__setattr__(self, "moves", read)

    def describe(self, graph: Graph) -> str:
        return "; ".join(m.describe(graph) for m in self.moves)

    def apply(self, graph: Graph) -> Graph:
        need(self.moves, "no move is named")
        for move in self.moves:
            graph = move.apply(graph)
        return graph

    def to_plain(self) -> dict[str, Any]:
        return {"kind": self.kind, "moves": [m.to_plain() for m in self.moves]}


def flat(move: Move) -> tuple[Move, ...]:
    """The single moves that a move is made of, in their order."""
    return tuple(one for m in move.moves for one in flat(m)) if isinstance(move, Together) else (move,)
