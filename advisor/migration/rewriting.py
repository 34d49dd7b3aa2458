"""Layers that became others: what of the new ones is computed of the old ones' weights.

- Two linear operators with at most batch norms between them are merged into their product, exactly.
- A fused inverted bottleneck's k×k convolution is its expansion times its depthwise convolution. With an activation
  between, that is a least-squares fit, and its error is printed.
- A k×k convolution that becomes a pointwise and a depthwise one is split into the best product of the two (the first
  singular vectors of each filter).
- A convolution with another number of groups: a block diagonal of the old filters, or the blocks cut out of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..graph import Graph, Op
from ..moves.chain import next_op
from .alignment import Rewrite
from .plan import Making, Row

Dim = tuple[int, int]


@dataclass(slots=True)
class Part:
    """An entry of the new model that a making makes: ``source`` is what the making calls it, ``dims`` the old graph's
    dimensions that its dimensions are like."""

    tensor: int
    role: str
    source: str
    dims: list[Dim | None]
    reads: frozenset[int] = frozenset()


@dataclass(slots=True)
class Made:
    """``constant`` is the key of a new batch norm and the entry that its running mean takes up."""

    making: Making
    row: Row
    parts: list[Part] = field(default_factory=list)
    constant: tuple[int, str] | None = None


def rewritten(old: Graph, new: Graph, rewrite: Rewrite) -> Made:
    """What a rewrite computes."""
    if rewrite.kind == "unfuse":
        return _unfused(old, new, rewrite)
    return _product(old, new, rewrite)


def _product(old: Graph, new: Graph, rewrite: Rewrite) -> Made:
    """Layers one after the other that became one: merged linear operators, a fused inverted bottleneck."""
    first, *inner, last = rewrite.old
    (q,) = rewrite.new
    layer = q.path or q.target
    made = {role: f"{layer} = {first.path} × {last.path}, {role}" for role in ("weight", "bias")}
    act = next((op for op in inner if op.op == "activation"), None)
    making = Making(
        rewrite.kind,
        layer,
        {
            "first": _named(old, first),
            "norms": [{**_named(old, op), "eps": op.attrs["eps"]} for op in inner if op.op == "batch_norm"],
            "activation": None if act is None else act.attrs["fn"],
            "second": _named(old, last),
            "reads": _scale_of(old, first),
            **({} if last.op == "linear" else {k: list(last.attrs[k]) for k in ("padding", "dilation")}),
        },
        made,
    )
    where = f"{first.path} and {last.path}"
    row = (
        Row(layer, f"the product of {where}")
        if rewrite.kind == "merge"
        else Row(layer, f"initialised from {where}", None, f"{act.path or act.target} stood between" if act else "")
    )
    out = Made(making, row)
    kernel: list[Dim | None] = [None] * (len(new.shape(q.weights["weight"])) - 2)
    ends: list[Dim | None] = [_channel(old, last.outputs[0], last), _channel(old, first.inputs[0], first)]
    out.parts.append(Part(q.weights["weight"], "weight", made["weight"], [*ends, *kernel], frozenset({1})))
    constant = any("bias" in op.weights for op in (first, last)) or bool(inner)
    if "bias" in q.weights:
        out.parts.append(Part(q.weights["bias"], "bias", made["bias"], ends[:1]))
    elif constant:
        norm = _absorber(new, q)
        if norm is None:
            row.exact, row.why = False, "the constant that they add has nowhere to go"
        elif norm.op == "batch_norm":
            out.constant = norm.key, made["bias"]
    return out


def _unfused(old: Graph, new: Graph, rewrite: Rewrite) -> Made:
    (p,) = rewrite.old
    first, *inner, last = rewrite.new
    layer = last.path or last.target
    made = {k: f"{layer} of {p.path}, {k}" for k in ("pointwise", "depthwise")}
    act = next((op for op in inner if op.op == "activation"), None)
    row = Row(first.path, f"{p.path} split in two", None)
    if act is not None:
        row.exact, row.why = False, f"{act.path or act.target} stands between now"
    out = Made(Making("unfuse", first.path, {"weight": _named(old, p)["weight"]}, made), row)
    ends: list[Dim | None] = [_channel(old, p.outputs[0], p), _channel(old, p.inputs[0], p)]
    kernel: list[Dim | None] = [None] * len(last.attrs["kernel"])
    out.parts.append(Part(first.weights["weight"], "weight", made["pointwise"], [*ends, *kernel], frozenset({1})))
    out.parts.append(Part(last.weights["weight"], "weight", made["depthwise"], [ends[0], None, *kernel]))
    if "bias" in p.weights and "bias" in last.weights:
        out.parts.append(Part(last.weights["bias"], "bias", _named(old, p)["bias"], ends[:1]))
    return out


def regrouped(old: Graph, new: Graph, p: Op, q: Op) -> Made | None:
    """A convolution that mixes other channels than before; None where the pair is none."""
    if p.op != "conv" or "weight" not in p.weights or "weight" not in q.weights or p.attrs["transposed"]:
        return None
    had, has = old.shape(p.weights["weight"])[1], new.shape(q.weights["weight"])[1]
    if p.attrs["groups"] == q.attrs["groups"] or had == has or not (q.attrs["groups"] == 1 or has == 1):
        return None
    dense = q.attrs["groups"] == 1
    layer = q.path or q.target
    made = f"{layer} from {p.attrs['groups']} groups"
    groups = 1 if dense else had * p.attrs["groups"]
    making = Making(
        "regroup",
        layer,
        {"weight": _named(old, p)["weight"], "had": p.attrs["groups"], "groups": groups},
        {"weight": made},
    )
    row = (
        Row(layer, "its filters as a block diagonal")
        if dense
        else Row(layer, "each channel's own filter is kept", None)
    )
    kernel: list[Dim | None] = [None] * len(q.attrs["kernel"])
    dims = [_channel(old, p.outputs[0], p), _channel(old, p.inputs[0], p) if dense else None, *kernel]
    reads = frozenset({1}) if dense else frozenset()
    return Made(making, row, [Part(q.weights["weight"], "weight", made, dims, reads)])


def absorbed(old: Graph, new: Graph, pairs: Iterable[tuple[Op, Op]]) -> tuple[set[int], dict[int, str]]:
    """Biases that are gone without changing anything: keys of the layers that had them, and of the batch norms whose
    running means take them up → the old bias."""
    cancelled: set[int] = set()
    constants: dict[int, str] = {}
    for p, q in pairs:
        if p.op in ("conv", "linear") and "bias" in p.weights and "bias" not in q.weights:
            norm = _absorber(new, q)
            if norm is None:
                continue
            cancelled.add(q.key)
            if norm.op == "batch_norm":
                constants[norm.key] = old.tensors[p.weights["bias"]].name
    return cancelled, constants


def _absorber(graph: Graph, op: Op) -> Op | None:
    """The norm right behind a layer that subtracts what is constant for a channel, with a mean of its own or kept."""
    after = next_op(graph, op)
    if after is None or (op.op == "linear" and len(graph.shape(op.outputs[0])) != 2):
        return None
    if after.op == "instance_norm" or (after.op == "batch_norm" and "running_mean" in after.weights):
        return after
    return None


def _named(graph: Graph, op: Op) -> dict[str, str]:
    return {role: graph.tensors[t].name for role, t in op.weights.items()}


def _channel(graph: Graph, tensor: int, op: Op) -> Dim:
    spatial = len(op.attrs["kernel"]) if op.op == "conv" else 0
    return tensor, len(graph.shape(tensor)) - 1 - spatial


def _scale_of(graph: Graph, op: Op) -> dict[str, Any] | None:
    """The batch norm that makes what ``op`` reads, where one does: its scale is how its channels are spread."""
    maker = graph.producer.get(op.inputs[0])
    return _named(graph, maker) if maker is not None and maker.op == "batch_norm" and maker.weights else None
