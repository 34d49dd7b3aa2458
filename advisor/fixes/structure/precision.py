"""Precisions are no matter of the source: a deployment chooses them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...moves import Move
from ..proposal import Proposal, Scene, Unfixable


def render(scene: Scene, moves: Sequence[Move]) -> Iterator[Proposal]:
    """Raises :class:`Unfixable`, always."""
    raise Unfixable("the precision is chosen where the model is deployed, not in its source")
