"""Which widths suit a channel group on a target: what the channel rules share."""

from __future__ import annotations

from collections.abc import Sequence
from math import lcm

from advisor.channels import Group
from advisor.costs import Kernel
from advisor.graph import Graph, Op
from advisor.moves.chain import is_depthwise
from advisor.rule import Look
from advisor.targets import Engine

PACKED = "in_proj_weight"
"""What ``nn.MultiheadAttention`` calls the parameter that packs its projections."""


def engine(look: Look, op: Op) -> Engine | None:
    """The target's engine that runs ``op``; None for what is no convolution or linear layer."""
    engines = look.target.engines
    if op.op == "conv":
        if is_depthwise(look.graph, op):
            return engines.get("depthwise")
        pointwise = engines.get("pointwise") if max(op.attrs["kernel"]) == 1 else None
        return pointwise or engines.get("conv")
    return engines.get("linear") if op.op == "linear" else None


def steps(look: Look, group: Group) -> tuple[int, ...]:
    """The multiples above 1 that the target's arrays pad this group's width to, smallest first.

    As output channels of its producers and as input channels of its consumers, in any of the tilings that the array
    can choose; each a multiple of what the group's own structure (heads, groups) demands.
    """
    found: set[int] = set()
    for keys, side in ((group.producers, "output"), (group.consumers, "input")):
        for key in keys:
            array = engine(look, look.graph.by_key[key])
            if array is not None:
                found.update(getattr(t, side) for t in array.tilings)
    return tuple(sorted({lcm(s, group.multiple) for s in found if s > 1}))


def misaligned(look: Look, group: Group) -> list[int]:
    """The :func:`steps` that the group's width does not fill."""
    return [s for s in steps(look, group) if group.width % s]


def neighbours(group: Group, multiples: Sequence[int]) -> list[int]:
    """The nearest multiples of each step above and below the group's width, ascending.

    A change by more than a third is no rounding any more and is left to the search.
    """
    widths = {w for s in multiples if 3 * (w := padded(group.width, s)) <= 4 * group.width}
    widths |= {w for s in multiples if 3 * (w := group.width // s * s) >= 2 * group.width}
    return sorted(widths)


def padded(width: int, step: int) -> int:
    """``width`` rounded up to a multiple of ``step``."""
    return -(-width // step) * step


def touched(look: Look, group: Group) -> list[Kernel]:
    """The kernels that a change of the group's width changes."""
    tensors = {p.tensor for p in group.dims}
    graph = look.graph
    keys = dict.fromkeys([*group.producers, *group.consumers])
    for t in tensors:
        if t in graph.producer:
            keys[graph.producer[t].key] = None
        for op in graph.consumers.get(t, ()):
            keys[op.key] = None
    return look.kernels(keys)


def saving_bound(look: Look, group: Group, kernels: list[Kernel], narrower: int, step: int) -> float:
    """The most (in us) that narrowing the group can save if no kernel's latency falls faster than its padded work.

    Work is proportional to the width, to its square where one kernel both makes and reads the group.
    """
    ratio = narrower / padded(group.width, step)
    both = set(group.producers) & set(group.consumers)
    return sum(k.latency_us * (1 - (ratio * ratio if both.intersection(k.ops) else ratio)) for k in kernels)


def free_groups(look: Look) -> list[Group]:
    """The groups whose width may change by itself and that some layer makes.

    ``nn.MultiheadAttention`` packs its three projections into one weight and gives them the width of its input: no
    argument sets one without the other, though the graph could be resized so.
    """
    graph = look.graph
    packed = {op.key for op in graph.ops if op.weights and _named(graph, op, "weight").endswith(PACKED)}
    return [
        g
        for g in look.channels.groups
        if not g.pinned and g.producers and packed.isdisjoint((*g.producers, *g.consumers))
    ]


def _named(graph: Graph, op: Op, role: str) -> str:
    tensor = op.weights.get(role)
    return "" if tensor is None else graph.tensors[tensor].name
