"""Which dimension of a graph each recorded number of a layer is, so that channel widths and numbers can be compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..graph import Graph, Op
from ..numbers import Numbers

Key = tuple[str, str, int]
"""A number of a layer: module path, attribute, item (0 where the attribute is no tuple)."""


class Axis(NamedTuple):
    """Dimension ``dim`` of a tensor, counted from the front."""

    tensor: int
    dim: int


HELD = frozenset(
    ("stride", "kernel_size", "padding", "dilation", "output_padding", "groups", "num_groups", "num_embeddings")
)
"""Attributes of torch's layers that no width changes, groups apart that are as many as channels."""

Named = Iterator[tuple[str, int, Axis]]
"""Attribute, item, and the dimension that it says the size of."""


def axes(graph: Graph, numbers: Numbers) -> tuple[dict[Key, Axis], frozenset[Key]]:
    """The dimensions that recorded numbers say the size of, and the numbers of the layers concerned that no width
    changes (strides, kernel sizes …).

    A number that is not what the graph has there (a layer changed after it was made) is left out, as are those of
    modules that are no operation: what they decide is seen in the traced graph only. So may convolutions that the graph
    has without groups have been made with some (:func:`advisor.moves.grouped.loosened`): how many is left open.
    """
    found: dict[Key, Axis] = {}
    known = {(path, attribute, index): step for path, attribute, index, step in numbers.each()}
    called: set[str] = set()
    wrong: set[Key] = set()
    for path, attribute, index, axis in _of_all(graph, called):
        key = path, attribute, index
        if key not in known:
            continue
        if numbers.steps[known[key]].value != graph.shape(axis.tensor)[axis.dim]:
            wrong.add(key)
        found.setdefault(key, axis)
    loose = {op.path for op in graph.ops if op.op == "conv" and op.attrs["groups"] == 1}
    held = {
        key
        for key in known
        if key[0] in called and key[1] in HELD and key not in found and not (key[1] == "groups" and key[0] in loose)
    }
    return {key: axis for key, axis in found.items() if key not in wrong}, frozenset(held)


def _of_all(graph: Graph, called: set[str]) -> Iterator[tuple[str, str, int, Axis]]:
    """Path, attribute, item and dimension; ``called`` gets the paths of all layers whose attributes are known."""
    for op in graph.ops:
        rule = _RULES.get(op.op)
        if rule is not None and op.module:
            called.add(op.path)
            for attribute, index, axis in rule(graph, op):
                yield op.path, attribute, index, axis
    for i, tensor in graph.tensors.items():
        home, _, name = tensor.name.rpartition(".")
        for attribute, dim in _OF_ATTENTION.get(name, ()):
            if home in graph.modules and graph.modules[home].type.endswith("MultiheadAttention"):
                yield home, attribute, 0, Axis(i, dim)


_OF_ATTENTION = {
    "in_proj_weight": (("embed_dim", 1),),
    "q_proj_weight": (("embed_dim", 1),),
    "k_proj_weight": (("kdim", 1),),
    "v_proj_weight": (("vdim", 1),),
}
"""Parameters of torch's attention, whose projections are calls of no module."""


def _conv(graph: Graph, op: Op) -> Named:
    x, y = op.inputs[0], op.outputs[0]
    at = len(graph.shape(x)) - len(op.attrs["kernel"]) - 1
    yield "in_channels", 0, Axis(x, at)
    yield "out_channels", 0, Axis(y, at)
    if op.attrs["groups"] == graph.shape(x)[at] > 1:
        yield "groups", 0, Axis(x, at)


def _linear(graph: Graph, op: Op) -> Named:
    x, y = op.inputs[0], op.outputs[0]
    yield "in_features", 0, Axis(x, len(graph.shape(x)) - 1)
    yield "out_features", 0, Axis(y, len(graph.shape(y)) - 1)


def _norm(attribute: str) -> Callable[[Graph, Op], Named]:
    def of(graph: Graph, op: Op) -> Named:
        x = op.inputs[0]
        yield attribute, 0, Axis(x, min(1, len(graph.shape(x)) - 1))

    return of


def _norm_over_last(graph: Graph, op: Op) -> Named:
    x, count = op.inputs[0], op.attrs["dims"]
    for index in range(count):
        yield "normalized_shape", index, Axis(x, len(graph.shape(x)) - count + index)


def _embedding(graph: Graph, op: Op) -> Named:
    if "weight" in op.weights:
        yield "embedding_dim", 0, Axis(op.weights["weight"], 1)


def _rnn(graph: Graph, op: Op) -> Named:
    for role, attribute in (("weight_ih_l0", "input_size"), ("weight_hh_l0", "hidden_size")):
        if role in op.weights:
            yield attribute, 0, Axis(op.weights[role], 1)


def _activation(graph: Graph, op: Op) -> Named:
    if "weight" in op.weights:
        yield "num_parameters", 0, Axis(op.weights["weight"], 0)


_RULES: dict[str, Callable[[Graph, Op], Named]] = {
    "conv": _conv,
    "linear": _linear,
    "batch_norm": _norm("num_features"),
    "instance_norm": _norm("num_features"),
    "group_norm": _norm("num_channels"),
    "layer_norm": _norm_over_last,
    "rms_norm": _norm_over_last,
    "embedding": _embedding,
    "rnn": _rnn,
    "activation": _activation,
}
"""By operator: the attributes of torch's layers that are sizes of dimensions."""
