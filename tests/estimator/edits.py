"""Graphs with every kind of edge, and random edits of them, for what is said of every cost model."""

from dataclasses import replace

from hypothesis import strategies as st

from advisor.graph import Graph, Op
from tests.graphs import GraphBuilder, mobilenet_v2


def tower() -> Graph:
    """Every kind of edge: residuals, squeeze and excite, concat, views, attention, a shared weight."""
    b = GraphBuilder()
    x = b.conv_bn_act(b.input((1, 3, 32, 32)), 16, 3, 2)
    x = b.inverted_bottleneck(x, 16)
    x = b.inverted_bottleneck(x, 24, stride=2)
    gate = b.act(b.conv(b.act(b.conv(b.global_pool(x), 8)), 24), "sigmoid")
    x = b.elementwise("mul", x, gate)
    y = b.act(b.conv(x, 24, 3), "hardswish")
    x = b.concat([x, y])
    left, right = b.split(x, [24, 24])
    x = b.add(left, right)
    x = b.permute(b.reshape(x, (1, 24, 64)), (0, 2, 1))
    x = b.add(x, b.attention(b.linear(x, 24), b.linear(x, 24), b.linear(x, 24)))
    x = b.layer_norm(x)
    shared = b.ops[-4].weights
    x = b.op("linear", [x], b.shape(x), weights=dict(shared), path="shared")
    return b.build(b.linear(b.op("reduce", [x], (1, 24), fn="mean", dims=[1], keepdim=False), 10))


GRAPHS = {"tower": tower(), "mobilenet": mobilenet_v2(64)}


def resize(graph: Graph, tensor: int, factor: int) -> Graph:
    """One tensor scaled in one dimension: no valid model, but a valid question to a cost model."""
    old = graph.tensors[tensor]
    at = min(1, len(old.shape) - 1)
    shape = tuple(d * factor if i == at else d for i, d in enumerate(old.shape))
    return graph.replace(tensors={**graph.tensors, tensor: old._replace(shape=shape)})


def swap(graph: Graph, position: int, fn: str) -> Graph:
    """Another function for an activation or element-wise op, or stride attributes of its own for anything else."""
    op = graph.ops[position]
    ops = list(graph.ops)
    attrs = {**op.attrs, "fn": fn} if op.op in ("activation", "elementwise") else dict(op.attrs)
    ops[position] = replace(op, attrs=attrs)
    return graph.replace(ops=ops)


def bypass(graph: Graph, position: int) -> Graph:
    """An op taken out, its readers reading its first input; the graph itself where that op has several outputs."""
    op = graph.ops[position]
    if len(op.outputs) != 1 or not op.inputs:
        return graph
    (old,), new = op.outputs, op.inputs[0]

    def renamed(ids):
        return tuple(new if t == old else t for t in ids)

    ops = [replace(o, inputs=renamed(o.inputs)) if old in o.inputs else o for o in graph.ops if o is not op]
    return graph.replace(ops=ops, outputs=renamed(graph.outputs))


def insert(graph: Graph, position: int) -> Graph:
    """An activation behind an op of one output, read by all that read the op's."""
    op = graph.ops[position]
    if len(op.outputs) != 1:
        return graph
    (old,), new = op.outputs, max(graph.tensors) + 1
    added = Op(max(graph.by_key) + 1, "activation", "relu", {"fn": "relu"}, (old,), (new,))

    def renamed(ids):
        return tuple(new if t == old else t for t in ids)

    ops = [replace(o, inputs=renamed(o.inputs)) if old in o.inputs else o for o in graph.ops]
    ops.insert(position + 1, added)
    tensors = {**graph.tensors, new: graph.tensors[old]}
    return graph.replace(ops=ops, tensors=tensors, outputs=renamed(graph.outputs))


def cut(graph: Graph, position: int) -> Graph:
    """An op that reads nothing any more: it becomes a constant, and so may what follows."""
    ops = list(graph.ops)
    ops[position] = replace(ops[position], op="create", attrs={"fn": "zeros"}, inputs=(), weights={})
    return graph.replace(ops=ops)


def turn(graph: Graph, position: int) -> Graph:
    """An op becomes unknown to every cost model."""
    ops = list(graph.ops)
    ops[position] = replace(ops[position], op="other", attrs={"fn": "x"})
    return graph.replace(ops=ops)


def regroup(graph: Graph, position: int, groups: int) -> Graph:
    """A convolution in groups, or in 16 bits: another kind of kernel in the same wiring; the graph itself where that op
    is none that has so many."""
    op = graph.ops[position]
    if op.op not in ("conv", "linear"):
        return graph
    ops, tensors = list(graph.ops), dict(graph.tensors)
    key = op.weights["weight"]
    out, inputs, *window = tensors[key].shape
    if groups == 1 or op.op == "linear":
        ops[position] = replace(op, attrs={**op.attrs, "precision": "int16"})
    elif op.attrs["groups"] == 1 and out % groups == inputs % groups == 0:
        ops[position] = replace(op, attrs={**op.attrs, "groups": groups})
        tensors[key] = tensors[key]._replace(shape=(out, inputs // groups, *window))
    return graph.replace(ops=ops, tensors=tensors)


@st.composite
def edits(draw, graph: Graph) -> Graph:
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["resize", "resize", "swap", "bypass", "insert", "cut", "turn", "regroup", "keep"]))
        position = draw(st.integers(0, len(graph.ops) - 1))
        if kind == "resize":
            graph = resize(graph, draw(st.sampled_from(sorted(graph.tensors))), draw(st.integers(2, 5)))
        elif kind == "swap":
            graph = swap(graph, position, draw(st.sampled_from(["relu", "hardswish", "sigmoid", "add", "mul"])))
        elif kind == "bypass":
            graph = bypass(graph, position)
        elif kind == "insert":
            graph = insert(graph, position)
        elif kind == "cut":
            graph = cut(graph, position)
        elif kind == "turn":
            graph = turn(graph, position)
        elif kind == "regroup":
            graph = regroup(graph, position, draw(st.sampled_from([1, 2, 8])))
    return graph
