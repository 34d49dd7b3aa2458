"""Batch norms folded into the convolutions and linear layers before them, as deployments do: a pure change of a graph.

Only the structure matters to a measurement: the layer gains a bias, the norm is gone.
"""

from __future__ import annotations

from advisor.graph import Graph, Op, Tensor


def folded(graph: Graph) -> tuple[Graph, dict[int, tuple[int, ...]]]:
    """The graph without the batch norms that a layer can take in, and by key of such a layer what it stands for."""
    outputs = set(graph.outputs)
    tensors = dict(graph.tensors)
    taken: dict[int, Op] = {}
    rows: dict[int, tuple[int, ...]] = {}
    for norm in graph.ops:
        layer = graph.producer.get(norm.inputs[0]) if norm.op == "batch_norm" and len(norm.inputs) == 1 else None
        if layer is None or not _takes(graph, layer, norm) or not outputs.isdisjoint(layer.outputs):
            continue
        weights = dict(layer.weights)
        if "bias" not in weights:
            bias = max(tensors) + 1
            tensors[bias] = Tensor(graph.weight_shape(norm, "running_mean") or (), role="parameter")
            weights["bias"] = bias
        inputs, outs = layer.inputs, norm.outputs
        taken[layer.key] = Op(layer.key, layer.op, layer.target, layer.attrs, inputs, outs, weights, layer.path, True)
        rows[layer.key] = (layer.key, norm.key)
    gone = {norm for _, norm in rows.values()}
    ops = [taken.get(op.key, op) for op in graph.ops if op.key not in gone]
    return graph.replace(ops=ops, tensors=tensors), rows


def _takes(graph: Graph, layer: Op, norm: Op) -> bool:
    """Whether the layer's own weights can take the norm in: nobody else sees its result or shares its weights."""
    return (
        layer.op in ("conv", "linear")
        and "weight" in layer.weights
        and "running_mean" in norm.weights
        and len(layer.inputs) == 1
        and len(graph.consumers[layer.outputs[0]]) == 1
        and len(graph.weight_readers[layer.weights["weight"]]) == 1
        and (layer.op == "conv" or len(graph.shape(layer.outputs[0])) == 2)
    )
