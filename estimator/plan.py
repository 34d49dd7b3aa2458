"""Plans: what is worked out for one graph and target, so that a graph which shares most of it need not repeat it.

Every cost model of this package decomposes alike and counts memory and parameters alike; they differ in what a kernel
costs. :class:`Planner` is what they share.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from math import prod
from typing import Any
from weakref import WeakKeyDictionary

from advisor.costs import Costs, Kernel, Label, MemoryPeak
from advisor.graph import Graph, Op
from advisor.targets import Target

from .difference import Difference
from .energy import inference_uj
from .kernels import Decomposition, Group, decompose, redecompose, signature
from .memory import Lifetimes, lifetimes, peak_of, size, sizes, stored_bytes
from .roofline import Priced, price


@dataclass(eq=False)
class Plan:
    """What is known of a graph before a cost model says what its kernels cost.

    ``priced`` are the groups' simulated prices. ``held`` are the bytes of ``lives.owners``; ``parameters`` says how
    often each parameter tensor is read, ``weights`` are elements and bytes of each, ``totals`` those of all. ``memory``
    works the peak out.
    """

    decomposition: Decomposition
    priced: list[Priced]
    lives: Lifetimes
    held: list[int]
    parameters: dict[int, int]
    weights: dict[int, tuple[int, int]]
    totals: tuple[int, int]
    memory: Callable[[], MemoryPeak]

    @property
    def groups(self) -> list[Group]:
        return self.decomposition.groups

    @cached_property
    def touches(self) -> dict[int, list[int]]:
        """Tensor → the indices of the groups whose cost depends on it."""
        touches: dict[int, list[int]] = {}
        for i, group in enumerate(self.decomposition.groups):
            for t in group.tensors:
                touches.setdefault(t, []).append(i)
        return touches


@dataclass(slots=True, eq=False)
class Known:
    """A graph's plan and costs, and whatever the cost model wants to find again with the next graph."""

    plan: Plan
    costs: Costs
    memo: Any


class Planner:
    """A cost model that prices the kernels of a plan; what it knows of a graph goes with the graph."""

    label: Label

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[Graph, dict[Target, Known]] = WeakKeyDictionary()

    def cost(self, graph: Graph, target: Target, plan: Plan, before: Known | None) -> tuple[Costs, Any]:
        """The costs of a planned graph, and a memo. ``before`` is a graph that it was made of by an edit, which a
        model may take over from where nothing changed; the costs must be the same without it."""
        raise NotImplementedError

    def estimate(self, graph: Graph, target: Target) -> Costs:
        """Costs of the whole graph."""
        return self._of(graph, target).costs

    def restimate(self, base: Costs, before: Graph, after: Graph, target: Target) -> Costs:
        """Costs of ``after``, equal to ``estimate(after, target)``.

        What ``base`` summarises is kept with ``before``, so only kernels whose ops or tensors changed are costed."""
        known = self._known.get(after, {}).get(target)
        if known is not None:
            return known.costs
        old = self._of(before, target)
        difference = Difference.between(before, after)
        plan = _resized(old.plan, difference, target) or _rewired(old.plan, difference, target)
        return self._keep(after, target, plan, old).costs

    def _of(self, graph: Graph, target: Target) -> Known:
        known = self._known.get(graph, {}).get(target)
        return known if known is not None else self._keep(graph, target, planned(graph, target), None)

    def _keep(self, graph: Graph, target: Target, plan: Plan, old: Known | None) -> Known:
        known = Known(plan, *self.cost(graph, target, plan, old))
        self._known.setdefault(graph, {})[target] = known
        return known


def planned(graph: Graph, target: Target) -> Plan:
    """The plan of a graph that nothing is known of yet."""
    decomposition = decompose(graph, target)
    priced = [price(graph, group, target) for group in decomposition.groups]
    lives = lifetimes(graph, decomposition, target)
    held = sizes(graph.tensors, lives, target)
    parameters = Counter(_read_parameters(graph, graph.ops))
    weights = _weights(graph, parameters, target)
    memory = peak_of(graph, lives, held, target)
    return Plan(decomposition, priced, lives, held, parameters, weights, _sums(weights.values()), memory)


def summarise(
    target: Target,
    label: Label,
    plan: Plan,
    priced: Sequence[Priced],
    before: tuple[Costs, Sequence[Priced]] | None = None,
    **more: Any,
) -> Costs:
    """The costs of a plan whose groups cost what ``priced`` says; ``before`` are those of a plan of the same wiring,
    and what its groups cost; ``more`` are further fields."""
    kernels, shares, macs = (_replaced(priced, *before) if before is not None else None) or _gathered(priced)
    latency = sum([k.latency_us for k in kernels])
    return Costs(
        target=target.name,
        label=label,
        kernels=kernels,
        latency_us=latency,
        macs=sum(macs.values()),
        params=plan.totals[0],
        weights_bytes=plan.totals[1],
        traffic_bytes=sum([k.bytes for k in kernels]),
        memory=plan.memory,
        uncounted=_uncounted(plan, priced) if len(kernels) < len(priced) else (),
        op_latency_us=shares,
        op_macs=macs,
        cycles=latency * target.clock_hz / 1e6,
        energy_uj=_energy(plan, target),
        **more,
    )


_Parts = tuple[tuple[Kernel, ...], dict[int, float], dict[int, int]]
"""Kernels, and of each op its part of the latency and of the MACs."""


def _gathered(priced: Sequence[Priced]) -> _Parts:
    return (
        tuple([p.kernel for p in priced if p.kernel is not None]),
        dict(chain.from_iterable([p.shares for p in priced])),
        dict(chain.from_iterable([p.macs for p in priced])),
    )


def _replaced(priced: Sequence[Priced], costs: Costs, had: Sequence[Priced]) -> _Parts | None:
    """The parts of the costs of the same groups, those that cost something else now put in their places; None where
    not all ops are counted, before and after: then not all have a place."""
    kernels, shares, macs = list(costs.kernels), dict(costs.op_latency_us), dict(costs.op_macs)
    if len(kernels) != len(priced):
        return None
    for i, (new, was) in enumerate(zip(priced, had, strict=True)):
        if new is was:
            continue
        if new.kernel is None or not len(new.macs) == len(was.macs) == len(new.kernel.ops):
            return None
        kernels[i] = new.kernel
        shares.update(new.shares)
        macs.update(new.macs)
    return tuple(kernels), shares, macs


def _uncounted(plan: Plan, priced: Sequence[Priced]) -> tuple[int, ...]:
    """The keys of the ops that no cost is known of."""
    return tuple([op.key for g, p in zip(plan.groups, priced, strict=True) if p.kernel is None for op in g.ops])


def _energy(plan: Plan, target: Target) -> float | None:
    """Microjoules of the kernels that run; None where the target gives no figures."""
    if target.energy is None:
        return None
    return inference_uj([p.pj for p in plan.priced if p.traffic is not None])


def _rewired(old: Plan, difference: Difference, target: Target) -> Plan:
    """The plan of a graph with other ops or wiring; prices of kernels that stayed what they were are reused."""
    after = difference.after
    decomposition = redecompose(old.decomposition, difference, target)
    known = dict(zip(old.decomposition.groups, old.priced, strict=True))
    priced = [known.get(group) or price(after, group, target) for group in decomposition.groups]
    lives = lifetimes(after, decomposition, target)
    sized = dict(zip(old.lives.owners, old.held, strict=True))
    changed = difference.changed
    held = [size(after.tensors[t], target) if t in changed or t not in sized else sized[t] for t in lives.owners]
    parameters = _parameters(old.parameters, difference)
    weights, totals = _weighed(old, parameters, difference, target)
    memory = peak_of(after, lives, held, target)
    return Plan(decomposition, priced, lives, held, parameters, weights, totals, memory)


def _read_parameters(graph: Graph, ops: Iterable[Op]) -> Iterator[int]:
    """The parameter tensors that ``ops`` read, once for each time."""
    tensors = graph.tensors
    for op in ops:
        for t in (*op.weights.values(), *op.inputs):
            if tensors[t].role == "parameter":
                yield t


def _parameters(old: dict[int, int], difference: Difference) -> dict[int, int]:
    """How often each parameter of the edited graph is read, given the same of the graph before."""
    if difference.roles_changed():
        return Counter(_read_parameters(difference.after, difference.after.ops))
    reads = dict(old)
    for t in _read_parameters(difference.before, difference.gone):
        reads[t] -= 1
        if not reads[t]:
            del reads[t]
    for t in _read_parameters(difference.after, difference.come):
        reads[t] = reads.get(t, 0) + 1
    return reads


def _weighed(
    old: Plan, parameters: dict[int, int], difference: Difference, target: Target
) -> tuple[dict[int, tuple[int, int]], tuple[int, int]]:
    """Elements and bytes of each of the edited graph's ``parameters`` and of all, from what the graph before has and
    what differs."""
    differing = set(difference.changed)
    for op in (*difference.gone, *difference.come):
        differing.update(op.weights.values(), op.inputs)
    new = _weights(difference.after, [t for t in differing if t in parameters], target)
    weights = {**old.weights, **new}
    less, more = _sums([old.weights[t] for t in differing if t in old.weights]), _sums(new.values())
    for t in differing:
        if t not in parameters:
            weights.pop(t, None)
    return weights, (old.totals[0] - less[0] + more[0], old.totals[1] - less[1] + more[1])


def _weights(graph: Graph, parameters: Iterable[int], target: Target) -> dict[int, tuple[int, int]]:
    """Elements and bytes of the given parameters."""
    return {t: (prod(graph.tensors[t].shape), stored_bytes(graph, t, target)) for t in parameters}


def _sums(weights: Iterable[tuple[int, int]]) -> tuple[int, int]:
    found = list(weights)
    return sum([elements for elements, _ in found]), sum([size for _, size in found])


def _resized(old: Plan, difference: Difference, target: Target) -> Plan | None:
    """The plan of a graph wired like the one before; None where it is wired otherwise."""
    before, after, changed = difference.before, difference.after, difference.changed
    if not difference.aligned or before.inputs != after.inputs or before.outputs != after.outputs:
        return None
    for a, b in zip(difference.gone, difference.come, strict=True):
        same = a.inputs == b.inputs and a.outputs == b.outputs and a.weights == b.weights
        if not same or signature(a, target) != signature(b, target):
            return None
    if difference.roles_changed() or (changed and not old.decomposition.holds_for(after.tensors)):
        return None
    stale = {i for t in changed for i in old.touches.get(t, ())}
    groups = old.decomposition.groups
    if difference.come:
        groups = _renewed(groups, {op.key: op for op in difference.come}, stale)
    priced = list(old.priced)
    for i in stale:
        priced[i] = price(after, groups[i], target)
    pairs = zip(old.lives.owners, old.held, strict=True)
    held = [size(after.tensors[t], target) if t in changed else h for t, h in pairs] if changed else old.held
    weights, totals = _weighed(old, old.parameters, difference, target)
    decomposition = replace(old.decomposition, groups=groups)
    memory = peak_of(after, old.lives, held, target)
    return Plan(decomposition, priced, old.lives, held, old.parameters, weights, totals, memory)


def _renewed(groups: list[Group], come: dict[int, Op], stale: set[int]) -> list[Group]:
    """The groups with replaced ops (by key) put in; their indices join ``stale``."""
    out = list(groups)
    for i, group in enumerate(groups):
        if not group.seen.isdisjoint(come) and any(op.key in come for op in group.ops):
            out[i] = replace(group, ops=tuple([come.get(op.key, op) for op in group.ops]))
            stale.add(i)
    return out
