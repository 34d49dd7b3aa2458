"""What findings are worth together: applied best first, each on the graph that the ones before it left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..costs import Estimator
from ..findings import Finding
from ..graph import Graph
from ..moves import Move, MoveError
from ..rule import Look


@dataclass(slots=True)
class Candidate:
    """A finding with the moves behind it and what they make of the model's graph (None where there are none);
    ``gain_us`` is None where it has none."""

    finding: Finding
    moves: tuple[Move, ...]
    moved: Graph | None
    gain_us: float | None


def resolve(candidates: Sequence[Candidate], look: Look, estimator: Estimator) -> float:
    """Apply the candidates in their order, mark those that find nothing left; returns what the applied ones save, in
    microseconds."""
    threshold = look.min_gain * look.costs.latency_us
    graph, costs = look.graph, look.costs
    taken: list[tuple[Finding, Graph, Graph]] = []
    for c in candidates:
        if c.moved is None or c.gain_us is None or c.gain_us <= 0 or c.gain_us < threshold:
            continue
        moved = c.moved if graph is look.graph else _apply_some(graph, c.moves)
        if moved is not graph:
            after = estimator.restimate(costs, graph, moved, look.target)
            if costs.latency_us - after.latency_us >= threshold:
                taken.append((c.finding, graph, moved))
                graph, costs = moved, after
                continue
        own = _touched(look.graph, c.moved)
        nearest = max(taken, key=lambda t: len(_touched(t[1], t[2]) & own), default=None)
        if nearest is not None:
            c.finding.overlaps = nearest[0].fingerprint()
    return look.costs.latency_us - costs.latency_us


def _apply_some(graph: Graph, moves: Iterable[Move]) -> Graph:
    """The graph after what of ``moves`` still applies."""
    for move in moves:
        try:
            graph = move.surviving(graph).apply(graph)
        except MoveError:
            continue
    return graph


def _touched(before: Graph, after: Graph) -> frozenset[int]:
    """Keys of the ops of ``before`` that ``after`` lacks, has replaced, or gives other tensors."""
    kept = after.by_key
    resized = {i for i, t in before.tensors.items() if after.tensors.get(i) is not t}
    return frozenset(
        op.key
        for op in before.ops
        if kept.get(op.key) is not op or any(t in resized for t in (*op.inputs, *op.outputs, *op.weights.values()))
    )
