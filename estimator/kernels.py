"""Decomposition: which ops a target runs as one kernel.

Depends only on how the graph is wired, on operator names and, where an element-wise op may join a chain, on whether
it keeps the chain's shape; never on sizes. So a change of widths keeps it (:meth:`Decomposition.holds_for`), and one
of the wiring keeps the kernels that it did not come near (:func:`redecompose`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from advisor.graph import Graph, Op, Tensor
from advisor.operators import FREE, NORMS
from advisor.targets import Target

from .difference import Difference

VIEWS = FREE | {"slice", "split", "unbind", "permute"}
"""Operators whose results may share the storage of their first input, where the target lists them as free."""

STREAM_OF = {
    **dict.fromkeys(NORMS, "norm"),
    **{k: k for k in ("elementwise", "activation", "softmax", "reduce", "pool", "resize", "embedding")},
    **dict.fromkeys(
        ("pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "concat", "stack", "split", "unbind", "slice"), "move"
    ),
    **dict.fromkeys(("permute", "repeat", "pad", "roll", "flip", "unfold", "gather", "cast", "copy", "create"), "move"),
    "batch_norm": "elementwise",
}
"""Operators without MACs → the target's throughput that they run at."""

STORED = ("parameter", "buffer", "constant")
"""Roles of tensors that are deployed with the model instead of computed."""

MAC_OPS = frozenset({"conv", "linear", "matmul", "addmm", "einsum", "attention", "rnn"})


SameShape = tuple[int, int, bool]


@dataclass(slots=True, eq=False)
class Group:
    """The ops of one kernel, before it is costed.

    ``role`` is ``work``, ``free`` (views and no-ops), ``folded`` (constants: done before deployment), ``unsupported``
    (the target cannot run it) or ``unknown`` (no cost model). ``reads`` are the activations from outside as (tensor,
    storage) pairs, ``writes`` the results needed outside, ``weights`` the parameters, buffers and folded constants
    read.

    ``keys`` are those of ``ops``. What the group depends on: ``tensors`` are all that its price is made of; ``seen``
    are the keys of the ops that were looked at to find where it ends, its own included, and ``near`` the tensors of
    those that did not join; ``same_shape`` are the pairs of tensors whose equality of shape decided a fusion, with the
    answer.
    """

    ops: tuple[Op, ...]
    role: str
    reads: tuple[tuple[int, int], ...]
    writes: tuple[int, ...]
    weights: tuple[int, ...]
    keys: frozenset[int]
    tensors: frozenset[int]
    seen: frozenset[int]
    near: frozenset[int]
    same_shape: tuple[SameShape, ...]
    _form: tuple[str, tuple[int, ...]] | None = field(default=None, init=False)

    @property
    def form(self) -> tuple[str, tuple[int, ...]]:
        """All that a price follows from but the tensors, as text, and which tensors those are."""
        if self._form is None:
            ops = [(op.key, op.op, op.attrs, op.inputs, op.outputs, op.weights) for op in self.ops]
            text = repr((self.role, self.reads, self.writes, self.weights, ops))
            self._form = text, tuple(sorted(self.tensors))
        return self._form

    def same(self, other: Group) -> bool:
        """Whether the other is of the very same ops and in every other way equal."""
        return self._parts() == other._parts()

    def _parts(self) -> tuple[object, ...]:
        # ops compare by identity
        wiring = (self.ops, self.role, self.reads, self.writes, self.weights)
        return (*wiring, self.seen, self.near, self.same_shape)


@dataclass(eq=False)
class Decomposition:
    """A graph's kernels in execution order.

    ``storage`` maps the output of every view to the tensor that owns its memory; ``folded`` are the keys of the ops
    that are done before deployment.
    """

    groups: list[Group]
    storage: dict[int, int]
    folded: frozenset[int]

    @cached_property
    def same_shape(self) -> list[SameShape]:
        return [pair for group in self.groups for pair in group.same_shape]

    @cached_property
    def home(self) -> dict[int, Group]:
        """Op key → the group that it is in."""
        return {op.key: group for group in self.groups for op in group.ops}

    @cached_property
    def by_tensor(self) -> dict[int, list[Group]]:
        """Tensor → the groups that depend on it."""
        found: dict[int, list[Group]] = {}
        for group in self.groups:
            for t in group.tensors | group.near:
                found.setdefault(t, []).append(group)
        return found

    @cached_property
    def by_op(self) -> dict[int, list[Group]]:
        """Op key → the groups that looked at it, the one that it is in among them."""
        found: dict[int, list[Group]] = {}
        for group in self.groups:
            for key in group.seen:
                found.setdefault(key, []).append(group)
        return found

    def holds_for(self, tensors: dict[int, Tensor]) -> bool:
        """Whether the shapes that fusion looked at still compare as they did."""
        return all((tensors[a].shape == tensors[b].shape) == same for a, b, same in self.same_shape)


Step = tuple[frozenset[str], bool]
Pattern = tuple[Step, ...]


@lru_cache(maxsize=256)
def _patterns(target: Target) -> tuple[Pattern, ...]:
    """The target's fusion rules, longest first, each step as (names, optional)."""
    parsed = [
        tuple((frozenset(step.removesuffix("?").split("|")), step.endswith("?")) for step in fusion.pattern)
        for fusion in target.fusions
    ]
    return tuple(sorted(parsed, key=len, reverse=True))


@lru_cache(maxsize=256)
def named_functions(target: Target) -> frozenset[str]:
    """The ``op:fn`` names that some fusion rule tells apart."""
    return frozenset(name for pattern in _patterns(target) for names, _ in pattern for name in names if ":" in name)


def signature(op: Op, target: Target) -> str:
    """What decomposition sees of an op besides its wiring."""
    name = op.op
    if op.op in ("activation", "elementwise"):
        function = f"{op.op}:{op.attrs.get('fn')}"
        name = function if function in named_functions(target) else op.op
    return name if _runs(op, target) else f"unsupported {name}"


def _runs(op: Op, target: Target) -> bool:
    return target.runs(op.op, op.attrs.get("fn")) and target.computes(op.attrs.get("precision", ""))


def _fits(op: Op, names: frozenset[str]) -> bool:
    return op.op in names or f"{op.op}:{op.attrs.get('fn')}" in names


def decompose(graph: Graph, target: Target) -> Decomposition:
    """The kernels that ``target`` would run ``graph`` as; every op is in exactly one."""
    return _Decomposer(graph, target).run()


def redecompose(old: Decomposition, difference: Difference, target: Target) -> Decomposition:
    """Equal to ``decompose`` of the edited graph, given that of the graph before the edit.

    Groups of ``old`` that no change comes near are shared, and cost what they did.
    """
    decomposer = _Decomposer(difference.after, target)
    if difference.ordered:
        decomposer.patch = _Patch(old, difference, decomposer.folded)
    return decomposer.run()


class _Patch:
    """Which groups of another graph's decomposition still hold: all but the ``stale`` ones.

    A tensor is unsure where something of it is otherwise than there: its shape or role, who makes or reads it, whose
    storage it shares. An op is disturbed where it is not what it was there, or may not be in the group that it was in.
    A group that depends on neither is found again: ops that stayed are in the same order in both.
    """

    def __init__(self, old: Decomposition, difference: Difference, folded: frozenset[int]) -> None:
        before, after = difference.before, difference.after
        self.old = old
        self.changed = difference.changed
        self.stale: set[Group] = set()
        turned = old.folded ^ folded
        others = [graph.by_key[key] for graph in (before, after) for key in turned if key in graph.by_key]
        unsure = difference.changed | (set(before.outputs) ^ set(after.outputs))
        for op in (*difference.gone, *difference.come, *others):
            unsure.update(op.inputs, op.outputs)
        self.unsure(unsure)
        self.disturb([op.key for op in (*difference.gone, *difference.come, *others)])

    def unsure(self, tensors: Iterable[int]) -> None:
        found = self.old.by_tensor
        self.stale.update([group for t in tensors for group in found.get(t, ())])

    def disturb(self, keys: Iterable[int]) -> None:
        """These ops are grouped anew, and with them those that were in one group with any of them."""
        home, found = self.old.home, self.old.by_op
        for key in keys:
            together = home[key].keys if key in home else (key,)
            self.stale.update([group for k in together for group in found.get(k, ())])

    def group(self, first: Op) -> Group | None:
        """The old group that starts with ``first``, if it still holds."""
        group = self.old.home.get(first.key)
        return group if group is not None and group not in self.stale and group.ops[0] is first else None

    def settled(self, group: Group) -> Group:
        """The old group that ``group`` is equal to, or else itself; then what it took from old ones is disturbed."""
        old = self.old.home.get(group.ops[0].key)
        if old is not None and old.same(group) and self.changed.isdisjoint(group.tensors):
            return old
        self.disturb(group.keys)
        return group

    def view(self, made: tuple[int, ...], source: int) -> None:
        """``made`` have the storage of ``source``."""
        self.unsure([t for t in made if self.old.storage.get(t) != source])


class _Decomposer:
    def __init__(self, graph: Graph, target: Target) -> None:
        self.graph = graph
        self.target = target
        self.patterns = _patterns(target)
        self.consumers = graph.consumers
        self.kept = frozenset(graph.outputs)
        # A graph whose edges were lost has no constants: nothing seems to depend on its input.
        self.folded = graph.constant_ops if target.constant_folding and graph.connected() else frozenset()
        self.constants = {t for key in self.folded for t in graph.by_key[key].outputs}
        self.taken: set[int] = set()
        self.storage: dict[int, int] = {}
        self.patch: _Patch | None = None
        # of the group that is being made:
        self.looked: list[Op] = []
        self.same_shape: list[SameShape] = []

    @cached_property
    def _made_at(self) -> dict[int, int]:
        return {t: i for i, op in enumerate(self.graph.ops) for t in op.outputs}

    def run(self) -> Decomposition:
        groups = []
        patch = self.patch
        for i, op in enumerate(self.graph.ops):
            if op.key in self.taken:
                continue
            group = patch.group(op) if patch is not None else None
            if group is None:
                group = self._made(i, op)
                if patch is not None:
                    group = patch.settled(group)
            if len(group.ops) > 1:
                self.taken |= group.keys
            if group.role == "free" and op.inputs and op.op in VIEWS:
                source = self.storage.get(op.inputs[0], op.inputs[0])
                self.storage.update(dict.fromkeys(op.outputs, source))
                if patch is not None:
                    patch.view(op.outputs, source)
            groups.append(group)
        return Decomposition(groups, self.storage, self.folded)

    def _made(self, index: int, op: Op) -> Group:
        self.looked, self.same_shape = [], []
        role = self._role(op)
        ops = self._chain(index, op) if role == "work" else (op,)
        return self._group(ops, role)

    def _role(self, op: Op) -> str:
        if op.key in self.folded:
            return "folded"
        if op.op in FREE or op.op in self.target.free:
            return "free"
        if op.op not in MAC_OPS and op.op not in STREAM_OF:
            return "unknown"
        return "work" if _runs(op, self.target) else "unsupported"

    def _group(self, ops: tuple[Op, ...], role: str) -> Group:
        if len(ops) == 1:
            op = ops[0]
            reads, writes, weights = op.inputs, op.outputs, tuple(op.weights.values())
            touched = {*reads, *writes}
        else:
            made = {t for op in ops for t in op.outputs}
            reads = tuple([t for op in ops for t in op.inputs if t not in made])
            writes = ops[-1].outputs
            weights = tuple([t for op in ops for t in op.weights.values()])
            touched = made.union(reads)
        storage, tensors = self.storage, self.graph.tensors
        weights += tuple([t for t in reads if t in self.constants or tensors[t].role in STORED])
        pairs = tuple([(t, storage.get(t, t)) for t in dict.fromkeys(reads) if t not in weights])
        touched.update(weights, [s for _, s in pairs])
        own = frozenset([op.key for op in ops])
        beside = [op for op in self.looked if op.key not in own]
        near = frozenset([t for op in beside for t in (*op.inputs, *op.outputs)])
        return Group(
            ops,
            role,
            pairs,
            writes,
            tuple(dict.fromkeys(weights)),
            keys=own,
            tensors=frozenset(touched),
            seen=own.union([op.key for op in beside]),
            near=near,
            same_shape=tuple(self.same_shape),
        )

    def _chain(self, index: int, first: Op) -> tuple[Op, ...]:
        """``first`` and the ops behind it that fuse with it by the longest rule that fits."""
        best = (first,)
        if len(first.outputs) == 1:
            for pattern in self.patterns:
                if len(pattern) > len(best) and _fits(first, pattern[0][0]):
                    best = max(best, self._follow(index, first, pattern), key=len)
        return best

    def _follow(self, index: int, first: Op, pattern: tuple[Step, ...]) -> tuple[Op, ...]:
        """The chain that matches ``pattern`` from ``first`` on, or ``first`` alone where a required step is missing."""
        chain, passed = [first], []
        step = 1
        while step < len(pattern):
            names, optional = pattern[step]
            following = self._next(passed[-1] if passed else chain[-1])
            if following is not None and following.op == "identity":
                passed.append(following)
                continue
            if following is not None and self._fuses(following, names, index):
                chain += [*passed, following]
                passed = []
            elif not optional:
                return (first,)
            step += 1
        return tuple(chain)

    def _next(self, op: Op) -> Op | None:
        """The only reader of what ``op`` makes."""
        if len(op.outputs) != 1 or op.outputs[0] in self.kept:
            return None
        readers = self.consumers.get(op.outputs[0], ())
        if len(readers) != 1:
            return None
        self.looked.append(readers[0])
        return readers[0] if readers[0].key not in self.taken else None

    def _fuses(self, op: Op, names: frozenset[str], index: int) -> bool:
        """Whether the op matches a step of a rule; what the target cannot run would take the whole kernel with it."""
        return _fits(op, names) and _runs(op, self.target) and self._joins(op, index)

    def _joins(self, op: Op, index: int) -> bool:
        """Whether the op's other operands exist before the kernel starts and do not widen what flows through it."""
        if op.op != "elementwise" or len(op.inputs) < 2:
            return True
        if len(op.outputs) != 1:
            return False
        made_at = self._made_at
        inside = [t for t in op.inputs if made_at.get(t, -1) >= index]
        if len(set(inside)) != 1:
            return False
        a, b = inside[0], op.outputs[0]
        same = self.graph.shape(a) == self.graph.shape(b)
        self.same_shape.append((a, b, same))
        return same
