"""A padded roofline: what one kernel costs.

latency = max(MAC array, element stream, activation traffic, weight traffic) + overhead. The array's time counts every
extent padded to the multiples of the target's tilings, which makes the staircase over channel counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

from advisor.costs import Kernel
from advisor.graph import Graph, Op, Tensor
from advisor.macs import op_macs
from advisor.operators import function
from advisor.packs import op_cost
from advisor.targets import Memory, Target

from .energy import kernel_pj
from .kernels import MAC_OPS, STREAM_OF, Group
from .workloads import cycles, is_depthwise, works

READS_WHAT_IT_WRITES = frozenset({"slice", "gather", "embedding"})
"""Operators that read no more of their source than they write."""


class Compute(NamedTuple):
    """Busy cycles: of the MAC array, of the element stream behind it, and what slow fused functions add to that."""

    array: float
    stream: float
    slow: tuple[tuple[int, float], ...]


class Traffic(NamedTuple):
    """Bytes moved: activations ``read`` (``given``: of the model's inputs) and ``written``, ``weights``, and what the
    op keeps meanwhile (``scratch``). ``us`` is the time that takes, ``weights_us`` that of the weights alone;
    ``by_memory`` is who moves how much of it."""

    read: int
    given: int
    written: int
    weights: int
    scratch: int
    us: float
    weights_us: float
    by_memory: tuple[tuple[Memory, int], ...]

    @property
    def moved(self) -> int:
        # scores are written, read by the softmax, written again and read by the second product
        return self.read + self.given + self.written + self.weights + 4 * self.scratch


@dataclass(slots=True, eq=False)
class Priced:
    """A costed group: its kernel (None: uncounted), each op's part of the latency and of the MACs, and what the price
    is made of (None where nothing runs). ``pj`` are the picojoules of a kernel that runs, None where unknown. ``memo``
    is whatever else a cost model found out of the kernel by itself."""

    kernel: Kernel | None
    shares: tuple[tuple[int, float], ...]
    macs: tuple[tuple[int, int], ...]
    compute: Compute | None = None
    traffic: Traffic | None = None
    pj: float | None = None
    memo: Any = None


KEPT = 8192
"""Kernels whose price is kept."""

_kept: dict[tuple[object, ...], Priced] = {}


def price(graph: Graph, group: Group, target: Target) -> Priced:
    """The cost of one kernel. Uncounted where an op is unknown, unsupported by the target or of unknown shape.

    One that is in every way what another was has that one's price, the very object: the candidates of a search have
    most kernels in common, and so have a file's model before and after an edit."""
    if group.role in ("unknown", "unsupported"):
        return _price(graph, group, target)
    text, ids = group.form
    key = (target, text, *map(graph.tensors.__getitem__, ids))
    priced = _kept.get(key)
    if priced is None:
        priced = _price(graph, group, target)
        told = priced.kernel is None or (priced.traffic is not None and not priced.traffic.by_memory)
        if not told:  # a handler may look at the whole graph
            if len(_kept) >= KEPT:
                _kept.clear()
            _kept[key] = priced
    return priced


def _price(graph: Graph, group: Group, target: Target) -> Priced:
    tensors = graph.tensors
    keys = tuple([op.key for op in group.ops])
    counted = [(op.key, _macs(graph, op, group.role)) for op in group.ops]
    macs = tuple([(key, n) for key, n in counted if n is not None])
    total = sum([n for _, n in macs])
    if group.role in ("free", "folded"):
        kernel = Kernel(keys, group.role, 0.0, total, 0, "overhead")
        return Priced(kernel, tuple([(k, 0.0) for k in keys]), macs)
    first = group.ops[0]
    if group.role in ("unknown", "unsupported") or len(macs) < len(keys) or not _sized(tensors, group):
        return _told(graph, first, target, macs) if len(keys) == 1 else Priced(None, (), macs)
    compute = _at_precision(_compute(tensors, group, target, total), tensors, group, target)
    busy = max(compute.array, compute.stream + sum([extra for _, extra in compute.slow])) / target.clock_hz * 1e6
    traffic = _traffic(tensors, group, target)
    run = max(busy, traffic.us)
    bound = "overhead" if run < target.overhead_us else "compute" if busy >= traffic.us else "memory"
    kind = "depthwise" if first.op == "conv" and is_depthwise(tensors, first) else first.op
    kernel = Kernel(keys, kind, run + target.overhead_us, total, traffic.moved, bound)
    shares = _shares(kernel, max(compute[:2]) / target.clock_hz * 1e6, traffic.us, compute, target)
    return Priced(kernel, shares, macs, compute, traffic, _energy(tensors, first, total, traffic, target))


def _told(graph: Graph, op: Op, target: Target, macs: tuple[tuple[int, int], ...]) -> Priced:
    """The price of an op that only a handler may know (group ``advisor.op_costs``)."""
    told = op_cost(graph, op, target)
    if told is None:
        return Priced(None, (), macs)
    us = told.cycles / target.clock_hz * 1e6
    bound = "overhead" if us < target.overhead_us else "compute"
    kernel = Kernel((op.key,), op.op, us + target.overhead_us, told.macs, told.bytes, bound)
    traffic = Traffic(told.bytes, 0, 0, 0, 0, us, 0.0, ())
    return Priced(
        kernel, ((op.key, kernel.latency_us),), ((op.key, told.macs),), Compute(told.cycles, 0.0, ()), traffic
    )


def _at_precision(compute: Compute, tensors: Mapping[int, Tensor], group: Group, target: Target) -> Compute:
    """The cycles of a kernel whose first op is set to another type, with those of converting what lies otherwise."""
    precision = group.ops[0].attrs.get("precision", "")
    other = target.precisions.get(precision)
    if other is not None:
        slow = tuple([(key, extra / other.elements) for key, extra in compute.slow])
        compute = Compute(compute.array / other.macs, compute.stream / other.elements, slow)
    elements = _numel(tensors, converted(tensors, group))
    return compute._replace(stream=compute.stream + elements / target.throughput["move"]) if elements else compute


def converted(tensors: Mapping[int, Tensor], group: Group) -> list[int]:
    """What the kernel reads in another type than it computes in."""
    precision = group.ops[0].attrs.get("precision", "")
    return [t for t, storage in group.reads if tensors[storage].precision != precision and tensors[t].is_float]


def _energy(tensors: Mapping[int, Tensor], first: Op, macs: int, traffic: Traffic, target: Target) -> float | None:
    """Picojoules of the kernel's products and of its traffic, every operand moved once."""
    if target.energy is None:
        return None
    loops = works(tensors, first) if first.op in MAC_OPS else []
    other = target.precisions.get(first.attrs.get("precision", ""))
    products = macs if other is None else round(macs / other.macs)  # as many of the target's own as take their time
    return kernel_pj({loops[0].engine if loops else "matmul": products} if products else {}, traffic.by_memory, target)


def scratch_elements(tensors: Mapping[int, Tensor], op: Op, target: Target) -> int:
    """Elements that an op keeps in memory besides its operands: the scores of attention that runs unfused."""
    if op.op != "attention" or target.fused_attention or len(op.inputs) < 2:
        return 0
    q, k = (tensors[t].shape for t in op.inputs[:2])
    return 0 if min(*q, *k) < 0 else prod(q[:-1]) * k[-2]


def _macs(graph: Graph, op: Op, role: str) -> int | None:
    """An op's multiply-accumulates; None where nobody knows them."""
    if op.op in MAC_OPS:
        return op_macs(graph, op)
    return None if role == "unknown" else 0


def _sized(tensors: Mapping[int, Tensor], group: Group) -> bool:
    for op in group.ops:
        if not op.outputs:  # read off the source: no tensors at all
            return False
        for ids in (op.inputs, op.outputs):
            for t in ids:
                shape = tensors[t].shape
                if shape and min(shape) < 0:
                    return False
    return True


def _numel(tensors: Mapping[int, Tensor], ids: Iterable[int]) -> int:
    return sum([prod(tensors[t].shape) for t in ids])


def _compute(tensors: Mapping[int, Tensor], group: Group, target: Target, macs: int) -> Compute:
    """Cycles of the kernel's first op and what the ops fused behind it add."""
    first = group.ops[0]
    if first.op in MAC_OPS:
        array, stream = _mac_cycles(tensors, first, group, target, macs)
    else:
        rate = own_rate(tensors, first, target) or target.throughput[STREAM_OF[first.op]]
        array, stream = 0.0, amount(tensors, first) / rate
    slow = []
    passing = stream
    for op in group.ops[1:]:
        rate = own_rate(tensors, op, target)
        if rate is None:
            continue
        needed = _numel(tensors, op.outputs) / rate
        if needed > passing:
            slow.append((op.key, needed - passing))
            passing = needed
    return Compute(array, stream, tuple(slow))


def own_rate(tensors: Mapping[int, Tensor], op: Op, target: Target) -> float | None:
    """Elements per cycle of an op that runs otherwise than its kind."""
    special = target.special(op.op, function(op, tensors) or None)
    return None if special is None else special.elements_per_cycle


def _mac_cycles(tensors: Mapping[int, Tensor], op: Op, group: Group, target: Target, macs: int) -> tuple[float, float]:
    """Cycles of the MAC array, and of what feeds it with weights and takes its results."""
    loops = works(tensors, op)
    engine = target.engines[loops[0].engine if loops else "matmul"]
    array = sum(cycles(w, target.engines[w.engine]) for w in loops) if loops else macs / engine.macs_per_cycle
    stream = 0.0
    if engine.outputs_per_cycle is not None:
        stream = _numel(tensors, op.outputs) / engine.outputs_per_cycle
    if engine.slice_cycles and loops:
        slices = sum(-(-w.output // engine.tilings[0].output) * w.repeats for w in loops)
        stream = max(stream, slices * engine.slice_cycles)
    if engine.weights_per_cycle is not None:
        stream = max(stream, _numel(tensors, group.weights) / engine.weights_per_cycle)
    if op.op == "attention":
        q, k = (tensors[t].shape for t in op.inputs[:2])
        stream += prod(q[:-1]) * k[-2] / target.throughput["softmax"]
        if not target.fused_attention:
            return array, array + stream
    return array, stream


def amount(tensors: Mapping[int, Tensor], op: Op) -> int:
    """Elements that pass through: window positions of a pool, what a reduction reads, else what the op writes."""
    written = _numel(tensors, op.outputs)
    if op.op == "pool":
        read = _numel(tensors, op.inputs[:1])
        return read if op.attrs.get("adaptive") else written * prod(op.attrs["kernel"])
    if op.op == "reduce":
        return _numel(tensors, op.inputs[:1])
    return written


def _traffic(tensors: Mapping[int, Tensor], group: Group, target: Target) -> Traffic:
    """What the kernel moves: memories work side by side, each serves its tensors in turn."""
    first = group.ops[0]
    places = _places(target, "activations")
    written = sum([_bytes(tensors[t], target) for t in group.writes])
    read = given = 0
    for t, storage in group.reads:
        # an expanded view is stored once
        size = _bytes(tensors[t], target)
        if storage != t:
            size = min(size, _bytes(tensors[storage], target))
        if tensors[storage].role == "input":
            given += _in_bursts(tensors[storage], size, places[-1])
        else:
            read += size
    weights = sum([_bytes(tensors[t], target) for t in group.weights])
    if first.op in READS_WHAT_IT_WRITES:
        read, given, weights = min(read, written), min(given, written), min(weights, written)
    scratch = scratch_elements(tensors, first, target) * target.dtype_bytes[target.dtype]
    others = converted(tensors, group)
    read += 2 * sum([_bytes(tensors[t], target) for t in others])  # written in its other type and read again
    results = read + written + 4 * scratch
    home = places[0] if target.cascades else _memory(places, read + written + scratch)
    store = _memory(_places(target, "weights"), weights)
    seconds: dict[str, float] = {}
    by_memory = ((home, results), (places[-1], given), (store, weights))
    for memory, moved in by_memory:
        seconds[memory.name] = seconds.get(memory.name, 0.0) + moved / memory.bytes_per_s
    us = max(seconds.values()) * 1e6
    return Traffic(read, given, written, weights, scratch, us, weights / store.bytes_per_s * 1e6, by_memory)


def _in_bursts(tensor: Tensor, size: int, memory: Memory) -> int:
    """Bytes that reading a model input costs where every position takes a burst of its own."""
    if len(tensor.shape) < 4 or not memory.burst_bytes:
        return size
    return max(size, prod(tensor.shape) // max(tensor.shape[1], 1) * memory.burst_bytes)


def _memory(memories: tuple[Memory, ...], needed: int) -> Memory:
    """The fastest memory that is large enough; the last where none is."""
    for memory in memories:
        if memory.bytes is None or memory.bytes >= needed:
            return memory
    return memories[-1]


def _bytes(tensor: Tensor, target: Target) -> int:
    return prod(tensor.shape) * element_bytes(target, tensor.dtype, tensor.precision, tensor.role == "parameter")


@lru_cache(maxsize=1024)
def element_bytes(target: Target, dtype: str, precision: str = "", stored: bool = False) -> int:
    """:meth:`advisor.targets.Target.size_of`, which is asked of every tensor of every kernel."""
    return target.size_of(dtype, precision, stored)


@lru_cache(maxsize=1024)
def _places(target: Target, role: str) -> tuple[Memory, ...]:
    return target.memory(role)


def _shares(
    kernel: Kernel, plain: float, transfer: float, compute: Compute, target: Target
) -> tuple[tuple[int, float], ...]:
    """The kernel's latency over its ops: the first bears all but what slow functions behind it add."""
    if not compute.slow:
        return ((kernel.ops[0], kernel.latency_us), *[(key, 0.0) for key in kernel.ops[1:]])
    excess = kernel.latency_us - target.overhead_us - max(plain, transfer)
    added = dict(compute.slow)
    total = sum(added.values())
    if not total or excess <= 0:
        return ((kernel.ops[0], kernel.latency_us), *[(key, 0.0) for key in kernel.ops[1:]])
    parts = {key: excess * extra / total for key, extra in added.items()}
    rest = kernel.latency_us - sum(parts.values())
    return ((kernel.ops[0], rest), *((key, parts.get(key, 0.0)) for key in kernel.ops[1:]))
