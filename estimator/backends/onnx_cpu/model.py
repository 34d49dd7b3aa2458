"""A graph as the bytes of an ONNX model, written from its plain data: random weights, one node or a few for each op."""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, ValueInfoProto, helper

from advisor.graph import Graph, Op

from ...measuring import Unmeasurable
from . import nodes, plain_nodes
from .nodes import Model, NoNode, Write, Writer, element_type

OPSET = 20
IR_VERSION = 9
"""What belongs to the opset; a runtime of some age reads it."""

SEED = 20

WRITERS: dict[str, Write] = {**nodes.WRITERS, **plain_nodes.WRITERS}


def written(graph: Graph) -> ModelProto:
    """The model; weights are seeded. Raises :class:`Unmeasurable`, which names every op that is not written."""
    model = Model(graph)
    reasons: dict[int, str] = {}
    for op in graph.ops:
        if op.op not in WRITERS:
            reasons[op.key] = f"not written as ONNX: {op.attrs.get('fn', op.op)}"
            continue
        try:
            WRITERS[op.op](Writer(model, op))
        except NoNode as e:
            reasons[op.key] = f"not written as ONNX: {e}"
    if reasons:
        raise Unmeasurable(reasons)
    _stored(model)
    inputs = [_info(graph, t) for t in graph.inputs]
    outputs = [_info(graph, t) for t in dict.fromkeys(graph.outputs)]
    made = helper.make_graph(model.nodes, "graph", inputs, outputs, list(model.constants.values()))
    opset = helper.make_opsetid("", OPSET)
    return helper.make_model(made, opset_imports=[opset], ir_version=IR_VERSION, producer_name="nas-advisor")


def feeds(graph: Graph) -> dict[str, NDArray[np.generic]]:
    """Seeded values of the model's inputs, by name."""
    rng = np.random.default_rng(SEED)
    return {f"t{t}": _values(graph, t, "input", None, rng) for t in graph.inputs}


def _info(graph: Graph, t: int) -> ValueInfoProto:
    tensor = graph.tensors[t]
    return helper.make_tensor_value_info(f"t{t}", element_type(tensor.dtype), list(tensor.shape))


def _stored(model: Model) -> None:
    """A constant for every parameter and buffer that some op reads."""
    rng = np.random.default_rng(SEED)
    graph, inputs = model.graph, set(model.graph.inputs)
    for op in graph.ops:
        for role, t in (*op.weights.items(), *(("", t) for t in op.inputs)):
            name = f"t{t}"
            if graph.tensors[t].role == "activation" or t in inputs or name in model.constants:
                continue
            model.constant(name, _values(graph, t, role, op, rng))


def _values(graph: Graph, t: int, role: str, op: Op | None, rng: np.random.Generator) -> NDArray[np.generic]:
    """Random values that keep activations near one; indices are below two, which every table has."""
    tensor = graph.tensors[t]
    shape = tensor.shape
    if tensor.dtype == "bool":
        return rng.random(shape) < 0.5
    if not tensor.dtype.startswith(("float", "bfloat")):
        return rng.integers(0, 2, shape).astype(tensor.dtype)
    value = rng.standard_normal(shape, np.float32)
    if role == "running_var":
        return np.abs(value) * np.float32(0.1) + np.float32(0.95)
    if role == "weight" and len(shape) == 1:
        return value * np.float32(0.05) + np.float32(1)
    if role == "weight" and op is not None and op.op != "embedding":
        return value * np.float32((2 / max(1, prod(shape[1:]))) ** 0.5)
    return value if role == "input" else value * np.float32(0.1)
