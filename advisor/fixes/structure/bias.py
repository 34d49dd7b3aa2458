"""Removing biases in the source: ``bias=False`` where a layer is built."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...moves import Move, RemoveBias, find_redundant_bias
from ..proposal import Proposal, Scene, Unfixable
from .arguments import argument_options
from .choosing import choices, told
from .depthwise import together
from .flow import Flow


def render(scene: Scene, moves: Sequence[Move]) -> Iterator[Proposal]:
    """Proposals for :class:`RemoveBias` moves; of an edit that other layers feel too, these have to be able to do
    without their biases. Raises :class:`Unfixable`."""
    graph, flow = scene.graph, Flow(scene)
    wanted = list(dict.fromkeys(m.op for m in moves if isinstance(m, RemoveBias)))
    biased = [op for op in graph.ops if op.op in ("conv", "linear") and "bias" in op.weights]
    options = {op.key: argument_options(flow, op, "bias", lambda call: "False", "True") for op in biased}
    cancelled = set(find_redundant_bias(graph))
    some = False
    for choice in choices(wanted, options):
        if cancelled.issuperset(choice.changed):
            some = True
            moved = together([RemoveBias(k) for k in choice.changed])
            yield Proposal(choice.edits, moved, told(choice, "weights: `advisor migrate` carries the biases over"))
    if not some:
        raise Unfixable("what sets this bias sets those of other layers too, which nothing cancels")
