"""Inverted bottlenecks (IBN): finding, fusing and unfusing them.

An IBN expands with a 1×1 convolution, filters with a depthwise k×k and projects with a 1×1. Its fused form
(FusedMBConv, EdgeResidual) does the first two with one k×k convolution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ..edit import GraphEdit, MoveError
from ..graph import Graph, Op, Tensor
from ..shapes import propagate
from .base import Move, get, name, need, register, unshared
from .chain import between, in_channels, is_depthwise, is_pointwise, next_op, out_channels
from .squeeze_excite import SqueezeExcite, match_se


@dataclass(frozen=True)
class IBN:
    """Op keys of one inverted bottleneck, None where a part is missing. In a fused one ``expand`` is the k×k
    convolution and ``depthwise``, ``depthwise_norm`` and ``depthwise_act`` are None. ``se`` is a gate before the
    projection, ``add`` the residual addition after it."""

    expand: int
    expand_norm: int | None
    expand_act: int | None
    depthwise: int | None
    depthwise_norm: int | None
    depthwise_act: int | None
    se: SqueezeExcite | None
    project: int
    project_norm: int | None
    add: int | None

    @property
    def fused(self) -> bool:
        return self.depthwise is None


def find_ibn(graph: Graph) -> list[IBN]:
    """Every inverted bottleneck, fused or not, in execution order. Its middle is wider than its input, in a
    fused one also than its output."""
    return [ibn for op in graph.ops if op.op == "conv" and (ibn := _match(graph, op)) is not None]


def _match(graph: Graph, expand: Op) -> IBN | None:
    fused = _is_dense(expand)
    if not (fused or is_pointwise(expand)) or out_channels(graph, expand) <= in_channels(graph, expand):
        return None
    norm, act, after = _norm_act(graph, expand)
    depthwise = depthwise_norm = depthwise_act = None
    last = act or norm or expand
    if not fused:
        if after is None or not is_depthwise(graph, after):
            return None
        depthwise = after
        depthwise_norm, depthwise_act, after = _norm_act(graph, depthwise)
        last = depthwise_act or depthwise_norm or depthwise
    se = _gate_after(graph, last) if after is None else None
    if se is not None:
        after = next_op(graph, graph.by_key[se.gate])
    if after is None or not is_pointwise(after):
        return None
    if fused and out_channels(graph, after) >= out_channels(graph, expand):
        return None  # a k×k convolution before a 1×1 that does not narrow is an ordinary pair
    project = after
    project_norm, _, after = _norm_act(graph, project)
    add = after if after is not None and after.op == "elementwise" and after.attrs["fn"] == "add" else None

    def key(op: Op | None) -> int | None:
        return None if op is None else op.key

    return IBN(
        expand.key,
        key(norm),
        key(act),
        key(depthwise),
        key(depthwise_norm),
        key(depthwise_act),
        se,
        project.key,
        key(project_norm),
        key(add),
    )


def _is_dense(op: Op) -> bool:
    """A two-dimensional k×k convolution over all channels."""
    a = op.attrs
    if op.op != "conv" or "weight" not in op.weights or a["groups"] != 1 or a["transposed"]:
        return False
    return len(a["kernel"]) == 2 and max(a["kernel"]) > 1


def _norm_act(graph: Graph, op: Op) -> tuple[Op | None, Op | None, Op | None]:
    """The normalisation and the activation right after ``op``, and the single reader after those."""
    norm = act = None
    after = next_op(graph, op)
    if after is not None and after.op == "batch_norm":
        norm, after = after, next_op(graph, after)
    if after is not None and after.op == "activation":
        act, after = after, next_op(graph, after)
    return norm, act, after


def _gate_after(graph: Graph, op: Op) -> SqueezeExcite | None:
    """The squeeze-and-excite gate on ``op``'s output (behind identities), where only the gate reads it."""
    (out,) = op.outputs
    readers = graph.consumers.get(out, [])
    while len(readers) == 1 and readers[0].op == "identity":
        (out,) = readers[0].outputs
        readers = graph.consumers.get(out, [])
    if len(readers) != 2 or out in graph.outputs:
        return None
    for reader in readers:
        se = match_se(graph, reader)
        if se is not None and se.source == out and {se.branch[0], se.gate} == {r.key for r in readers}:
            return se
    return None


@register
@dataclass(frozen=True)
class FuseIBN(Move):
    """Replace the 1×1 convolution ``expand``, the depthwise convolution ``depthwise`` and the normalisation and
    activation between them by one k×k convolution with the depthwise's geometry. The norm and activation after the
    depthwise stay; where it has none, the expansion's are kept."""

    kind: ClassVar[str] = "fuse_ibn"
    expand: int
    depthwise: int

    def describe(self, graph: Graph) -> str:
        kernel = "×".join(map(str, get(graph, self.depthwise, "conv").attrs["kernel"]))
        return (
            f"fuse {name(get(graph, self.expand))} and {name(get(graph, self.depthwise))} into one {kernel} convolution"
        )

    def apply(self, graph: Graph) -> Graph:
        expand, depthwise = get(graph, self.expand, "conv"), get(graph, self.depthwise, "conv")
        need(is_pointwise(expand), f"{name(expand)} is not a 1×1 convolution")
        need(is_depthwise(graph, depthwise), f"{name(depthwise)} is not depthwise")
        chain = between(graph, expand, depthwise)
        if chain is None or any(op.op not in ("batch_norm", "activation", "identity") for op in chain):
            raise MoveError(f"{name(depthwise)} does not follow {name(expand)} through a norm and an activation only")
        unshared(graph, expand)
        unshared(graph, depthwise)
        norm, act, _ = _norm_act(graph, depthwise)
        edit = GraphEdit(graph)
        geometry = ("kernel", "stride", "padding", "dilation")
        edit.update(expand.key, attrs={k: depthwise.attrs[k] for k in geometry})
        weight = graph.tensors[expand.weights["weight"]].shape
        edit.resize_tensor(expand.weights["weight"], (*weight[:2], *depthwise.attrs["kernel"]))
        edit.bypass(depthwise.key, depthwise.inputs[0])
        doubled = {"batch_norm": norm is not None, "activation": act is not None, "identity": True}
        for op in reversed(chain):
            if doubled[op.op]:
                edit.bypass(op.key, op.inputs[0])
        return propagate(edit.finish(), {expand.key}, graph.tensors)


@register
@dataclass(frozen=True)
class UnfuseIBN(Move):
    """Replace the k×k convolution ``conv`` by a 1×1 convolution, a copy of the normalisation and activation that
    follow it, and a depthwise k×k convolution with its geometry."""

    kind: ClassVar[str] = "unfuse_ibn"
    conv: int

    def describe(self, graph: Graph) -> str:
        return f"split {name(get(graph, self.conv))} into a 1×1 and a depthwise convolution"

    def apply(self, graph: Graph) -> Graph:
        conv = get(graph, self.conv, "conv")
        need(_is_dense(conv), f"{name(conv)} is not a k×k convolution over all channels")
        need(out_channels(graph, conv) > 1, f"{name(conv)} has one output channel only")
        unshared(graph, conv)
        norm, act, _ = _norm_act(graph, conv)
        edit = GraphEdit(graph)
        (out,) = conv.outputs
        weight = graph.tensors[conv.weights["weight"]]
        height, width = graph.shape(conv.inputs[0])[-2:]
        middle = graph.tensors[out]._replace(shape=(*graph.shape(out)[:-2], height, width))

        at = edit.add_tensor(middle)
        edit.update(conv.key, attrs={**_SQUARE, "kernel": [1, 1]}, outputs=(at,))
        edit.resize_tensor(conv.weights["weight"], (*weight.shape[:2], 1, 1))
        for op, part in ((norm, "norm"), (act, "act")):
            if op is not None:
                weights = {
                    r: edit.add_tensor(_renamed(graph.tensors[t], conv.path, part)) for r, t in op.weights.items()
                }
                copy = edit.add_tensor(middle)
                _insert(edit, conv, op, dict(op.attrs), at, copy, weights)
                at = copy
        attrs = {**conv.attrs, "groups": weight.shape[0]}
        filters = weight._replace(shape=(weight.shape[0], 1, *conv.attrs["kernel"]))
        weights = {"weight": edit.add_tensor(_renamed(filters, conv.path, "depthwise"))}
        if "bias" in conv.weights:
            weights["bias"] = edit.add_tensor(_renamed(graph.tensors[conv.weights["bias"]], conv.path, "depthwise"))
        _insert(edit, conv, conv, attrs, at, out, weights)
        return edit.finish()


_SQUARE = {"stride": [1, 1], "padding": [0, 0], "dilation": [1, 1]}


def _renamed(tensor: Tensor, path: str, part: str) -> Tensor:
    return tensor._replace(name=f"{path}.{part}.{tensor.name.rpartition('.')[2]}")


def _insert(
    edit: GraphEdit, conv: Op, like: Op, attrs: dict[str, Any], source: int, out: int, weights: dict[str, int]
) -> None:
    """A new op like ``like`` after ``conv``, whose module path and so whose creation line it keeps."""
    edit.insert_after(
        conv.key,
        op=like.op,
        target=like.target,
        attrs=attrs,
        inputs=(source,),
        outputs=(out,),
        weights=weights,
        path=conv.path,
        module=conv.module,
        call=conv.call,
    )
