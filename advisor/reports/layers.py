"""The layer table: one row an executed leaf op, with its costs on each target. Every format renders these rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TypeVar

from ..costs import Costs
from ..graph import Graph, Op, Span, Tensor
from ..report import ModelReport
from . import cells


@dataclass(slots=True, frozen=True)
class Row:
    """One leaf op. Sums of ``params``, ``macs`` and ``latency_us`` over a model's rows are the model's.

    ``label`` is :func:`describe`'s. ``params`` counts a shared parameter at its first reader only. ``latency_us`` is
    by target; None stands for an op that the target's cost model does not count. ``live_bytes`` is the activations
    alive while the op runs and ``weights_bytes`` the stored weights up to and with it, both on the first target; None
    without costs.
    """

    op: Op
    path: str
    label: str
    source: Span | None
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    params: int
    macs: int | None
    latency_us: dict[str, float | None]
    live_bytes: int | None
    weights_bytes: int | None


def rows(model: ModelReport) -> list[Row]:
    """The model's rows in execution order; none without a graph."""
    graph = model.graph
    if graph is None:
        return []
    costs = next(iter(model.costs.values()), None)
    alive = {} if costs is None else _alive(graph, costs)
    counted: set[int] = set()
    so_far = 0
    out = []
    for op in graph.ops:
        new = [t for t in graph.parameter_ids([op]) if t not in counted]
        counted.update(new)
        params = sum(graph.tensors[t].numel for t in new)
        so_far += params
        out.append(
            Row(
                op=op,
                path=op.path,
                label=describe(op, graph),
                source=graph.site(op),
                inputs=tuple(graph.tensors[t] for t in op.inputs),
                outputs=tuple(graph.tensors[t] for t in op.outputs),
                params=params,
                macs=_macs(model, op.key),
                latency_us={name: _latency(model, name, op.key) for name in model.costs},
                live_bytes=alive.get(op.key),
                weights_bytes=None if costs is None else round(costs.weights_bytes * so_far / max(costs.params, 1)),
            )
        )
    return out


def grouped(model: ModelReport, depth: int) -> list[Row]:
    """The rows summed up by the first ``depth`` parts of their module path, in order of first execution.

    A sum's ``op``, shapes out and ``weights_bytes`` are its last row's, its inputs its first row's, ``live_bytes`` its
    largest; a figure is None where one of its rows has none.
    """
    groups: dict[str, list[Row]] = {}
    for row in rows(model):
        groups.setdefault(".".join(row.path.split(".")[:depth]), []).append(row)
    return [_sum(path, members, model) for path, members in groups.items()]


def _sum(path: str, members: list[Row], model: ModelReport) -> Row:
    first, last = members[0], members[-1]
    if len(members) == 1:
        return first
    module = None if model.graph is None else model.graph.modules.get(path)
    return Row(
        op=last.op,
        path=path,
        label=module.type.rpartition(".")[2] if module else cells.plural(len(members), "op"),
        source=module.created[0] if module and module.created else first.source,
        inputs=first.inputs,
        outputs=last.outputs,
        params=sum(r.params for r in members),
        macs=_total([r.macs for r in members], 0),
        latency_us={name: _total([r.latency_us[name] for r in members], 0.0) for name in model.costs},
        live_bytes=None if last.live_bytes is None else max(r.live_bytes or 0 for r in members),
        weights_bytes=last.weights_bytes,
    )


Number = TypeVar("Number", int, float)


def _total(values: list[Number | None], zero: Number) -> Number | None:
    known = [v for v in values if v is not None]
    return sum(known, zero) if len(known) == len(values) else None


def _macs(model: ModelReport, key: int) -> int | None:
    for costs in model.costs.values():
        return costs.op_macs.get(key)
    return None


def _latency(model: ModelReport, target: str, key: int) -> float | None:
    costs = model.costs[target]
    return None if key in costs.uncounted else costs.op_latency_us.get(key, 0.0)


def _alive(graph: Graph, costs: Costs) -> dict[int, int]:
    """Op key → activation bytes alive while its kernel runs; an op outside all kernels sees its predecessor's."""
    kernel_of = {key: kernel.ops[0] for kernel in costs.kernels for key in kernel.ops}
    out: dict[int, int] = {}
    current = 0
    for op in graph.ops:
        current = costs.peak.timeline.get(kernel_of.get(op.key, op.key), current)
        out[op.key] = current
    return out


def describe(op: Op, graph: Graph) -> str:
    """A short name that tells ops of a kind apart: ``conv 3×3 /2 dw``, ``relu6``, ``max pool``, ``grid_sample``."""
    a = op.attrs
    if op.op == "conv":
        return _describe_conv(op, graph)
    if op.op == "pool":
        return f"{a.get('fn', '')} pool".strip() if a.get("adaptive") is None else f"adaptive {a.get('fn', '')} pool"
    if op.op == "activation":
        return str(a.get("fn", "activation"))
    if op.op == "rnn":
        return str(a.get("kind", "rnn"))
    if op.op in ("elementwise", "reduce", "create", "other"):
        return str(a.get("fn") or op.target.rpartition(".")[2] or op.op)
    return op.op.replace("_", " ")


def _describe_conv(op: Op, graph: Graph) -> str:
    a = op.attrs
    parts = ["deconv" if a.get("transposed") else "conv", "×".join(map(str, a.get("kernel", ())))]
    stride = a.get("stride") or [1]
    if max(stride) > 1:
        parts.append("/" + "×".join(map(str, stride if len(set(stride)) > 1 else stride[:1])))
    groups = a.get("groups", 1)
    if groups > 1:
        weight = graph.weight_shape(op)
        parts.append("dw" if weight is not None and weight[1] == 1 else f"g{groups}")
    return " ".join(parts)


def relative(file: str, root: str) -> str:
    """``file`` relative to ``root`` in POSIX form; unchanged when it is relative already or lies elsewhere."""
    path = PurePath(file)
    if path.is_absolute() and root:
        try:
            return path.relative_to(Path(root).absolute()).as_posix()
        except ValueError:
            return path.as_posix()
    return path.as_posix()
