"""The first cost model: decomposition, padded roofline and liveness, accumulated into :class:`advisor.costs.Costs`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from weakref import WeakKeyDictionary

from advisor.costs import Costs, Label
from advisor.graph import Graph, Op
from advisor.targets import Target

from .kernels import Decomposition, Group, decompose, redecompose, signature
from .memory import Lifetimes, lifetimes, peak, size, sizes
from .roofline import Priced, price


@dataclass(eq=False)
class Plan:
    """What was worked out for one graph and target, so that a graph which shares most of it need not repeat it.

    ``held`` are the bytes of ``lives.owners``; ``parameters`` says how often each parameter tensor is read.
    """

    decomposition: Decomposition
    priced: list[Priced]
    lives: Lifetimes
    held: list[int]
    parameters: dict[int, int]
    costs: Costs

    @cached_property
    def touches(self) -> dict[int, list[int]]:
        """Tensor → the indices of the groups whose cost depends on it."""
        touches: dict[int, list[int]] = {}
        for i, group in enumerate(self.decomposition.groups):
            for t in group.tensors:
                touches.setdefault(t, []).append(i)
        return touches


class Simulated:
    """A cost model for every target, from the numbers of its specification."""

    label: Label = "simulated"

    def __init__(self) -> None:
        self._plans: WeakKeyDictionary[Graph, dict[Target, Plan]] = WeakKeyDictionary()

    def covers(self, target: Target) -> bool:
        return True

    def estimate(self, graph: Graph, target: Target) -> Costs:
        """Costs of the whole graph."""
        return self._plan(graph, target).costs

    def restimate(self, base: Costs, before: Graph, after: Graph, target: Target) -> Costs:
        """Costs of ``after``, equal to ``estimate(after, target)``.

        What ``base`` summarises is kept with ``before``, so only kernels whose ops or tensors changed are costed."""
        known = self._plans.get(after, {}).get(target)
        if known is not None:
            return known.costs
        old = self._plan(before, target)
        changed = {t for t, tensor in after.tensors.items() if before.tensors.get(t) is not tensor}
        plan = _resized(old, before, after, changed, target) or _rewired(old, before, after, changed, target)
        self._plans.setdefault(after, {})[target] = plan
        return plan.costs

    def _plan(self, graph: Graph, target: Target) -> Plan:
        plans = self._plans.setdefault(graph, {})
        if target not in plans:
            plans[target] = _fresh(graph, target)
        return plans[target]


SIMULATED = Simulated()


def _fresh(graph: Graph, target: Target) -> Plan:
    decomposition = decompose(graph, target)
    priced = [price(graph, group, target) for group in decomposition.groups]
    lives = lifetimes(graph, decomposition, target)
    held = sizes(graph.tensors, lives, target)
    parameters = Counter(_read_parameters(graph, graph.ops))
    totals = _weights(graph, parameters, target)
    costs = _costs(graph, target, decomposition.groups, priced, totals, lives, held)
    return Plan(decomposition, priced, lives, held, parameters, costs)


def _rewired(old: Plan, before: Graph, after: Graph, changed: set[int], target: Target) -> Plan:
    """The plan of a graph with other ops or wiring; prices of kernels that stayed what they were are reused."""
    decomposition = redecompose(old.decomposition, before, after, changed, target)
    known = dict(zip(old.decomposition.groups, old.priced, strict=True))
    priced = [known.get(group) or price(after, group, target) for group in decomposition.groups]
    lives = lifetimes(after, decomposition, target)
    sized = dict(zip(old.lives.owners, old.held, strict=True))
    held = [size(after.tensors[t], target) if t in changed or t not in sized else sized[t] for t in lives.owners]
    parameters = _parameters(old.parameters, before, after, changed)
    totals = _weights(after, parameters, target)
    costs = _costs(after, target, decomposition.groups, priced, totals, lives, held)
    return Plan(decomposition, priced, lives, held, parameters, costs)


def _read_parameters(graph: Graph, ops: Iterable[Op]) -> Iterator[int]:
    """The parameter tensors that ``ops`` read, once for each time."""
    tensors = graph.tensors
    for op in ops:
        for t in (*op.weights.values(), *op.inputs):
            if tensors[t].role == "parameter":
                yield t


def _parameters(old: dict[int, int], before: Graph, after: Graph, changed: set[int]) -> dict[int, int]:
    """How often each parameter of ``after`` is read, given the same of ``before``."""
    was, now = before.tensors, after.tensors
    if any(t in was and was[t].role != now[t].role for t in changed):
        return Counter(_read_parameters(after, after.ops))
    reads = dict(old)
    for t in _read_parameters(before, [op for op in before.ops if after.by_key.get(op.key) is not op]):
        reads[t] -= 1
        if not reads[t]:
            del reads[t]
    for t in _read_parameters(after, [op for op in after.ops if before.by_key.get(op.key) is not op]):
        reads[t] = reads.get(t, 0) + 1
    return reads


def _weights(graph: Graph, parameters: Iterable[int], target: Target) -> tuple[int, int]:
    """Elements and bytes of the given parameters."""
    tensors = [graph.tensors[t] for t in parameters]
    return sum(t.numel for t in tensors), sum(size(t, target) for t in tensors)


def _costs(
    graph: Graph,
    target: Target,
    groups: list[Group],
    priced: list[Priced],
    totals: tuple[int, int],
    lives: Lifetimes,
    held: list[int],
) -> Costs:
    kernels = tuple([p.kernel for p in priced if p.kernel is not None])
    shares: dict[int, float] = {}
    macs: dict[int, int] = {}
    for p in priced:
        shares.update(p.shares)
        macs.update(p.macs)
    return Costs(
        target=target.name,
        label=Simulated.label,
        kernels=kernels,
        latency_us=sum([k.latency_us for k in kernels]),
        macs=sum(macs.values()),
        params=totals[0],
        weights_bytes=totals[1],
        traffic_bytes=sum([k.bytes for k in kernels]),
        peak=peak(graph, lives, held, target),
        uncounted=tuple([op.key for g, p in zip(groups, priced, strict=True) if p.kernel is None for op in g.ops]),
        op_latency_us=shares,
        op_macs=macs,
    )


def _resized(old: Plan, before: Graph, after: Graph, changed: set[int], target: Target) -> Plan | None:
    """The plan of a graph wired like ``before``; None where it is wired otherwise."""
    groups = old.decomposition.groups
    stale = {i for t in changed for i in old.touches.get(t, ())}
    replaced: dict[int, int] = {}
    if len(before.ops) != len(after.ops) or before.inputs != after.inputs or before.outputs != after.outputs:
        return None
    for i, (a, b) in enumerate(zip(before.ops, after.ops, strict=True)):
        if a is not b:
            same = a.key == b.key and a.inputs == b.inputs and a.outputs == b.outputs and a.weights == b.weights
            if not same or signature(a, target) != signature(b, target):
                return None
            replaced[b.key] = i
    if any(before.tensors[t].role != after.tensors[t].role for t in changed if t in before.tensors):
        return None
    if changed and not old.decomposition.holds_for(after.tensors):
        return None
    groups = _renewed(groups, after, replaced, stale) if replaced else groups
    priced = list(old.priced)
    for i in stale:
        priced[i] = price(after, groups[i], target)
    held = old.held
    if changed:
        pairs = zip(old.lives.owners, held, strict=True)
        held = [size(after.tensors[t], target) if t in changed else h for t, h in pairs]
    params, stored = old.costs.params, old.costs.weights_bytes
    weights = [t for t in changed if t in old.parameters]
    if weights:
        n, b = _weights(after, weights, target)
        m, c = _weights(before, weights, target)
        params, stored = params + n - m, stored + b - c
    costs = _costs(after, target, groups, priced, (params, stored), old.lives, held)
    decomposition = replace(old.decomposition, groups=groups)
    return Plan(decomposition, priced, old.lives, held, old.parameters, costs)


def _renewed(groups: list[Group], after: Graph, replaced: dict[int, int], stale: set[int]) -> list[Group]:
    """The groups with replaced ops (key → position in ``after``) put in; their indices join ``stale``."""
    out = list(groups)
    for i, group in enumerate(groups):
        if any(op.key in replaced for op in group.ops):
            ops = tuple(after.ops[replaced[op.key]] if op.key in replaced else op for op in group.ops)
            out[i] = replace(group, ops=ops)
            stale.add(i)
    return out
