"""A graph's kernels as jobs: what each computes, reads, writes and holds in constants; and what cannot be run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from advisor.costs import OpCost
from advisor.graph import Graph, Tensor
from advisor.macs import op_macs
from advisor.packs import op_cost
from advisor.targets import Target

from ..kernels import MAC_OPS, Decomposition, Group
from ..measuring import Unmeasurable
from ..roofline import READS_WHAT_IT_WRITES, converted
from .loops import Work, padded, precision, work


@dataclass(slots=True, frozen=True)
class Job:
    """A kernel before its time is known: its work, the storages it reads and writes, its weights' stored bytes.

    ``macs`` are by kind of engine, as many as take the array as long in the target's own type.
    """

    at: int
    group: Group
    work: Work
    reads: tuple[tuple[int, int], ...]
    writes: tuple[tuple[int, int], ...]
    weights: int
    macs: Mapping[str, int]


def jobs(graph: Graph, plan: Decomposition, target: Target) -> list[Job]:
    """The kernels that take time, in order. Raises :class:`Unmeasurable` with every op that the target cannot run."""
    reasons = dict(_reasons(graph, [group for group in plan.groups if _told(graph, group, target) is None]))
    if reasons:
        raise Unmeasurable(reasons)
    made = []
    for i, group in enumerate(plan.groups):
        if group.role == "work":
            made.append(_job(graph, i, group, target))
        elif (told := _told(graph, group, target)) is not None:
            made.append(Job(i, group, Work((), told.cycles), (), (), 0, {}))
    return made


def _told(graph: Graph, group: Group, target: Target) -> OpCost | None:
    """The price of an op that only a handler may know (group ``advisor.op_costs``)."""
    alone = group.role in ("unknown", "unsupported") and len(group.ops) == 1
    return op_cost(graph, group.ops[0], target) if alone else None


def _reasons(graph: Graph, groups: list[Group]) -> Iterator[tuple[int, str]]:
    for group in groups:
        for op in group.ops:
            called = op.attrs.get("fn") or op.op
            if group.role == "unsupported":
                yield op.key, f"the target cannot run {called}"
            elif group.role == "unknown":
                yield op.key, f"no cost model for {called}"
            elif group.role == "work" and not _sized(graph.tensors, (*op.inputs, *op.outputs)):
                yield op.key, "a shape is unknown"
            elif group.role == "work" and op.op in MAC_OPS and op_macs(graph, op) is None:
                yield op.key, f"the products of this {called} are unknown"


def _sized(tensors: Mapping[int, Tensor], ids: tuple[int, ...]) -> bool:
    return bool(ids) and all(min(tensors[t].shape, default=0) >= 0 for t in ids)


def _job(graph: Graph, at: int, group: Group, target: Target) -> Job:
    tensors = graph.tensors
    made = work(tensors, group, target)
    block = target.array.channel_block if target.array else 1

    def bytes_of(t: int) -> int:
        return padded(tensors[t], block) * target.size_of(tensors[t].dtype, tensors[t].precision)

    first = group.ops[0]
    writes = tuple((t, bytes_of(t)) for t in group.writes)
    reads = tuple((s, min(bytes_of(t), bytes_of(s))) for t, s in group.reads)
    if first.op in READS_WHAT_IT_WRITES:
        most = sum(size for _, size in writes)
        reads = tuple((s, min(size, most)) for s, size in reads)
    reads += tuple((t, 2 * bytes_of(t)) for t in converted(tensors, group))  # written in its other type and read again
    macs: dict[str, int] = {}
    for nest in made.nests:
        macs[nest.engine] = macs.get(nest.engine, 0) + round(nest.macs * nest.slowdown)
    if first.op in MAC_OPS and not made.nests:
        macs["matmul"] = op_macs(graph, first) or 0
    return Job(at, group, made, reads, writes, _stored(tensors, group, made, target), macs)


def _stored(tensors: Mapping[int, Tensor], group: Group, made: Work, target: Target) -> int:
    """Bytes of the kernel's constants as stored: weights compressed, a scale and a bias a channel of 8 bytes."""
    ratio = target.array.stored_weights if target.array else 1.0
    size = target.size_of("float32", precision(group), stored=True)
    total = 0.0
    for t in group.weights:
        tensor = tensors[t]
        if len(tensor.shape) > 1:
            total += tensor.numel * (size * ratio)
    if made.nests and total:
        total += 8 * made.nests[0].output
    return int(total)
