"""Which layers a gradient reaches, by the graph alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from advisor.graph import Graph, Op
from advisor.operators import LINEAR

FLAT = frozenset(
    {"eq", "ne", "lt", "gt", "le", "ge", "sign", "round", "floor", "ceil", "trunc", "floor_divide"}
    | {"logical_and", "logical_or", "logical_not", "isnan", "isinf", "argmax", "argmin", "any", "all", "argsort"}
)
"""Functions whose derivative is zero, or none."""


def reached(graph: Graph) -> frozenset[int]:
    """Keys of the ops that a gradient of the outputs reaches."""
    found: set[int] = set()
    todo = [graph.producer[t] for t in graph.outputs if t in graph.producer and _differentiable(graph, t)]
    while todo:
        op = todo.pop()
        if op.key in found:
            continue
        found.add(op.key)
        if stop(graph, op) is None:
            todo += [graph.producer[t] for t in op.inputs if t in graph.producer and _differentiable(graph, t)]
    return frozenset(found)


def stop(graph: Graph, op: Op) -> str | None:
    """Why no gradient passes ``op`` backwards, as a clause; None where one does."""
    name = op.target.rpartition(".")[2]
    if name in ("detach", "detach_"):
        return "detach() ends its gradient"
    fn = op.attrs.get("fn")
    if op.op == "elementwise" and fn == "mul":
        scalar = op.attrs.get("scalar")
        made = [graph.producer[t] for t in op.inputs if t in graph.producer]
        if scalar == 0 and scalar is not False:
            return "it is multiplied by 0"
        if any(o.op == "create" and str(o.attrs.get("fn")).startswith("zeros") for o in made):
            return "it is multiplied by zeros"
    if op.op in ("elementwise", "reduce") and fn in FLAT:
        return f"{fn} has no derivative"
    return None


def _differentiable(graph: Graph, tensor: int) -> bool:
    dtype = graph.tensors[tensor].dtype
    return dtype.startswith(("float", "bfloat", "complex"))


def unreached(graph: Graph) -> list[tuple[Op, list[Op], str]]:
    """Convolutions and linear layers that no gradient reaches, as branches: the last layer of each, all of its layers
    in order, and why.

    Empty where hardly a layer is reached: then the model's output is a decision, of which there is no gradient.
    """
    layers = [op for op in graph.ops if op.op in LINEAR and op.weights and op.key not in graph.constant_ops]
    alive = reached(graph)
    dead = [op for op in layers if op.key not in alive]
    if not dead or 2 * len(dead) > len(layers):
        return []
    keys = {op.key for op in dead}
    branches: dict[int, tuple[Op, list[Op], str]] = {}
    leader: dict[int, int] = {}
    for op in reversed(dead):
        after = next((o for o in downstream(graph, op) if o.key in keys), None)
        first = leader[op.key] = op.key if after is None else leader[after.key]
        if after is None:
            branches[first] = (op, [], _why(graph, op))
        branches[first][1].insert(0, op)
    return list(branches.values())


def downstream(graph: Graph, op: Op) -> Iterator[Op]:
    """The ops that read what ``op`` makes, nearest first."""
    seen: set[int] = {op.key}
    todo = [op]
    for current in todo:
        for reader in readers(graph, current):
            if reader.key not in seen:
                seen.add(reader.key)
                todo.append(reader)
                yield reader


def readers(graph: Graph, op: Op) -> Iterable[Op]:
    return [reader for t in op.outputs for reader in graph.consumers.get(t, ())]


def _why(graph: Graph, op: Op) -> str:
    after = [op, *downstream(graph, op)]
    if not any(t in graph.outputs for o in after for t in o.outputs):
        return "nothing reads what it computes"
    return next((why for o in after if (why := stop(graph, o)) is not None), "only what has no derivative reads it")
