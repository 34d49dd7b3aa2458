"""From a graph to a quantised network: one function an operator, in :data:`TABLE`.

A lowering takes the :class:`~.lowerer.Lowerer` and the op, emits operators of the TFLite schema and gives each output
its value; it raises :class:`~.lowerer.Refusal` where there is no form for the op. Packages add theirs through the
entry-point group ``advisor.vela_lowerings``: each entry is a mapping from operator names to such functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from advisor import packs
from advisor.graph import Graph, Op

from ....measuring import Unmeasurable
from ..layout import plain
from ..writer import Network
from .activations import activation, softmax
from .arithmetic import elementwise
from .convolution import batch_norm, conv, linear
from .lowerer import Lowerer, Refusal, Value, of_graph
from .movement import alias, concat, expand, flip, pad, permute, repeat, reshape, roll, slice_, split, stack, unbind
from .norms import group_norm, instance_norm, layer_norm, rms_norm
from .products import addmm, attention, einsum, matmul
from .reductions import pool, reduce
from .resampling import channel_shuffle, pixel_shuffle, pixel_unshuffle, resize

Lowering = Callable[[Lowerer, Op], None]

TABLE: dict[str, Lowering] = {
    "conv": conv,
    "linear": linear,
    "batch_norm": batch_norm,
    "activation": activation,
    "softmax": softmax,
    "layer_norm": layer_norm,
    "rms_norm": rms_norm,
    "group_norm": group_norm,
    "instance_norm": instance_norm,
    "matmul": matmul,
    "addmm": addmm,
    "attention": attention,
    "einsum": einsum,
    "elementwise": elementwise,
    "pool": pool,
    "reduce": reduce,
    "resize": resize,
    "pixel_shuffle": pixel_shuffle,
    "pixel_unshuffle": pixel_unshuffle,
    "channel_shuffle": channel_shuffle,
    "concat": concat,
    "stack": stack,
    "split": split,
    "unbind": unbind,
    "slice": slice_,
    "reshape": reshape,
    "permute": permute,
    "expand": expand,
    "repeat": repeat,
    "pad": pad,
    "roll": roll,
    "flip": flip,
    **dict.fromkeys(("identity", "copy", "cast"), alias),
}
"""Ours; :func:`lowerings` adds what other packages bring."""

REVISION = 3
"""Raised when a lowering changes what graphs cost: measurements of different revisions are not mixed."""

GROUP = "advisor.vela_lowerings"


@cache
def lowerings() -> Mapping[str, Lowering]:
    """All lowerings by operator; another package's goes before ours. Raises :class:`advisor.packs.PackError`."""
    table = dict(TABLE)
    for more in packs.load_group(GROUP):
        table.update(more)
    return table


@dataclass(frozen=True, slots=True)
class Lowered:
    """A network, and for each of its operators the keys of the graph's ops that it computes."""

    network: Network
    keys: tuple[frozenset[int], ...]


def lower(graph: Graph, make: Callable[[Graph], Lowerer] = Lowerer) -> Lowered:
    """The graph as a quantised network, collected by the lowerer that ``make`` makes.

    Raises :class:`Unmeasurable` that names every op without a form there."""
    lowerer = make(graph)
    reasons: dict[int, str] = {}
    for tensor in graph.inputs:
        lowerer.model_input(tensor)
    table = lowerings()
    for op in living(graph):
        if op.key not in lowerer.absorbed:
            _lower(lowerer, op, table, reasons)
    outputs = [lowerer.values[t] for t in graph.outputs if t in lowerer.values]
    lowerer.network.outputs = [v.tensor for v in outputs if v.tensor is not None]
    if reasons:
        raise Unmeasurable(reasons)
    return Lowered(lowerer.network, tuple(lowerer.keys))


def living(graph: Graph) -> list[Op]:
    """The ops that some output depends on, without those that are computed before the first inference."""
    wanted = set(graph.outputs)
    out = []
    for op in reversed(graph.ops):
        if not wanted.isdisjoint(op.outputs):
            wanted.update(op.inputs)
            out.append(op)
    return [op for op in reversed(out) if op.key not in graph.constant_ops]


def _lower(lowerer: Lowerer, op: Op, table: Mapping[str, Lowering], reasons: dict[int, str]) -> None:
    lowerer.current = frozenset({op.key})
    handler = table.get(op.op)
    try:
        if handler is None:
            raise Refusal(f"there is no form of {op.op} ({op.attrs.get('fn') or op.target})")
        handler(lowerer, op)
    except Refusal as refusal:
        reasons[op.key] = f"{op.op}: {refusal}"
        for tensor in op.outputs:  # go on, to name all that is in the way
            known = lowerer.graph.tensors[tensor]
            value = Value(known.shape, plain(len(known.shape)), None, of_graph(known.dtype))
            lowerer.values[tensor] = lowerer.emit("LOGISTIC", [value], known.shape, dtype=value.dtype)
