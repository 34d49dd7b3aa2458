"""Walking along a graph where a value has one reader: what the detectors of moves have in common."""

from __future__ import annotations

from ..graph import Graph, Op


def next_op(graph: Graph, op: Op) -> Op | None:
    """The only reader of ``op``'s only output, identities (dropout in eval) skipped; None where there are several
    or the value leaves the model."""
    while len(op.outputs) == 1 and op.outputs[0] not in graph.outputs:
        readers = graph.consumers.get(op.outputs[0], ())
        if len(readers) != 1:
            return None
        op = readers[0]
        if op.op != "identity":
            return op
    return None


def between(graph: Graph, first: Op, last: Op) -> list[Op] | None:
    """All ops (identities included) strictly between two ops on a chain without branches; None without such a chain."""
    chain: list[Op] = []
    op = first
    while True:
        if len(op.outputs) != 1 or op.outputs[0] in graph.outputs:
            return None
        readers = graph.consumers.get(op.outputs[0], ())
        if len(readers) != 1:
            return None
        op = readers[0]
        if op.key == last.key:
            return chain
        if len(op.inputs) != 1:
            return None
        chain.append(op)


def centred(graph: Graph, op: Op) -> bool:
    """Whether the normalisation right after a convolution or linear subtracts any constant that it adds per channel."""
    after = next_op(graph, op)
    if after is None or after.op not in ("batch_norm", "instance_norm"):
        return False
    # A batch norm averages over dimension 1: a linear's channels must be there.
    return op.op == "conv" or len(graph.shape(op.outputs[0])) == 2


def is_pointwise(op: Op) -> bool:
    """A 1×1 convolution of stride 1 that mixes all channels."""
    a = op.attrs
    return (
        op.op == "conv"
        and "weight" in op.weights
        and not a["transposed"]
        and a["groups"] == 1
        and all(k == 1 for k in a["kernel"])
        and all(s == 1 for s in a["stride"])
        and not any(a["padding"])
    )


def in_channels(graph: Graph, conv: Op) -> int:
    """Channels that a convolution reads."""
    weight = graph.tensors[conv.weights["weight"]].shape
    return weight[0] if conv.attrs["transposed"] else weight[1] * conv.attrs["groups"]


def out_channels(graph: Graph, conv: Op) -> int:
    """Channels that a convolution makes."""
    weight = graph.tensors[conv.weights["weight"]].shape
    return weight[1] * conv.attrs["groups"] if conv.attrs["transposed"] else weight[0]


def is_depthwise(graph: Graph, op: Op) -> bool:
    """A convolution with as many groups as inputs and outputs, more than one."""
    if op.op != "conv" or "weight" not in op.weights:
        return False
    groups = op.attrs["groups"]
    return groups > 1 and groups == in_channels(graph, op) == out_channels(graph, op)
